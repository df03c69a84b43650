"""Checks the settings, runs `dvc repro`, and prints the results.

Runs only the stages that have changed; an interrupted training continues from its checkpoint. With
names, the command runs these stages and those before them, and prints no results. --recipe writes a
recipe into params.yaml first, as `twinview use` does, and leaves it there. --data does so with
settings for a folder of pictures, which are chosen by what lies in it; with the folder that
params.yaml names already, it changes no setting. A folder is scanned for changes first. If DVC
fails, the exit status is DVC's, which is 1 or more.

    $ twinview repro --recipe long
"""

import argparse
import time
from pathlib import Path

from twinview.cli import check, own_pictures, scan, show, use
from twinview.cli.outcome import Outcome
from twinview.core import paths
from twinview.core.commands import dvc
from twinview.settings import params, recipes
from twinview.stages import stage


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the stages and the recipe."""
    parser.add_argument("stages", nargs="*", help="stages of dvc.yaml; default: all")
    parser.add_argument("--recipe", help="a file of recipes/, or its name without .yaml")
    about = "a folder of pictures of your own; it is only read"
    parser.add_argument("--data", type=Path, metavar="FOLDER", help=about)


def run(options: argparse.Namespace) -> Outcome:
    """Runs the pipeline; returns its results, or DVC's status if DVC fails."""
    if options.data:
        print(own_pictures.use_folder(options.data).text)
    if options.recipe:
        print(use.apply_recipe(recipes.find(options.recipe), []).text)
    checked = check.check_project(Path("params.yaml"))
    print(checked.text)
    if scanned := scan.scan(params.load()):
        print(scanned.text)
    with stage.folder_lock("repro"):
        in_git = checked.data["git"]
        if in_git is False or (in_git and Path(".dvc/config.local").exists()):
            dvc("config", "--local", "core.no_scm", str(not in_git).lower())
        trained_before, start = _training_time(), time.monotonic()
        if status := dvc("repro", *options.stages):
            return Outcome("", {"error": f"`dvc repro` ended with {status}", "faults": []}, status)
    if options.stages:
        return Outcome("", {"stages": options.stages})
    has_trained = _training_time() != trained_before
    return show.show_results((time.monotonic() - start) / 60 if has_trained else None)


def _training_time() -> float | None:
    """When the encoder in models/ was trained, by its file's time; None without an encoder."""
    return paths.PRETRAIN_RUN.stat().st_mtime if paths.PRETRAIN_RUN.exists() else None
