"""The watch of a training: it fills the curves and calls the monitors at the end of each epoch."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import final

from twinview.core.errors import TrainingError
from twinview.core.types import Batch
from twinview.learning import collapse
from twinview.learning.curves import Curves
from twinview.learning.loop import Step
from twinview.learning.monitors import Monitor, observe
from twinview.learning.parts import Method


@final
@dataclass(frozen=True)
class Watch:
    """Records the steps of a training and measures its method; it never changes the training.

    batch: two views (2, n, ...) of examples that are not trained on. monitors: they have to include
    monitors.geometry, since the verdict of an epoch needs its values.
    """

    method: Method
    batch: Batch
    monitors: Sequence[Monitor]
    curves: Curves

    def add_step(self, step: Step) -> dict[str, float]:
        """Records a step; returns the values that are new with it, in most steps none."""
        new = self.curves.add_step(step)
        if step.ends_epoch:
            observed, measures = observe(self.method, self.batch, self.monitors)
            _require_numbers(measures, step)
            verdict = collapse.verdict(
                collapse.Measures.from_row(measures),
                self.curves.mean_loss(),
                self.curves.chance,
                supervised=self.method.supervised,
                directions=observed.directions,
            )
            new |= self.curves.add_epoch(step.epoch, measures, verdict)
        return new


def _require_numbers(measures: Mapping[str, float], step: Step) -> None:
    """Raises TrainingError when a measure of the embeddings is not a finite number."""
    if not all(math.isfinite(value) for value in measures.values()):
        raise TrainingError.at(
            "the embeddings",
            f"are no longer finite after step {step.number}",
            "lower pretrain.learning_rate",
        )
