"""The question of a run: its data, and the protocol by which its features are evaluated.

Only answers to the same question can be ranked: a better number for an easier question means
nothing. So `side_by_side` makes a comparison for each question.
"""

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from twinview.core import entries
from twinview.core.paths import PREPARED
from twinview.core.registry import names
from twinview.experiments.differences import ABSENT

DATA, PROTOCOL = "data", "protocol"  # the two ways in which questions differ
_OF_DATA, _OF_PROTOCOL = ("data.", "sources."), ("evaluate.", "tasks.", "probes.")

# Labels that a training may learn from, so they belong to the answer. The splits do not depend on
# them.
_PAIRS = "data.pairs"
# What is measured, and not how: a metric that two runs have is the same whatever else they have.
_MEASURED = {"evaluate.tasks", "evaluate.probe_projections", "evaluate.group_folds"}
# Options of what is not measured, or of another source, are absent, and contradict nothing.
_OPTIONS = ("sources.", "tasks.", "probes.")

Differences = Mapping[str, Mapping[str, tuple[Any, Any]]]  # by DATA or PROTOCOL, then by setting


@dataclass(frozen=True)
class Question:
    """data, protocol: settings by dotted name; the protocol's own name stands among its settings.

    prepared: the hash of the prepared data, by that of the labelled pairs within them.
    """

    data: Mapping[str, Any]
    protocol: Mapping[str, Any]
    prepared: Mapping[str | None, str]

    def differences(self, other: "Question") -> Differences:
        """What differs, as pairs of our value and the other's; empty if the two can be compared."""
        found = {
            DATA: _other_data(self, other),
            PROTOCOL: _unequal(self.protocol, other.protocol),
        }
        return {kind: settings for kind, settings in found.items() if settings}

    def joined(self, other: "Question") -> "Question":
        """One question with the settings of both, which do not differ."""
        return Question(
            {**other.data, **self.data},
            {**other.protocol, **self.protocol},
            {**other.prepared, **self.prepared},
        )


@dataclass(frozen=True)
class Part:
    """A question, and its indices in a sequence of questions."""

    question: Question
    places: tuple[int, ...]


def question(
    settings: Mapping[str, Any], prepared: str | None, pairs: str | None, name: str | None
) -> Question:
    """The question of a run.

    Parameters
    ----------
    settings : the settings in effect by dotted name.
    prepared : the hash of the prepared data, or None.
    pairs : the file of labelled pairs with its hash, or None.
    name : the name of the protocol, or None.
    """
    protocol = {key: settings[key] for key in settings if _is_of(key, _OF_PROTOCOL)}
    return Question(
        data={key: settings[key] for key in settings if _is_of(key, _OF_DATA)},
        protocol=protocol | ({} if name is None else {PROTOCOL: name}),
        prepared={} if prepared is None else {pairs: prepared},
    )


def answer(settings: Mapping[str, Any]) -> dict[str, Any]:
    """The settings of a run's answer: those that neither ask the question nor name the tasks."""
    asked = (*_OF_DATA, *_OF_PROTOCOL)
    return {
        key: value
        for key, value in settings.items()
        if not _is_of(key, asked) and key not in _measured()
    }


def parted(questions: Sequence[Question]) -> list[Part]:
    """Equal questions in parts; the part with the most of them is first.

    Questions with the most settings are taken first, so that one that lacks some can join them.
    """
    found: list[Part] = []
    for place in sorted(range(len(questions)), key=lambda at: -len(questions[at].protocol)):
        asked = questions[place]
        fitting = next((part for part in found if not asked.differences(part.question)), None)
        if fitting is None:
            found.append(Part(asked, (place,)))
            continue
        places = tuple(sorted((*fitting.places, place)))
        found[found.index(fitting)] = Part(fitting.question.joined(asked), places)
    return sorted(found, key=lambda part: (-len(part.places), part.places))


def _is_of(key: str, sections: tuple[str, ...]) -> bool:
    return key.startswith(sections) and key not in {*_measured(), _PAIRS}


@functools.cache
def _measured() -> set[str]:
    """The settings that say what is measured, those of tasks as these declare it."""
    options = (
        f"tasks.{task}.{option}"
        for task in names("tasks")
        for option in entries.declaration(task).lists
    )
    return _MEASURED.union(options)


def _other_data(ours: Question, theirs: Question) -> Mapping[str, tuple[Any, Any]]:
    """The data settings that differ; none if a hash is equal, since then the data are equal."""
    if set(ours.prepared.values()) & set(theirs.prepared.values()):
        return {}
    hashes = [
        (ours.prepared[pairs][:7], theirs.prepared[pairs][:7])
        for pairs in ours.prepared.keys() & theirs.prepared.keys()
    ]
    return _unequal(ours.data, theirs.data) or {str(PREPARED): pair for pair in hashes[:1]}


def _unequal(ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    return {
        key: (ours.get(key, ABSENT), theirs.get(key, ABSENT))
        for key in {**theirs, **ours}
        if ours.get(key, ABSENT) != theirs.get(key, ABSENT)
        and not (_says_nothing(key, ours) or _says_nothing(key, theirs))
    }


def _says_nothing(key: str, settings: Mapping[str, Any]) -> bool:
    """Whether a setting is absent where that contradicts nothing.

    That is the protocol's name, and the options of a plug-in of which no other option is there.
    """
    plug_in = key.rpartition(".")[0] + "."
    return key not in settings and (
        key == PROTOCOL
        or (key.startswith(_OPTIONS) and not any(of.startswith(plug_in) for of in settings))
    )
