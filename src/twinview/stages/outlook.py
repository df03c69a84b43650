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
from twinview.stages.pending import Entry, pending, recorded, upstream

_RUN = paths.SCRATCH / "twinview/run.json"  # what the DVC that runs has done so far
_TIMES = paths.SCRATCH / "twinview/stage_times.json"  # by stage: measured, and by its rate
_DOUBT_S = 60  # seconds that stages must take until they say more of the others than the rates do


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
    "prepare": Rate(5, values=0.1),
    "views": Rate(3),
    "baselines": Rate(4, values=0.6, passes=0.55),  # passes: of the encoder with all labels
    "pretrain": Rate(5, passes=1.05),
    "embed": Rate(3, values=0.5),
    "evaluate_baselines": Rate(4, examples=5),
    "evaluate": Rate(4, examples=2),
    "report": Rate(12, examples=0.1),
    "publish": Rate(10),
}


def announce(stage: str) -> None:
    """Prints the line of a stage that DVC has started; of any other one it says nothing."""
    process = _dvc()
    if os.environ.get("DVC_STAGE") != stage or stage not in _RATES or process is None:
        return
    settings, before = params.stated(Path("params.yaml")), _load(_RUN)
    dvc = f"{process.pid} {process.create_time()}"
    finished = before["finished"] if before.get("dvc") == dvc else {}
    rated = _rated(settings, _train_examples(stage, settings))
    left = _left(stage, finished, settings, process.cmdline())
    print(_line(stage, left, finished, _expected(rated)), flush=True)
    run = {"dvc": dvc, "finished": finished, "stage": stage, "rated": rated.get(stage)}
    # A stage that was killed may go on, and then takes less than a whole one.
    files.save_json(_RUN, run | {"whole": before.get("stage") != stage})


def taken() -> dict[str, float]:
    """The seconds that each stage took when it last ran in this project, in their order."""
    times = _load(paths.root() / _TIMES)
    return {stage: times[stage][0] for stage in _RATES if stage in times}


def record(stage: str) -> None:
    """Remembers how long an announced stage took, from the start of its process."""
    run = _load(_RUN)
    if os.environ.get("DVC_STAGE") != stage or run.get("stage") != stage:
        return
    seconds = time.time() - psutil.Process().create_time()
    if run["whole"] and run["rated"]:
        file = paths.root() / _TIMES
        files.save_json(file, _load(file) | {stage: [seconds, run["rated"]]})
    finished = {**run["finished"], stage: seconds}
    files.save_json(_RUN, run | {"stage": None, "finished": finished})


def expected_seconds(settings: Mapping[str, Any], examples: float) -> float:
    """How long all stages take together. examples: of the train split."""
    return sum(_expected(_rated(settings, examples)).values())


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
    wanted = _wanted(command, entries)
    stages = [name for name in wanted if name != stage]
    return {stage, *pending(stages, finished, settings, entries)}


def _wanted(command: Collection[str], entries: Mapping[str, Entry]) -> list[str]:
    """The stages that a command of DVC asks for, with those that they read from; all by default.

    Where dvc.lock does not know yet what they read, these are all stages before them.
    """
    order = list(_RATES)
    targets = [name for name in order if name in command]
    if not targets:
        return order
    if not all(name in entries for name in targets):
        return order[: order.index(targets[-1]) + 1]
    found = upstream(targets, entries)
    return [name for name in order if name in found]


def _rated(settings: Mapping[str, Any], examples: float | None) -> dict[str, float]:
    """The seconds of each stage by its rate; empty while the train examples are not counted."""
    if examples is None:
        return {}
    side, channels = value_at(settings, "data.size"), value_at(settings, "data.channels")
    size = examples, examples * side**2 * channels
    epochs = {name: value_at(settings, f"{name}.epochs") for name in ("baselines", "pretrain")}
    if not value_at(settings, "baselines.supervised"):
        epochs["baselines"] = 0
    return {name: rate.seconds(*size, epochs.get(name, 0)) for name, rate in _RATES.items()}


def _expected(rated: Mapping[str, float]) -> dict[str, float]:
    """The rated seconds, times how much longer each stage took before in this project.

    A stage that has not run yet takes as much longer as the others took together.
    """
    known = {name: times for name, times in _load(paths.root() / _TIMES).items() if name in rated}
    measured, by_rate = (sum(times[i] for times in known.values()) + _DOUBT_S for i in (0, 1))
    paces = {name: seconds / rate for name, (seconds, rate) in known.items()}
    return {name: seconds * paces.get(name, measured / by_rate) for name, seconds in rated.items()}


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
