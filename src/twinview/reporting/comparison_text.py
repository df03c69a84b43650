"""A comparison as text, for the terminal and for Markdown."""

import textwrap
from collections.abc import Sequence

from twinview.core.entries import title
from twinview.core.text_table import format_table
from twinview.evidence import scoreboard
from twinview.experiments.comparison import Comparison, Standing
from twinview.experiments.group import Group
from twinview.experiments.intervals import WORDS
from twinview.experiments.side_by_side import Compared
from twinview.reporting.comparison_words import (
    MORE_SEEDS,
    format_interval,
    format_megabytes,
    format_minutes,
    unjudged_note,
)

BEST, TIED, UNSURE, MORE = "*", "≈", "?", "↑"
WIDTH = 120  # the default number of columns of a terminal
_NAME_SHARE = 4  # names may take 1 / _NAME_SHARE of the width if the table is split
_MARKS: dict[Standing, str] = {"best": BEST, "tied": TIED, "unsure": UNSURE, "more": MORE}


def legend(compared: Compared, best: str) -> list[str]:
    """What the numbers and the marks mean; best: how the best is marked."""
    measures = title(
        part.named[name].measure_words for part in compared.parts for name in part.metrics
    )
    return [
        f"{measures} on test. ±: {WORDS} over n training seeds; with one seed there is none.",
        f"{best}: the best of its column, picked on validation if all groups have validation "
        f"numbers. {TIED}: cannot be told apart from it on test (p >= 0.05, over the common seeds "
        "if there are two or more; corrected for the number of groups by Holm's method). "
        f"{UNSURE}: too few seeds, so nothing can be said. {MORE}: higher on test than the best.",
        *unjudged_note(compared.parts),
        "min: mean minutes of pretraining. MB: the size of the runs' files in DVC's cache. own MB: "
        "the part of it that no other group has.",
    ]


def terminal(compared: Compared, width: int = WIDTH) -> str:
    """The tables for a terminal, their legend, and the runs that are not compared."""
    lines = []
    for comparison in compared.parts:
        lines += [f"{heading}:", ""] if (heading := compared.title(comparison)) else []
        facts = [*_facts(comparison), *_names(comparison), *_remedy(comparison)]
        lines += [*_table(comparison, width), "", *_wrap(facts, width), ""]
    lines += _wrap(legend(compared, BEST), width)
    if compared.apart:
        lines += ["", "Not compared:"]
        lines += [f"  {name}: {why}" for name, why in compared.apart.items()]
    return "\n".join(lines)


def markdown(compared: Compared) -> str:
    """The same as `terminal` in Markdown; the best is bold."""
    lines = []
    for comparison in compared.parts:
        lines += [f"## {_escape(heading)}", ""] if (heading := compared.title(comparison)) else []
        facts = [
            *_facts(comparison),
            *(f"{group.label}: {group.full_label}" for group in _shortened(comparison)),
        ]
        facts = [*map(_escape, facts), *_remedy(comparison)]
        lines += [*_grid(comparison), "", *(f"- {fact}" for fact in facts), ""]
    left_out = [f"- not compared: {_escape(name)}: {why}" for name, why in compared.apart.items()]
    return "\n".join([*lines, *(f"- {note}" for note in legend(compared, "bold")), *left_out, ""])


def _mark(comparison: Comparison, group: Group, metric: str) -> str:
    """How the group compares with a metric's best; empty if it is lower, or was not measured."""
    return _MARKS.get(comparison.standing(group, metric), "")


def _table(comparison: Comparison, width: int) -> list[str]:
    """One table if it fits; otherwise several below each other, with long names above them."""
    header = ["settings", *_columns(comparison)]
    rows = [[*_row(comparison, group)] for group in comparison.groups]
    table = format_table([header, *rows])
    if max(map(len, table)) <= width:
        return table
    if max(len(row[0]) for row in rows) * _NAME_SHARE <= width:
        return _split_table([header, *rows], width)
    names = [f"{number}: {row[0]}" for number, row in enumerate(rows, 1)]
    rows = [[str(number), *cells] for number, (_, *cells) in enumerate(rows, 1)]
    return [*_wrap(names, width), "", *_split_table([["", *header[1:]], *rows], width)]


def _split_table(rows: Sequence[Sequence[str]], width: int) -> list[str]:
    """Tables of as many columns as fit; each has the first column."""
    lines, columns = [], [0]
    for column in range(1, len(rows[0])):
        wider = [[row[index] for index in (*columns, column)] for row in rows]
        if len(columns) > 1 and max(map(len, format_table(wider))) > width:
            lines += [*format_table([[row[index] for index in columns] for row in rows]), ""]
            columns = [0]
        columns.append(column)
    return [*lines, *format_table([[row[index] for index in columns] for row in rows])]


def _wrap(lines: Sequence[str], width: int) -> list[str]:
    return [part for line in lines for part in textwrap.wrap(line, width, subsequent_indent="   ")]


def _grid(comparison: Comparison) -> list[str]:
    """The table in Markdown."""
    rows: dict[str, list[str]] = {}
    for group in comparison.groups:
        _, *cells = _row(comparison, group)
        bold = [f"**{cell[:-2]}**" if cell.endswith(f" {BEST}") else cell for cell in cells]
        rows[_escape(group.label)] = [*bold, _escape(", ".join(run.name for run in group.runs))]
    return scoreboard.grid("settings", [*_columns(comparison), "runs"], rows)


def _columns(comparison: Comparison) -> list[str]:
    headings = (comparison.named[name].heading for name in comparison.metrics)
    return ["n", *headings, "min", "MB", "own MB"]


def _row(comparison: Comparison, group: Group) -> Sequence[str]:
    cells = [
        f"{format_interval(group.interval(name))} {_mark(comparison, group, name)}".rstrip()
        for name in comparison.metrics
    ]
    sizes = [
        format_megabytes(sum(group.outs.values())),
        format_megabytes(comparison.unshared_bytes(group)),
    ]
    return [group.label, str(len(group.seeds)), *cells, format_minutes(group), *sizes]


def _facts(comparison: Comparison) -> list[str]:
    """The best, and what the table does not show: missing metrics, differing code."""
    facts = []
    if comparison.metrics:
        metric, best = comparison.metrics[0], comparison.groups[0]
        runs = ", ".join(run.name for run in best.runs)
        facts.append(
            f"Best {metric}: {best.label} ({runs}), {comparison.describe_selection(metric)}"
        )
    if comparison.missing_metrics:
        facts.append(f"No run of this part has {', '.join(comparison.missing_metrics)}.")
    if comparison.changed:
        facts.append(f"Code differs in: {', '.join(comparison.changed)}")
    return facts


def _names(comparison: Comparison) -> list[str]:
    """Where all settings stand, if some names are shortened."""
    note = "Names have the most telling settings; the page, under Settings, has all."
    return [note] if _shortened(comparison) else []


def _remedy(comparison: Comparison) -> list[str]:
    """How to get more seeds, if some groups have too few."""
    return [MORE_SEEDS] if any(comparison.unsure(metric) for metric in comparison.judged) else []


def _shortened(comparison: Comparison) -> list[Group]:
    return [group for group in comparison.groups if group.shortened]


def _escape(text: str) -> str:
    """Text without Markdown's meaning."""
    for sign in "\\|*~_`<[":
        text = text.replace(sign, f"\\{sign}")
    return text
