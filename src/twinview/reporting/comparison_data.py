"""A comparison as JSON data, for programs."""

from dataclasses import asdict
from typing import Any

from twinview.experiments.comparison import Comparison
from twinview.experiments.group import Group
from twinview.experiments.intervals import WORDS
from twinview.experiments.side_by_side import Compared


def data(compared: Compared) -> dict[str, Any]:
    """All numbers of the comparison, by part, group and metric."""
    return {
        "interval": WORDS,
        "parts": [_part(comparison) for comparison in compared.parts],
        "not_compared": dict(compared.apart),
    }


def _part(comparison: Comparison) -> dict[str, Any]:
    return {
        "heading": comparison.heading,
        "differences": {
            kind: {key: {"here": ours, "first": theirs} for key, (ours, theirs) in pairs.items()}
            for kind, pairs in comparison.differences.items()
        },
        "metrics": list(comparison.metrics),
        "lacking": list(comparison.missing_metrics),
        "picked": {name: comparison.describe_selection(name) for name in comparison.metrics},
        "groups": [_group(comparison, group) for group in comparison.groups],
        "against_best": {name: _against(comparison, name) for name in comparison.metrics},
        "references": {name: comparison.references(name) for name in comparison.metrics},
        "common": dict(comparison.common),
        "changed_code": list(comparison.changed),
    }


def _group(comparison: Comparison, group: Group) -> dict[str, Any]:
    on_test = {name: group.interval(name) for name in comparison.metrics}
    on_validation = {
        name: group.interval(comparison.named[name].validation) for name in comparison.metrics
    }
    return {
        "label": group.label,
        "differing": dict(group.differing),
        "seeds": group.seeds,
        "runs": [{"name": run.name, "commit": run.commit, "seed": run.seed} for run in group.runs],
        "verdicts": group.verdicts,
        "metrics": {
            name: {**asdict(interval), "values": list(group.values(name).values())}
            for name, interval in on_test.items()
            if interval is not None
        },
        "validation": {
            name: asdict(interval) for name, interval in on_validation.items() if interval
        },
        "best": [name for name in on_test if comparison.standing(group, name) == "best"],
        "minutes": group.minutes,
        "bytes": sum(group.outs.values()),
        "own_bytes": comparison.unshared_bytes(group),
    }


def _against(comparison: Comparison, metric: str) -> list[dict[str, Any]]:
    return [
        {
            "label": other.group.label,
            **asdict(other.difference),
            "p": other.p,
            "apart": other.significant,
        }
        for other in comparison.against_best(metric)
    ]
