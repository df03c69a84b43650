"""A comparison in words, for the terminal and for Markdown."""

import textwrap
from collections.abc import Sequence

from twinview.core.text_table import format_table
from twinview.evidence import scoreboard
from twinview.experiments.comparison import Comparison, Standing
from twinview.experiments.group import Group
from twinview.experiments.intervals import WORDS
from twinview.experiments.metric_names import without_accuracy
from twinview.experiments.side_by_side import Compared
from twinview.reporting.comparison_words import MORE_SEEDS, cell, megabytes, minutes

BEST, TIED, UNSURE, MORE = "*", "≈", "?", "↑"
WIDTH = 120  # columns of a terminal
_SHARE = 4  # of a terminal's width, the part that names may take in tables below each other
_MARKS: dict[Standing, str] = {"best": BEST, "tied": TIED, "unsure": UNSURE, "more": MORE}


def notes(best: str) -> list[str]:
    """What the numbers and the marks mean; best: how the best is marked."""
    return [
        f"Accuracy on test. ±: {WORDS} over n training seeds; with one seed there is none.",
        f"{best}: the best of its column, picked on validation where all have numbers of it. "
        f"{TIED}: cannot be told apart from it on test (p >= 0.05, over the seeds of both where "
        "they share two; corrected for the number of groups, after Holm). "
        f"{UNSURE}: nothing can be said, for want of seeds. {MORE}: higher on test than the best.",
        "min: of pretraining, the mean; MB: what the runs keep in DVC's cache, and what of it no "
        "other group has.",
    ]


def terminal(compared: Compared, width: int = WIDTH) -> str:
    """The tables for a terminal, what they mean, and what is not in them."""
    lines = []
    for found in compared.parts:
        lines += [f"{heading}:", ""] if (heading := compared.title(found)) else []
        said = [*_facts(found), *_names(found), *_remedy(found)]
        lines += [*_table(found, width), "", *_wrapped(said, width), ""]
    lines += _wrapped(notes(BEST), width)
    if compared.apart:
        lines += ["", "Not compared:"]
        lines += [f"  {name}: {why}" for name, why in compared.apart.items()]
    return "\n".join(lines)


def markdown(compared: Compared) -> str:
    """The same for a pull request or a page of notes; the best is bold."""
    lines = []
    for found in compared.parts:
        lines += [f"## {_escaped(heading)}", ""] if (heading := compared.title(found)) else []
        facts = [*_facts(found), *(f"{one.label}: {one.full_label}" for one in _shortened(found))]
        said = [*map(_escaped, facts), *_remedy(found)]
        lines += [*_grid(found), "", *(f"- {line}" for line in said), ""]
    apart = [f"- not compared: {_escaped(name)}: {why}" for name, why in compared.apart.items()]
    return "\n".join([*lines, *(f"- {note}" for note in notes("bold")), *apart, ""])


def _mark(found: Comparison, group: Group, metric: str) -> str:
    """How the group stands to a metric's best; empty: it is surely less, or has none."""
    return _MARKS.get(found.standing(group, metric), "")


def _table(found: Comparison, width: int) -> list[str]:
    """One table where it fits; else several below each other, long names listed above them."""
    header = [
        "settings",
        "n",
        *(without_accuracy(name) for name in found.metrics),
        "min",
        "MB",
        "own MB",
    ]
    rows = [[*_row(found, group)] for group in found.groups]
    whole = format_table([header, *rows])
    if max(map(len, whole)) <= width:
        return whole
    if max(len(row[0]) for row in rows) * _SHARE <= width:
        return _below([header, *rows], width)
    names = [f"{number}: {row[0]}" for number, row in enumerate(rows, 1)]
    rows = [[str(number), *cells] for number, (_, *cells) in enumerate(rows, 1)]
    return [*_wrapped(names, width), "", *_below([["", *header[1:]], *rows], width)]


def _below(rows: Sequence[Sequence[str]], width: int) -> list[str]:
    """Tables of as many columns as fit; the first column is in all of them."""
    lines, columns = [], [0]
    for place in range(1, len(rows[0])):
        wider = [[row[at] for at in (*columns, place)] for row in rows]
        if len(columns) > 1 and max(map(len, format_table(wider))) > width:
            lines += [*format_table([[row[at] for at in columns] for row in rows]), ""]
            columns = [0]
        columns.append(place)
    return [*lines, *format_table([[row[at] for at in columns] for row in rows])]


def _wrapped(lines: Sequence[str], width: int) -> list[str]:
    return [part for line in lines for part in textwrap.wrap(line, width, subsequent_indent="   ")]


def _grid(found: Comparison) -> list[str]:
    """A table in Markdown."""
    columns = [
        "n",
        *(without_accuracy(name) for name in found.metrics),
        "min",
        "MB",
        "own MB",
        "runs",
    ]
    rows: dict[str, list[str]] = {}
    for group in found.groups:
        _, *cells = _row(found, group)
        bold = [f"**{cell[:-2]}**" if cell.endswith(f" {BEST}") else cell for cell in cells]
        rows[_escaped(group.label)] = [*bold, _escaped(", ".join(run.name for run in group.runs))]
    return scoreboard.grid("settings", columns, rows)


def _columns(found: Comparison) -> list[str]:
    return ["n", *map(without_accuracy, found.metrics), "min", "MB", "own MB"]


def _row(found: Comparison, group: Group) -> Sequence[str]:
    cells = [
        f"{cell(group.interval(name))} {_mark(found, group, name)}".rstrip()
        for name in found.metrics
    ]
    sizes = [megabytes(sum(group.outs.values())), megabytes(found.unshared_bytes(group))]
    return [group.label, str(len(group.seeds)), *cells, minutes(group), *sizes]


def _facts(found: Comparison) -> list[str]:
    """The best, and what the table does not show: metrics that lack, other code."""
    facts = []
    if found.metrics:
        metric, best = found.metrics[0], found.groups[0]
        runs = ", ".join(run.name for run in best.runs)
        facts.append(f"Best {metric}: {best.label} ({runs}), {found.describe_selection(metric)}")
    if found.missing_metrics:
        facts.append(f"No run of this part has {', '.join(found.missing_metrics)}.")
    if found.changed:
        facts.append(f"Code differs in: {', '.join(found.changed)}")
    return facts


def _names(found: Comparison) -> list[str]:
    """Where all settings of short names stand."""
    said = "Names have the most telling settings; the page, under Settings, has all."
    return [said] if _shortened(found) else []


def _remedy(found: Comparison) -> list[str]:
    """How to get more seeds, where they are wanted."""
    return [MORE_SEEDS] if any(found.unsure(metric) for metric in found.metrics) else []


def _shortened(found: Comparison) -> list[Group]:
    return [group for group in found.groups if group.shortened]


def _escaped(text: str) -> str:
    """Text that Markdown takes for nothing but text."""
    for sign in "\\|*~_`<[":
        text = text.replace(sign, f"\\{sign}")
    return text
