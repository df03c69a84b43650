"""Runs in groups of the same training, and what tells the groups apart."""

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

from twinview.experiments import group_labels, identity
from twinview.experiments.differences import ABSENT, differing_keys, is_option
from twinview.experiments.group import Group
from twinview.experiments.recorded_run import RecordedRun

CODE, DATA = "code", "data"  # what may differ between groups of equal settings


def group_runs(runs: Sequence[RecordedRun]) -> list[Group]:
    """Runs that were asked the same, by training: equal settings but for the seeds, data, code."""
    together: dict[str, list[RecordedRun]] = {}
    for run in runs:
        training = identity.digest(run.answer, run.data, run.code)
        together.setdefault(training, []).append(run)
    firsts = [members[0] for members in together.values()]
    keys = _differing(firsts)
    each = _values(firsts, keys)
    labels = group_labels.labels(firsts, each, keys)
    rows = zip(labels, each, together.values(), strict=True)
    return [
        Group(label, values, tuple(own), label != group_labels.label(own[0], values, keys))
        for label, values, own in rows
    ]


def changed_code(runs: Sequence[RecordedRun]) -> list[str]:
    """The files of code that are not the same in all runs that load them."""
    files = sorted({path for run in runs for path in run.code})
    return [f for f in files if len({run.code[f] for run in runs if f in run.code}) > 1]


def _differing(firsts: Sequence[RecordedRun]) -> list[str]:
    """The settings that are not equal in all, then DATA and CODE where those are not."""
    found = differing_keys([run.answer for run in firsts])
    others = {DATA: _other_pairs(firsts), CODE: changed_code(firsts)}
    return [*found, *(key for key, differs in others.items() if differs)]


def _other_pairs(firsts: Sequence[RecordedRun]) -> bool:
    """Whether equal settings got other data: a file of labelled pairs was edited."""
    found: dict[str, set[str | None]] = {}
    for run in firsts:
        found.setdefault(str(run.answer.get("data.pairs")), set()).add(run.data)
    return any(len(hashes) > 1 for hashes in found.values())


def _values(firsts: Sequence[RecordedRun], keys: Sequence[str]) -> list[dict[str, Any]]:
    """What each has of the keys; letters stand for its data and code."""
    changed = changed_code(firsts)
    codes = _letters([tuple(run.code.get(path) for path in changed) for run in firsts])
    contents = _letters([run.data for run in firsts])
    each = zip(firsts, codes, contents, strict=True)
    return [_stated(run.answer | {CODE: code, DATA: data}, keys) for run, code, data in each]


def _stated(settings: Mapping[str, Any], keys: Sequence[str]) -> dict[str, Any]:
    """The keys' values; options of a plug-in that is not chosen are left out."""
    return {key: settings.get(key, ABSENT) for key in keys if key in settings or not is_option(key)}


def _letters(found: Sequence[Hashable]) -> list[str]:
    """A letter for each, the same for equal ones."""
    order = list(dict.fromkeys(found))
    return [_letter(order.index(one)) for one in found]


def _letter(number: int) -> str:
    """A to Z, then A1 to Z1 and so on."""
    turn, place = divmod(number, 26)
    return chr(ord("A") + place) + (str(turn) if turn else "")
