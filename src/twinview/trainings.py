"""Metrics of a result over its training seeds, here, at a commit or of a champion."""

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from twinview import paths
from twinview.artifacts import flat
from twinview.errors import DataError

Read = Callable[[Path], str | None]


@dataclass(frozen=True)
class Trainings:
    """A metric's values, one for each training seed; the training in reports/metrics.json is first.

    note: why it is one training only, where more were measured.
    """

    values: Mapping[str, tuple[float, ...]]
    note: str = ""


def trainings(read: Read, place: str) -> Trainings:
    """What reports/metrics.json says, and reports/seeds.json where that training is one of its own.

    read: the text of a file, None where there is none. place: where it reads, for messages. Stale
    seeds, of other settings or of other code, agree in no training with the metrics; so they are
    known without a look at either. Raises DataError where there are no metrics, or broken files.
    """
    alone = {name: (number(value),) for name, value in _leaves(read, paths.METRICS, place).items()}
    if read(paths.SEEDS) is None:
        return Trainings(alone)
    several = _leaves(read, paths.SEEDS, place)
    over = {
        name.removeprefix("metrics."): tuple(map(number, values))
        for name, values in several.items()
        if name.startswith("metrics.") and isinstance(values, list)
    }
    place_of_ours = _place(alone, over)
    if place_of_ours is None:
        return Trainings(alone, f"{paths.SEEDS} is of other trainings")
    return Trainings(
        {name: _first(place_of_ours, over.get(name, of)) for name, of in alone.items()}
    )


def number(value: Any) -> float:
    """A number of a JSON file; NaN for what is none."""
    return float(value) if type(value) in (int, float) else math.nan


def _leaves(read: Read, path: Path, place: str) -> dict[str, Any]:
    text = read(path)
    if text is None:
        raise DataError(f"{place}{path} is missing; `dvc repro` makes it")
    try:
        value = json.loads(text)
    except ValueError as error:
        raise DataError(f"{place}{path} is not valid JSON ({error}); make it anew") from None
    if not isinstance(value, Mapping):
        raise DataError(f"{place}{path} holds no metrics by name; make it anew")
    return flat(value)


def _place(
    alone: Mapping[str, tuple[float, ...]], over: Mapping[str, tuple[float, ...]]
) -> int | None:
    """Which of the several trainings is the one, all of whose metrics are equal."""
    shared = alone.keys() & over.keys()
    for place in range(min((len(over[name]) for name in shared), default=0)):
        if all(math.isclose(over[name][place], alone[name][0], abs_tol=1e-9) for name in shared):
            return place
    return None


def _first(place: int, values: tuple[float, ...]) -> tuple[float, ...]:
    return values[place : place + 1] + values[:place] + values[place + 1 :]
