"""Entries of results: what tasks declare of them, and what the reports of a run say of them.

reports/evaluation.json records what the tasks declared when the run was evaluated, so that pages
and comparisons of an older run need no task of today.
"""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from twinview.core import declare, registry

_USUAL = ("is_share", True)  # not recorded, as in reports of earlier versions
SPREAD = "spread_over_draws"  # of the primary, beside it, where an entry is a mean over draws

OVER_GROUPS = "_over_groups"  # ends the name of a measure's mean over divisions by groups


@dataclass(frozen=True)
class Entry:
    """A named row of results. measures: names and words; primary: the one that is compared.

    is_share: whether differences of the primary are told in percentage points.
    """

    task: str
    words: str
    primary: str
    measures: Mapping[str, str]
    is_share: bool = True

    @property
    def primary_words(self) -> str:
        """The primary measure in words."""
        return self.measures[self.primary]

    @property
    def validation(self) -> str:
        """The name of the primary measure on validation, which stands beside those on test."""
        return f"validation_{self.primary}"


def declared(tasks: Mapping[str, Any]) -> dict[str, Entry]:
    """The entries of tasks by name. tasks: the options of each.

    An option `measures` lists those that the task's entries have, of all that the task declares.
    """
    return {
        name: Entry(task, words, own.primary, _measures(own, options), own.is_share)
        for task, options in tasks.items()
        for own in [declaration(task)]
        for name, words in own.entries(dict(options)).items()
    }


def _measures(own: declare.Task, options: Mapping[str, Any]) -> dict[str, str]:
    listed = dict(options).get("measures", own.measures)
    return {name: own.measures[name] for name in listed}


def judged(entries: Mapping[str, Entry]) -> list[str]:
    """The entries by which contenders are called better and worse: those measured by shares.

    Other measures, such as an effective rank, describe features, and judge them only where there
    is no share.
    """
    shares = [name for name, entry in entries.items() if entry.is_share]
    return shares or list(entries)


def declaration(task: str) -> declare.Task:
    """What a task declares."""
    found = registry.declaration("tasks", task)
    assert isinstance(found, declare.Task)
    return found


def to_json(entries: Mapping[str, Entry]) -> dict[str, Any]:
    """The entries as reports/evaluation.json records them; is_share stands there if it is False."""
    return {
        name: {key: value for key, value in asdict(entry).items() if (key, value) != _USUAL}
        for name, entry in entries.items()
    }


def recorded(evaluation: Mapping[str, Any]) -> dict[str, Entry]:
    """The entries that reports/evaluation.json records."""
    return {name: Entry(**entry) for name, entry in evaluation["entries"].items()}


def unrecorded(metrics: Mapping[str, Any]) -> dict[str, Entry]:
    """The entries of reports/metrics.json, where what tasks declared is not at hand.

    The first measure of an entry there is its primary.
    """
    return {
        name: Entry("", in_words(name), next(iter(of), ""), {key: in_words(key) for key in of})
        for name, of in metrics.items()
        if isinstance(of, Mapping)
    }


def of_first_task(entries: Mapping[str, Entry]) -> list[str]:
    """The names of the first task's entries."""
    first = next(iter(entries.values()))
    return [name for name, entry in entries.items() if entry.task == first.task]


def alternatives(measures: Iterable[str]) -> str:
    """Measures in words, each once: "accuracy", "accuracy or F1"."""
    return " or ".join(dict.fromkeys(measures))


def title(measures: Iterable[str]) -> str:
    """The alternatives as a title begins: "Accuracy", "Accuracy or F1"."""
    words = alternatives(measures)
    return words[:1].upper() + words[1:]


def in_words(name: str) -> str:
    """A name of results or of a contender in words."""
    return name.replace("_", " ")
