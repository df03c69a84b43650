"""Recordings of several channels, cut into windows: what sources of time series return."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from twinview.core.counts import counted
from twinview.core.errors import ConfigError, DataError
from twinview.core.types import NO_GROUP, NO_LABEL, Source, Split
from twinview.data.labels import class_names
from twinview.data.picture_arrays import number
from twinview.data.series_options import WindowOptions

_IDS = 2**32  # a window's id is its recording's number times this, and its first step


@dataclass(frozen=True)
class Recording:
    """One recording.

    values: (channels, steps) float32, NaN where nothing was measured. labels: of each step, or of
    all steps as a tuple of one. group: windows of a group fall into one split; None: those of the
    recording do. split: where its windows have to be, or None.
    """

    name: str
    values: NDArray[np.float32]
    labels: tuple[str | None, ...]
    group: str | None = None
    split: str | None = None


def cut_windows(
    recordings: Sequence[Recording],
    window: WindowOptions,
    place: str,
    files: tuple[Path, ...] = (),
) -> Source:
    """The windows of all recordings.

    A recording that is shorter than a window gives one that ends with missing values. Of a longer
    one, the steps after the last whole window are left out and counted. A window has a label if all
    its steps have that one. Windows without any value are left out and counted.

    Parameters
    ----------
    recordings : in the order of their ids.
    window : their length and step.
    place : the file or the data set, for errors.
    files : those of the user.

    Raises
    ------
    DataError : recordings differ in channels, or a channel has no value in any of them.
    ConfigError : no recording is as long as a window.
    """
    _require_channels(recordings, place)
    longest = max(recording.values.shape[1] for recording in recordings)
    length = window.length or longest
    if length > longest:
        raise ConfigError.at(
            f"the window's length of {length}",
            f"is more than the {longest} steps of the longest recording of {place}",
            f"set window.length to {longest} or less",
        )
    step = window.step if window.length else length
    cut = [
        (row, start)
        for row, recording in enumerate(recordings)
        for start in range(0, max(recording.values.shape[1] - length, 0) + 1, step)
    ]
    inputs = np.stack([_window(recordings[row].values, start, length) for row, start in cut])
    kept = np.flatnonzero(~np.isnan(inputs).all((1, 2)))
    notes = _notes(recordings, inputs, len(kept), length, step)
    cut = [cut[row] for row in kept]
    labels = [_label(recordings[row].labels, start, length) for row, start in cut]
    groups = [recordings[row].group or recordings[row].name for row, _ in cut]
    classes, names = class_names(labels), class_names(groups)
    given = tuple(recordings[row].split for row, _ in cut)
    fit = Split(
        torch.from_numpy(inputs[kept]),
        number(labels, classes, NO_LABEL),
        torch.tensor([row * _IDS + start for row, start in cut]),
        number(groups, names, NO_GROUP) if len(names) < len(groups) else None,
    )
    return Source(
        fit,
        None,
        classes,
        "series",
        given if any(given) else None,
        files,
        names if len(names) < len(groups) else (),
        tuple(f"{recordings[row].name}, from step {start}" for row, start in cut),
        (*notes, *_unlabelled(labels)),
    )


def _require_channels(recordings: Sequence[Recording], place: str) -> None:
    channels = len(recordings[0].values)
    for recording in recordings:
        if len(recording.values) != channels:
            raise DataError.at(
                f"{place}, recording {recording.name!r},",
                f"has {counted(len(recording.values), 'channel')}, and the first has {channels}",
                "give all recordings the same channels",
            )
    has = np.array([~np.isnan(recording.values).all(1) for recording in recordings])
    if len(missing := np.flatnonzero(~has.any(0))):
        raise DataError.at(
            f"{place}, channel {missing[0]} (from 0),",
            "has no value in any recording",
            "leave the channel out",
        )


def _window(values: NDArray[np.float32], start: int, length: int) -> NDArray[np.float32]:
    part = values[:, start : start + length]
    pad = length - part.shape[1]
    return np.pad(part, ((0, 0), (0, pad)), constant_values=np.nan) if pad else part


def _label(labels: tuple[str | None, ...], start: int, length: int) -> str | None:
    """The label that all steps of a window have; None where they differ."""
    some = set(labels[start : start + length] if len(labels) > 1 else labels)
    return some.pop() if len(some) == 1 else None


def _notes(
    recordings: Sequence[Recording],
    inputs: NDArray[np.float32],
    kept: int,
    length: int,
    step: int,
) -> list[str]:
    """Sentences on how many windows there are, and on what is left out or missing."""
    steps = np.array([recording.values.shape[1] for recording in recordings])
    notes = [
        f"{counted(len(recordings), 'recording')} of {steps.min():,} to {steps.max():,} steps "
        f"give {counted(kept, 'window')} of {length} steps"
    ]
    if short := int((steps < length).sum()):
        notes.append(f"{counted(short, 'recording')} shorter than that end with missing values")
    if beyond := int(np.where(steps < length, 0, (steps - length) % step).sum()):
        notes.append(f"{counted(beyond, 'step')} after the last whole windows are left out")
    if empty := len(inputs) - kept:
        notes.append(f"{counted(empty, 'window')} without any value left out")
    if share := float(np.isnan(inputs).mean()):
        notes.append(f"{share:.1%} of the values are missing")
    return notes


def _unlabelled(labels: Sequence[str | None]) -> list[str]:
    count = sum(label is None for label in labels)
    if not 0 < count < len(labels):
        return []
    return [f"{count:,} of {len(labels):,} windows have no label, or several"]
