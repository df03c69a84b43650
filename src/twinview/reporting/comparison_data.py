"""A comparison as data, for programs."""

from dataclasses import asdict
from typing import Any

from twinview.experiments.comparison import Comparison
from twinview.experiments.group import Group
from twinview.experiments.intervals import WORDS
from twinview.experiments.metric_names import validation_of
from twinview.experiments.side_by_side import Compared


def data(compared: Compared) -> dict[str, Any]:
    """All numbers, by part, group and metric."""
    return {
        "interval": WORDS,
        "parts": [_part(found) for found in compared.parts],
        "not_compared": dict(compared.apart),
    }


def _part(found: Comparison) -> dict[str, Any]:
    return {
        "heading": found.heading,
        "differences": {
            kind: {key: {"here": ours, "first": theirs} for key, (ours, theirs) in of.items()}
            for kind, of in found.differences.items()
        },
        "metrics": list(found.metrics),
        "lacking": list(found.missing_metrics),
        "picked": {name: found.describe_selection(name) for name in found.metrics},
        "groups": [_group(found, group) for group in found.groups],
        "against_best": {name: _against(found, name) for name in found.metrics},
        "references": {name: found.references(name) for name in found.metrics},
        "common": dict(found.common),
        "changed_code": list(found.changed),
    }


def _group(found: Comparison, group: Group) -> dict[str, Any]:
    measured = {name: group.interval(name) for name in found.metrics}
    validated = {name: group.interval(validation_of(name)) for name in found.metrics}
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
        "validation": {name: asdict(one) for name, one in validated.items() if one},
        "best": [name for name in measured if found.standing(group, name) == "best"],
        "minutes": group.minutes,
        "bytes": sum(group.outs.values()),
        "own_bytes": found.unshared_bytes(group),
    }


def _against(found: Comparison, metric: str) -> list[dict[str, Any]]:
    return [
        {"label": one.group.label, **asdict(one.difference), "p": one.p, "apart": one.significant}
        for one in found.against_best(metric)
    ]
