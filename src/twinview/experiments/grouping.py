"""Runs in groups of the same training, and how the groups differ."""

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

from twinview.experiments import group_labels, identity
from twinview.experiments.differences import ABSENT, differing_keys, is_option
from twinview.experiments.group import Group
from twinview.experiments.recorded_run import RecordedRun

CODE, DATA = "code", "data"  # may differ between groups with equal settings


def group_runs(runs: Sequence[RecordedRun]) -> list[Group]:
    """Runs with the same question, in groups of equal settings but for the seeds, data and code."""
    by_training: dict[str, list[RecordedRun]] = {}
    for run in runs:
        training = identity.digest(run.answer, run.data, run.code)
        by_training.setdefault(training, []).append(run)
    firsts = [members[0] for members in by_training.values()]
    keys = _differing(firsts)
    each = _values(firsts, keys)
    labels = group_labels.labels(firsts, each, keys)
    rows = zip(labels, each, by_training.values(), strict=True)
    return [
        Group(label, values, tuple(members), label != group_labels.label(members[0], values, keys))
        for label, values, members in rows
    ]


def changed_code(runs: Sequence[RecordedRun]) -> list[str]:
    """The files of code that differ among the runs that load them."""
    files = sorted({path for run in runs for path in run.code})
    return [f for f in files if len({run.code[f] for run in runs if f in run.code}) > 1]


def _differing(firsts: Sequence[RecordedRun]) -> list[str]:
    """The settings that are not equal in all, then DATA and CODE if they differ."""
    keys = differing_keys([run.answer for run in firsts])
    others = {DATA: _other_pairs(firsts), CODE: changed_code(firsts)}
    return [*keys, *(key for key, differs in others.items() if differs)]


def _other_pairs(firsts: Sequence[RecordedRun]) -> bool:
    """Whether runs with equal data.pairs have different data: the file of pairs was edited."""
    by_file: dict[str, set[str | None]] = {}
    for run in firsts:
        by_file.setdefault(str(run.answer.get("data.pairs")), set()).add(run.data)
    return any(len(hashes) > 1 for hashes in by_file.values())


def _values(firsts: Sequence[RecordedRun], keys: Sequence[str]) -> list[dict[str, Any]]:
    """The values of the keys in each run; letters stand for its data and its code."""
    changed = changed_code(firsts)
    codes = _letters([tuple(run.code.get(path) for path in changed) for run in firsts])
    contents = _letters([run.data for run in firsts])
    each = zip(firsts, codes, contents, strict=True)
    return [_stated(run.answer | {CODE: code, DATA: data}, keys) for run, code, data in each]


def _stated(settings: Mapping[str, Any], keys: Sequence[str]) -> dict[str, Any]:
    """The values of the keys, without options of plug-ins that are not chosen."""
    return {key: settings.get(key, ABSENT) for key in keys if key in settings or not is_option(key)}


def _letters(values: Sequence[Hashable]) -> list[str]:
    """A letter for each value; equal values have the same letter."""
    order = list(dict.fromkeys(values))
    return [_letter(order.index(value)) for value in values]


def _letter(number: int) -> str:
    """A to Z, then A1 to Z1 and so on."""
    turn, place = divmod(number, 26)
    return chr(ord("A") + place) + (str(turn) if turn else "")
