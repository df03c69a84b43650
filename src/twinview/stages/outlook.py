"""One line for each stage that DVC starts: its place in the run, its share, and the time left.

The expected seconds come from _RATES, which were measured on 2 cores, times how much longer a stage
took in this project than its rate says. The line is printed on a terminal and in a log alike.
Stages that keep their results, or take them from DVC's cache, are no part of the run.
"""

import contextlib
import os
import time
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import psutil

from twinview.core import files, paths
from twinview.core.errors import DataError
from twinview.settings import params
from twinview.settings.dotted import value_at
from twinview.stages.pending import pending, recorded, upstream

_RUN = paths.SCRATCH / "twinview/run.json"  # what the DVC that runs has done so far
_PACES = paths.SCRATCH / "twinview/paces.json"  # by stage: measured by expected seconds


class Rate(NamedTuple):
    """Expected seconds of a stage: `fixed`, and those for each unit of the train split.

    Parameters
    ----------
    fixed : of any data.
    examples : of a thousand examples.
    values : of a million values, such as pixels.
    passes : of a million values in one epoch of the training.
    """

    fixed: float
    examples: float = 0.0
    values: float = 0.0
    passes: float = 0.0

    def seconds(self, examples: float, values: float, epochs: int) -> float:
        """The expected seconds for a train split of so many examples and values."""
        for_values = (self.values + self.passes * epochs) * values / 1e6
        return self.fixed + self.examples * examples / 1e3 + for_values


# Each stage stands after those that it reads from.
_RATES = {
    "prepare": Rate(3, values=0.1),
    "views": Rate(3),
    "baselines": Rate(4, values=0.6, passes=0.55),
    "pretrain": Rate(5, passes=1.05),
    "embed": Rate(3, values=0.5),
    "evaluate_baselines": Rate(4, examples=5),
    "evaluate": Rate(4, examples=2),
    "report": Rate(12, examples=0.1),
    "publish": Rate(6),
}


def announce(stage: str) -> None:
    """Prints the line of a stage that DVC has started; of any other one it says nothing."""
    process = _dvc()
    if os.environ.get("DVC_STAGE") != stage or stage not in _RATES or process is None:
        return
    settings, before = params.stated(Path("params.yaml")), _load(_RUN)
    dvc = f"{process.pid} {process.create_time()}"
    finished = before["finished"] if before.get("dvc") == dvc else {}
    expected = _expected(settings, _train_examples(stage, settings))
    left = _left(stage, finished, settings, process.cmdline())
    print(_line(stage, left, finished, expected), flush=True)
    run = {"dvc": dvc, "finished": finished, "stage": stage, "expected": expected.get(stage)}
    # A stage that was killed may go on, and then takes less than a whole one.
    files.save_json(_RUN, run | {"whole": before.get("stage") != stage})


def record(stage: str) -> None:
    """Remembers how long an announced stage took, from the start of its process."""
    run = _load(_RUN)
    if os.environ.get("DVC_STAGE") != stage or run.get("stage") != stage:
        return
    seconds = time.time() - psutil.Process().create_time()
    if run["whole"] and run["expected"]:
        file = paths.root() / _PACES
        files.save_json(file, _load(file) | {stage: seconds / run["expected"]})
    finished = {**run["finished"], stage: seconds}
    files.save_json(_RUN, run | {"stage": None, "finished": finished})


def _line(
    stage: str,
    left: Collection[str],
    finished: Mapping[str, float],
    expected: Mapping[str, float],
) -> str:
    place = f"{stage}: stage {len(finished) + 1} of {len(finished) + len(left)}"
    if not expected:
        return place
    from twinview.core.counts import format_duration  # here, so that no stage depends on words

    remaining = sum(expected[name] for name in left)
    share = expected[stage] / (sum(finished.values()) + remaining)
    share_text = f"{max(share, 0.01):.0%}"
    return f"{place}, some {share_text} of the run; some {format_duration(remaining)} left"


def _left(
    stage: str, finished: Collection[str], settings: Mapping[str, Any], command: Collection[str]
) -> set[str]:
    """The stage, and those that will run after it. command: of DVC, which may name stages."""
    entries = recorded()
    stages = [name for name in _RATES if name != stage]
    targets = set(command) & _RATES.keys()
    wanted = upstream(targets, entries) if targets else _RATES.keys()
    return {stage, *pending(stages, {*finished}, settings, entries)} & wanted


def _expected(settings: Mapping[str, Any], examples: float | None) -> dict[str, float]:
    """The seconds of each stage; empty as long as the number of train examples is not known."""
    if examples is None:
        return {}
    side, channels = value_at(settings, "data.size"), value_at(settings, "data.channels")
    size = examples, examples * side**2 * channels, value_at(settings, "pretrain.epochs")
    known = {name: pace for name, pace in _load(paths.root() / _PACES).items() if name in _RATES}
    other = sum(known.values()) / len(known) if known else 1.0
    return {name: known.get(name, other) * rate.seconds(*size) for name, rate in _RATES.items()}


def _train_examples(stage: str, settings: Mapping[str, Any]) -> float | None:
    """How many there are, or will be; None where prepare has yet to find that out."""
    if stage != "prepare":
        rows: Mapping[str, int] = _load(paths.PREPARED_INDEX).get("rows", {})
        return rows.get("train")
    stated: float = value_at(settings, "data.train")
    files_found = _load(paths.SCAN).get("files")
    share_of = 1 if stated >= 1 else files_found
    return None if share_of is None else stated * share_of


def _dvc() -> psutil.Process | None:
    """The DVC that has started this process."""
    with contextlib.suppress(psutil.Error):
        for process in psutil.Process().parents():
            if "dvc" in [Path(word).name for word in process.cmdline()[:4]]:
                return process
    return None


def _load(file: Path) -> dict[str, Any]:
    """What a file holds; nothing if it is missing or broken, since no result depends on it."""
    try:
        return dict(files.load_json(file))
    except (DataError, TypeError, ValueError):
        return {}
