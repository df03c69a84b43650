"""A comparison in words: for the terminal, for Markdown, for programs."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from twinview import measure
from twinview.comparison import Comparison, Group, Standing, megabytes, minutes
from twinview.intervals import WORDS, Interval
from twinview.text_table import aligned

BEST, TIED, UNSURE = "*", "≈", "?"
_MARKS: dict[Standing, str] = {"best": BEST, "tied": TIED, "unsure": UNSURE}


def notes(best: str) -> list[str]:
    """What the numbers and the marks mean; best: how the best is marked."""
    return [
        f"±: {WORDS} over n training seeds; with one seed there is none.",
        f"{best}: the best of its column. {TIED}: cannot be told apart from it (p >= 0.05, over "
        "the seeds of both where they share two; corrected for the number of groups, after Holm). "
        f"{UNSURE}: nothing can be said, for want of seeds.",
        "min: of pretraining, the mean; MB: what the runs keep in DVC's cache, and what of it no "
        "other group has.",
    ]


def terminal(found: Comparison) -> str:
    """The table for a terminal, what it means, and what is not in it."""
    metrics = list(found.metrics)
    header = ["settings", "n", *(_heading(name) for name in metrics), "min", "MB", "own MB"]
    rows = [[*_row(found, group)] for group in found.groups]
    lines = [*aligned([header, *rows]), "", *notes(BEST)]
    best = found.groups[0]
    lines.append(f"Best {metrics[0]}: {best.label} ({', '.join(run.name for run in best.runs)})")
    lines += _code(found)
    if found.apart:
        lines += ["", "Not compared:", *(f"  {name}: {why}" for name, why in found.apart.items())]
    return "\n".join(lines)


def markdown(found: Comparison) -> str:
    """The same for a pull request or a page of notes; the best is bold."""
    columns = ["n", *(_heading(name) for name in found.metrics), "min", "MB", "own MB", "runs"]
    rows: dict[str, list[str]] = {}
    for group in found.groups:
        _, *cells = _row(found, group)
        bold = [f"**{cell[:-2]}**" if cell.endswith(f" {BEST}") else cell for cell in cells]
        rows[_escaped(group.label)] = [*bold, _escaped(", ".join(run.name for run in group.runs))]
    apart = [f"- not compared: {_escaped(name)}: {why}" for name, why in found.apart.items()]
    said = [f"- {note}" for note in [*notes("bold"), *_code(found)]]
    lines = [*measure.grid("settings", columns, rows), "", *said, *apart, ""]
    return "\n".join(lines)


def data(found: Comparison) -> dict[str, Any]:
    """All numbers, by group and metric."""
    return {
        "interval": WORDS,
        "metrics": list(found.metrics),
        "groups": [_group(found, group) for group in found.groups],
        "against_best": {name: _against(found, name) for name in found.metrics},
        "references": {name: found.references(name) for name in found.metrics},
        "common": dict(found.common),
        "changed_code": list(found.changed),
        "not_compared": dict(found.apart),
    }


def cell(one: Interval | None) -> str:
    """A mean with its interval; a dash where nothing was measured."""
    return "–" if one is None else str(one)


def mark(found: Comparison, group: Group, metric: str) -> str:
    """How the group stands to a metric's best; empty: it is surely less, or has none."""
    return _MARKS.get(found.standing(group, metric), "")


def _row(found: Comparison, group: Group) -> Sequence[str]:
    cells = [
        f"{cell(group.interval(name))} {mark(found, group, name)}".rstrip()
        for name in found.metrics
    ]
    sizes = [megabytes(sum(group.outs.values())), megabytes(found.own_bytes(group))]
    return [group.label, str(len(group.seeds)), *cells, minutes(group), *sizes]


def _code(found: Comparison) -> list[str]:
    """Which files tell one code from another."""
    return [f"Code differs in: {', '.join(found.changed)}"] if found.changed else []


def _heading(metric: str) -> str:
    return metric.removesuffix(".accuracy")


def _group(found: Comparison, group: Group) -> dict[str, Any]:
    measured = {name: group.interval(name) for name in found.metrics}
    return {
        "label": group.label,
        "differing": dict(group.differing),
        "seeds": group.seeds,
        "runs": [{"name": run.name, "commit": run.commit, "seed": run.seed} for run in group.runs],
        "verdicts": group.verdicts,
        "metrics": {
            name: {**asdict(one), "values": list(group.values(name).values())}
            for name, one in measured.items()
            if one is not None
        },
        "best": [name for name in measured if group is found.best(name)],
        "minutes": group.minutes,
        "bytes": sum(group.outs.values()),
        "own_bytes": found.own_bytes(group),
    }


def _against(found: Comparison, metric: str) -> list[dict[str, Any]]:
    return [
        {"label": one.group.label, **asdict(one.difference), "p": one.p, "apart": one.apart}
        for one in found.against_best(metric)
    ]


def _escaped(text: str) -> str:
    """Text that Markdown takes for nothing but text."""
    for sign in "\\|*~_`<[":
        text = text.replace(sign, f"\\{sign}")
    return text
