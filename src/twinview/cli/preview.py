"""Runs the pipeline on a part of Fashion-MNIST in some three minutes, and leads to the page.

The run has a folder of its own, build/try, and the settings of recipes/try.yaml over those of
params.yaml. So params.yaml, dvc.lock and the results of full runs stay as they are. A second call
runs only what has changed. `make try` does the same, after the installation.

    $ twinview preview
"""

import argparse
import contextlib
import shutil
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from twinview.cli.outcome import Outcome
from twinview.core import files, paths
from twinview.core.commands import dvc
from twinview.core.counts import counted, format_duration
from twinview.core.errors import ConfigError, MissingError
from twinview.core.text_table import format_table
from twinview.reporting.summary import results
from twinview.settings import params, recipes
from twinview.stages import outlook, stage

FOLDER = Path("build/try")
_RECIPE = "try"
_LINKED = ("src", "pipeline", "data/pairs", "data/weights", "data/raw")
_COPIED = ("dvc.yaml", ".dvcignore", ".dvc/config")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds none."""


def run(options: argparse.Namespace) -> Outcome:
    """The results on a part of the data, or DVC's status if DVC fails."""
    recipe = recipes.find(_RECIPE)
    small = params.stated(recipe)
    params.check_stated(small, str(recipe))
    make_folder(small)
    with contextlib.chdir(FOLDER), stage.folder_lock("repro"):
        if status := dvc("repro", "report"):  # without publish: MLflow has full runs only
            return Outcome("", {"error": f"`dvc repro` ended with {status}", "faults": []}, status)
        found = results()
    full = params.load()
    text = "\n".join([*_table(found), f"The page: {FOLDER / paths.REPORT}", "", _full(small, full)])
    return Outcome(text, found | {"folder": str(FOLDER)})


def make_folder(settings: dict[str, Any]) -> None:
    """Makes build/try: links to code and raw data, copies of what DVC reads, the settings.

    Raises ConfigError outside of a project with the code.
    """
    missing = next(
        (name for name in (*_COPIED, "src", "pipeline") if not Path(name).exists()), None
    )
    if missing:
        raise ConfigError.at(Path.cwd(), f"has no {missing}", "run in a clone of twinview")
    for name in _LINKED:
        target, link = Path(name).absolute(), FOLDER / name
        if not target.exists():
            target.mkdir(parents=True)
        link.parent.mkdir(parents=True, exist_ok=True)
        if not link.is_symlink():
            link.symlink_to(target)
    for name in _COPIED:
        (FOLDER / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(name, FOLDER / name)
    # The folder lies in the project's git repository, which ignores it.
    config = FOLDER / ".dvc/config"
    config.write_text(config.read_text("utf-8").replace("[core]", "[core]\n    no_scm = true", 1))
    files.save_json(FOLDER / paths.SCAN, {})
    with files.atomic_file(FOLDER / "params.yaml") as temporary, temporary.open("w") as file:
        YAML(typ="safe").dump(settings, file)


def _table(found: dict[str, Any]) -> list[str]:
    """The primary metric of each contender, and of the encoder in the last full run if known."""
    measured = {**found["results"]}
    with contextlib.suppress(MissingError):
        measured["encoder, full run"] = results()["results"][paths.OURS]
    primaries = {name: found["entries"][name]["primary"] for name in found["results"][paths.OURS]}
    rows = [
        [row, *(_cell(of, name, primary) for name, primary in primaries.items())]
        for row, of in measured.items()
    ]
    return format_table([["", *primaries], *rows], right=True)


def _cell(measured: dict[str, Any], name: str, primary: str) -> str:
    value = measured.get(name, {}).get(primary)
    return "" if value is None else f"{value:.3f}"


def _full(small: dict[str, Any], full: params.Params) -> str:
    """What the full run adds, in words."""
    data, train = small["data"], full.data.train
    seconds = outlook.expected_seconds(full.model_dump(mode="json"), train)
    return (
        f"The full run is `make repro`: it trains on {train:,} examples for "
        f"{counted(full.pretrain.epochs, 'epoch')} "
        f"(here {data['train']:,} for {small['pretrain']['epochs']}) "
        f"and tests on {full.data.test:,} (here {data['test']:,}). It also chooses the probes' "
        "options among more values, measures more numbers of labels, and writes a row in MLflow. "
        f"It takes some {format_duration(seconds)}."
    )
