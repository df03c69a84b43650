"""How the pretraining went: its verdict in words and its curves."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from twinview.learning.collapse import EVEN, LEAST_RANK, LEAST_SPREAD, SLOW_SHARE, Monitors, alike
from twinview.reporting.charts import Chart, line_chart

VERDICTS = {
    "learning": "the loss is well below chance, and the embeddings differ from example to example",
    "slow": "the loss is still above nine tenths of chance",
    "collapsed": "the embeddings are nearly the same for all examples, or no longer numbers",
}

MONITORS = {
    "validation_knn": (
        "Validation kNN",
        "accuracy by nearest train examples, where all have labels",
    ),
    "cosine_spread": ("Cosine spread", "0 when all embeddings are alike"),
    "effective_rank": ("Effective rank", "directions in use; 1 when collapsed"),
    "alignment": ("Alignment", "how far two views are apart; 2 is chance"),
    "uniformity": ("Uniformity", "0 when all are alike; about -4 at best"),
}

CurveRows = Sequence[Mapping[str, str]]


@dataclass(frozen=True)
class VerdictCheck:
    """One of the measures that the verdict comes from, and its limit, in words."""

    name: str
    measured: str
    limit: str
    else_verdict: str
    holds: bool


def describe_training(
    pretrained: Mapping[str, Any], steps: CurveRows, epochs: CurveRows, batch_size: int
) -> dict[str, Any]:
    """What the page says of the training. pretrained: the summary; steps, epochs: its curves."""
    chance = pretrained["chance"]
    return {
        "verdict": pretrained["verdict"],
        "verdict_means": VERDICTS[pretrained["verdict"]],
        "loss": pretrained["loss"],
        "chance": chance,
        "checks": checks(pretrained),
        "curves": [
            *_by_step(steps, (chance, describe_chance(chance, batch_size))),
            *_by_epoch(epochs),
        ],
    }


def checks(pretrained: Mapping[str, Any]) -> list[VerdictCheck]:
    """What the verdict rests on: it is "learning" where all of them hold.

    A low rank that the verdict lets pass is that of a method with labels, or of few outputs.
    """
    loss, chance = pretrained["loss"], pretrained["chance"]
    spread, rank = pretrained["cosine_spread"], pretrained["effective_rank"]
    slow, excused = SLOW_SHARE * chance, pretrained["verdict"] != "collapsed"
    last = Monitors.of(pretrained)
    return [
        VerdictCheck(
            "Cosine spread",
            f"{spread:.3f}",
            f"at least {LEAST_SPREAD:g}, unless uniformity is at most {EVEN:g}",
            "collapsed",
            not alike(last),
        ),
        VerdictCheck(
            "Effective rank",
            f"{rank:.1f}",
            f"at least {LEAST_RANK:g}, unless labels say what is alike, or there are no more "
            "outputs or examples",
            "collapsed",
            rank >= LEAST_RANK or excused,
        ),
        VerdictCheck(
            "Loss",
            f"{loss:.3f}",
            f"at most {slow:.3f}, {SLOW_SHARE:g} of chance",
            "slow",
            loss <= slow,
        ),
    ]


def describe_chance(chance: float, batch_size: int) -> str:
    """The loss of embeddings that say nothing, with its formula where it is NT-Xent's."""
    formula = "log(2n − 1) = " if math.isclose(chance, math.log(2 * batch_size - 1)) else ""
    return f"chance: {formula}{chance:.3f}"


def _by_step(rows: CurveRows, reference: tuple[float, str]) -> list[Chart]:
    loss, rate = _curve(rows, "step", "loss"), _curve(rows, "step", "learning_rate")
    return [
        line_chart("Loss", "each point the mean since the one before", "step", loss, reference),
        line_chart("Learning rate", "warm-up, then half a cosine to zero", "step", rate),
    ]


def _by_epoch(rows: CurveRows) -> list[Chart]:
    measured = [name for name in MONITORS if name in rows[0]]
    return [
        line_chart(title, note, "epoch", _curve(rows, "epoch", name))
        for name in measured
        for title, note in [MONITORS[name]]
    ]


def _curve(rows: CurveRows, x: str, y: str) -> list[tuple[float, float]]:
    return [(float(row[x]), float(row[y])) for row in rows]
