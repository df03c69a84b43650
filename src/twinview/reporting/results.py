"""The contenders' results for the page: a sentence, a table, the options that were chosen."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from twinview.core.paths import OURS
from twinview.evaluation.standings import REFERENCES, describe_gaps, is_worse
from twinview.settings.sections import FEW, PROPAGATED

BESIDE = ("raw_pixels", "supervised")
METRICS = {"accuracy": "accuracy", "precision": "precision", "recall": "recall", "f1": "F1"}

Found = Mapping[str, Mapping[str, Any]]  # of one contender: a task's metrics by its name


@dataclass(frozen=True)
class Cell:
    """A number as text. best: whether no other number of its column is better."""

    text: str
    best: bool


@dataclass(frozen=True)
class Row:
    """One contender's numbers."""

    name: str
    ours: bool
    cells: tuple[Cell, ...]


@dataclass(frozen=True)
class Table:
    """Groups are headings over one or more columns: (name, columns)."""

    groups: tuple[tuple[str, int], ...]
    columns: tuple[str, ...]
    rows: tuple[Row, ...]


def probes(found: Found) -> list[str]:
    """The tasks that have a confusion matrix: probes on all labels."""
    return [task for task, of in found.items() if "confusion" in of]


def sentence(contenders: Mapping[str, Found], examples: int) -> str:
    """Our accuracy under each probe, beside raw pixels and the supervised encoder."""
    parts = []
    for probe in probes(contenders[OURS]):
        others = ", ".join(
            f"{spoken(name)} {contenders[name][probe]['accuracy']:.3f}"
            for name in BESIDE
            if name in contenders
        )
        ours = contenders[OURS][probe]["accuracy"]
        parts.append(f"the {probe} probe {ours:.3f}" + (f" ({others})" if others else ""))
    return f"Accuracy on {examples:,} test examples: {'; '.join(parts)}."


def judgements(contenders: Mapping[str, Found]) -> list[tuple[str, bool]]:
    """A sentence on the gaps to each baseline, and whether we are worse in any task."""
    ours, found = contenders[OURS], []
    for name, words in REFERENCES.items():
        if name in contenders:
            theirs = contenders[name]
            gaps = {
                (few_labels(task) or spoken(task)): of["accuracy"] - theirs[task]["accuracy"]
                for task, of in ours.items()
            }
            found.append((f"Beside {words}: {describe_gaps(gaps)}.", is_worse(gaps)))
    return found


def table(contenders: Mapping[str, Found]) -> Table:
    """All metrics of the first probe, the accuracy of every other task."""
    columns = _columns(contenders[OURS])
    groups = {task: sum(of == task for of, _ in columns) for task, _ in columns}
    rows = [_row(name, contenders, columns) for name in contenders]
    return Table(
        groups=tuple((_heading(task), count) for task, count in groups.items()),
        columns=tuple(METRICS[metric] for _, metric in columns),
        rows=tuple(rows),
    )


def choices(contenders: Mapping[str, Found]) -> list[tuple[str, str, str, str]]:
    """The options chosen on validation: contender, probe, options, accuracy on validation."""
    return [
        (spoken(name), probe, _options(found[probe]["chosen"]), _chosen_accuracy(found[probe]))
        for name, found in contenders.items()
        for probe in probes(found)
    ]


def few_labels(task: str) -> str:
    """A task of few labels in words: "10 labels a class, propagated"; "" for another task."""
    kind, _, count = task.rpartition("_")
    if not count.isdigit() or kind not in FEW:
        return ""
    return f"{count} labels a class" + (", propagated" if kind == PROPAGATED else "")


def spoken(name: str) -> str:
    """A contender's name in words."""
    return name.replace("_", " ")


def _columns(found: Found) -> list[tuple[str, str]]:
    """(task, metric) of every column."""
    first = probes(found)[0]
    return [
        (task, metric) for task in found for metric in (METRICS if task == first else ("accuracy",))
    ]


def _row(name: str, contenders: Mapping[str, Found], columns: Sequence[tuple[str, str]]) -> Row:
    cells = []
    for task, metric in columns:
        own = contenders[name][task]
        best = max(found[task][metric] for found in contenders.values())
        spread = f" ± {own['spread_over_draws']:.3f}" if "spread_over_draws" in own else ""
        cells.append(Cell(f"{own[metric]:.3f}{spread}", own[metric] == best))
    return Row(spoken(name), name == OURS, tuple(cells))


def _heading(task: str) -> str:
    return few_labels(task) or f"{task} probe"


def _options(chosen: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {value:g}" for name, value in chosen.items())


def _chosen_accuracy(of: Mapping[str, Any]) -> str:
    return f"{max(trial['accuracy'] for trial in of['validation']):.3f}"
