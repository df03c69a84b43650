"""The contenders' results for the page: a sentence, a table, the options that were chosen."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from twinview.core import entries
from twinview.core.entries import OVER_GROUPS, SPREAD, Entry, in_words
from twinview.core.paths import OURS
from twinview.evaluation.standings import REFERENCES, describe_gaps, is_worse
from twinview.experiments.metric_names import BESIDE

Found = Mapping[str, Mapping[str, Any]]  # of one contender: an entry's results by its name
Contenders = Mapping[str, Found]
Entries = Mapping[str, Entry]


@dataclass(frozen=True)
class Cell:
    """A number as text. best: whether it is the largest of a column that judges."""

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
    """Groups are headings over one or more columns: (name, columns).

    describing: the names of the groups that describe features and do not judge them.
    """

    groups: tuple[tuple[str, int], ...]
    columns: tuple[str, ...]
    rows: tuple[Row, ...]
    describing: tuple[str, ...]


def predicting(found: Found) -> list[str]:
    """The entries that predict labels, and so have a confusion matrix."""
    return [name for name, of in found.items() if "confusion" in of]


def clustering(found: Found) -> list[str]:
    """The entries that found clusters, and so have contact sheets."""
    return [name for name, of in found.items() if "nearest" in of]


def sentence(contenders: Contenders, declared: Entries, examples: str) -> str:
    """Our primary measure in the first task, beside raw pixels and the supervised encoder.

    examples: on which it was measured, in words.
    """
    names = entries.of_first_task(declared)
    parts = []
    for name in names:
        entry = declared[name]
        others = ", ".join(
            f"{in_words(other)} {contenders[other][name][entry.primary]:.3f}"
            for other in BESIDE
            if other in contenders
        )
        ours = contenders[OURS][name][entry.primary]
        parts.append(f"{entry.words} {ours:.3f}" + (f" ({others})" if others else ""))
    measure = entries.title(declared[name].primary_words for name in names)
    return f"{measure} on {examples}: {'; '.join(parts)}."


def judgements(contenders: Contenders, declared: Entries) -> list[tuple[str, bool]]:
    """A sentence on the gaps to each baseline, and whether we are worse in any entry."""
    ours, found = contenders[OURS], []
    for reference, words in REFERENCES.items():
        if reference in contenders:
            theirs = contenders[reference]
            gaps = {
                name: ours[name][declared[name].primary] - theirs[name][declared[name].primary]
                for name in entries.judged(declared)
            }
            words_of = {name: entry.words for name, entry in declared.items()}
            no_shares = [name for name, entry in declared.items() if not entry.is_share]
            of_all = len(gaps) == len(declared)
            text = describe_gaps(gaps, words_of, no_shares, of_all=of_all)
            found.append((f"Beside {words}: {text}.", is_worse(gaps)))
    return found


def table(contenders: Contenders, declared: Entries) -> Table:
    """The primary measure of every entry, then the others of the first entry that has several."""
    first = next((name for name, entry in declared.items() if len(entry.measures) > 1), None)
    measures = [(name, [entry.primary]) for name, entry in declared.items()]
    if first is not None:
        entry = declared[first]
        measures.append((first, [name for name in entry.measures if name != entry.primary]))
    columns = [(name, measure) for name, shown in measures for measure in shown]
    return Table(
        groups=tuple((declared[name].words, len(shown)) for name, shown in measures),
        columns=tuple(declared[name].measures[measure] for name, measure in columns),
        rows=tuple(_row(name, contenders, declared, columns) for name in contenders),
        describing=tuple(
            entry.words for name, entry in declared.items() if name not in entries.judged(declared)
        ),
    )


def choices(contenders: Contenders, declared: Entries) -> list[tuple[str, str, str, str]]:
    """What validation chose: contender, entry, options, the primary measure on validation."""
    return [
        (
            in_words(contender),
            entry.words,
            _options(found[name]["chosen"]),
            f"{found[name][entry.validation]:.3f}",
        )
        for contender, found in contenders.items()
        for name, entry in declared.items()
        if "chosen" in found[name]
    ]


def over_groups(contenders: Contenders, declared: Entries) -> list[tuple[str, ...]]:
    """The primary measure when the examples are divided anew by groups, as rows of texts.

    A row has contender, entry, measure, its value in the first division, the mean and the standard
    deviation over the new divisions, and the interval of the mean.
    """
    rows: list[tuple[str, ...]] = []
    for contender, found in contenders.items():
        for name, entry in declared.items():
            if "over_groups" not in found[name]:
                continue
            drawn = found[name]["over_groups"][entry.primary]
            mean, (low, high) = found[name][f"{entry.primary}{OVER_GROUPS}"], drawn["interval"]
            values = f"{found[name][entry.primary]:.3f}", f"{mean:.3f} ± {drawn['deviation']:.3f}"
            names = in_words(contender), entry.words, entry.primary_words
            rows.append((*names, *values, f"{low:.3f} to {high:.3f}", str(len(drawn["draws"]))))
    return rows


def _row(
    name: str, contenders: Contenders, declared: Entries, columns: Sequence[tuple[str, str]]
) -> Row:
    cells = []
    for entry, measure in columns:
        own = contenders[name][entry]
        judges = entry in entries.judged(declared)
        best = max(found[entry][measure] for found in contenders.values())
        has_spread = SPREAD in own and measure == declared[entry].primary
        spread = f" ± {own[SPREAD]:.3f}" if has_spread else ""
        cells.append(Cell(f"{own[measure]:.3f}{spread}", judges and own[measure] == best))
    return Row(in_words(name), name == OURS, tuple(cells))


def _options(chosen: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {value:g}" for name, value in chosen.items())
