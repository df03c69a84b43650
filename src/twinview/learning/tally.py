"""Numbers that objectives tell of a batch beside its loss: how much there was to learn from.

An objective stays a function of its input: who listens hears what it tells, and nobody else does.
"""

import contextlib
from collections.abc import Iterator
from contextvars import ContextVar

from torch import Tensor

_heard: ContextVar[dict[str, float] | None] = ContextVar("heard", default=None)


@contextlib.contextmanager
def recording() -> Iterator[dict[str, float]]:
    """What is told inside, by name; of a name told twice the last, and no negatives unless told."""
    heard = {"negatives": 0.0}
    token = _heard.set(heard)
    try:
        yield heard
    finally:
        _heard.reset(token)


def record(**numbers: float) -> None:
    """Tells numbers of the whole batch; a training logs their means over the steps of an epoch."""
    if (heard := _heard.get()) is not None:
        heard.update(numbers)


def record_anchors(positives: Tensor, negatives: Tensor) -> None:
    """Tells how many of each an anchor has, on average, and how many anchors have none.

    (anchors,) each: the numbers of an anchor's positives and negatives.
    """
    record(
        positives=positives.double().mean().item(),
        negatives=negatives.double().mean().item(),
        anchors_without_positive=(positives == 0).sum().item(),
        anchors_without_negative=(negatives == 0).sum().item(),
    )


def record_triplets(count: int) -> None:
    """Tells how many were mined; without_triplet becomes the share of an epoch's steps."""
    record(triplets=count, without_triplet=float(count == 0))
