"""The page's section on the pretraining: the verdict in words, and the curves."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from twinview.learning.collapse import (
    EVEN_UNIFORMITY,
    MIN_RANK,
    MIN_SPREAD,
    SLOW_SHARE,
    Measures,
    completely_collapsed,
)
from twinview.reporting.charts import Chart, line_chart

VERDICTS = {
    "healthy": "the loss is well below chance, and the embeddings differ from example to example",
    "slow": "the loss is still above nine tenths of chance",
    "collapsed": "the embeddings are nearly the same for all examples, or are no numbers any more",
}

MONITORS = {
    "validation_knn": (
        "Validation kNN",
        "accuracy by nearest train examples, if all examples have labels",
    ),
    "cosine_spread": ("Cosine spread", "0 when all embeddings are equal"),
    "effective_rank": ("Effective rank", "directions in use; 1 when collapsed"),
    "alignment": ("Alignment", "distance between two views; 2 is chance"),
    "uniformity": ("Uniformity", "0 when all embeddings are equal; about -4 at best"),
}

CurveRows = Sequence[Mapping[str, str]]


@dataclass(frozen=True)
class VerdictCheck:
    """One of the measures that decide the verdict, and its limit, as text.

    else_verdict: the verdict when the check does not hold.
    """

    name: str
    measured: str
    limit: str
    else_verdict: str
    holds: bool


def describe_training(
    pretrained: Mapping[str, Any], steps: CurveRows, epochs: CurveRows, batch_size: int
) -> dict[str, Any]:
    """The page's values on the training.

    Parameters
    ----------
    pretrained : the summary of the pretraining.
    steps, epochs : its curves.
    batch_size : of the pretraining.
    """
    chance = pretrained["chance"]
    return {
        "verdict": pretrained["verdict"],
        "verdict_means": VERDICTS[pretrained["verdict"]],
        "checks": checks(pretrained),
        "curves": [
            *_by_step(steps, (chance, describe_chance(chance, batch_size))),
            *_by_epoch(epochs),
        ],
    }


def checks(pretrained: Mapping[str, Any]) -> list[VerdictCheck]:
    """The measures that decide the verdict, which is "healthy" when all of them hold.

    The verdict allows a low rank for a method with labels, or an encoder with few outputs.
    """
    loss, chance = pretrained["loss"], pretrained["chance"]
    spread, rank = pretrained["cosine_spread"], pretrained["effective_rank"]
    slow, rank_allowed = SLOW_SHARE * chance, pretrained["verdict"] != "collapsed"
    last = Measures.from_row(pretrained)
    return [
        VerdictCheck(
            "Cosine spread",
            f"{spread:.3f}",
            f"at least {MIN_SPREAD:g}, unless uniformity is at most {EVEN_UNIFORMITY:g}",
            "collapsed",
            not completely_collapsed(last),
        ),
        VerdictCheck(
            "Effective rank",
            f"{rank:.1f}",
            f"at least {MIN_RANK:g}, unless labels say which examples are similar, or there "
            f"are no more than {MIN_RANK:g} outputs or examples",
            "collapsed",
            rank >= MIN_RANK or rank_allowed,
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
    """The loss of random embeddings, with its formula if it is NT-Xent's."""
    formula = "log(2n − 1) = " if math.isclose(chance, math.log(2 * batch_size - 1)) else ""
    return f"chance: {formula}{chance:.3f}"


def _by_step(rows: CurveRows, reference: tuple[float, str]) -> list[Chart]:
    loss, rate = _curve(rows, "step", "loss"), _curve(rows, "step", "learning_rate")
    return [
        line_chart("Loss", "each point is the mean since the one before", "step", loss, reference),
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
