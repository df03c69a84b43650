"""Counts that objectives record of a batch besides the loss, such as its number of negatives.

So an objective returns nothing but its loss: only the caller's `recording` block gets the counts.
"""

import contextlib
from collections.abc import Iterator
from contextvars import ContextVar

from torch import Tensor

_counts: ContextVar[dict[str, float] | None] = ContextVar("counts", default=None)


@contextlib.contextmanager
def recording() -> Iterator[dict[str, float]]:
    """The counts that the block records, by name, and 0 negatives if it records none."""
    counts = {"negatives": 0.0}
    token = _counts.set(counts)
    try:
        yield counts
    finally:
        _counts.reset(token)


def record(**values: float) -> None:
    """Records counts of the whole batch; a training logs their means over the steps of an epoch."""
    if (counts := _counts.get()) is not None:
        counts.update(values)


def record_anchors(positives: Tensor, negatives: Tensor) -> None:
    """Records the mean numbers of positives and negatives per anchor, and of anchors without any.

    positives, negatives: (anchors,), how many of them each anchor has.
    """
    record(
        positives=positives.double().mean().item(),
        negatives=negatives.double().mean().item(),
        anchors_without_positive=(positives == 0).sum().item(),
        anchors_without_negative=(negatives == 0).sum().item(),
    )


def record_triplets(count: int) -> None:
    """Records the number of mined triplets; without_triplet is 1 where there is none."""
    record(triplets=count, without_triplet=float(count == 0))
