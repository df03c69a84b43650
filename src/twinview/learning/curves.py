"""The curves of a training: a row every few steps, and a row and a verdict for each epoch."""

import itertools
import math
import statistics
from collections.abc import Mapping
from typing import Any, final

from twinview.learning.collapse import Verdict
from twinview.learning.loop import Step

ROWS_PER_EPOCH = 20


@final
class Curves:
    """The record of a training, row by row.

    steps: rows of step (from 1), loss (the mean since the last row), chance and learning_rate.
    epochs: rows of epoch (from 1), loss (the mean of the epoch), the values of the monitors, and
    the means of the objective's counts. verdicts: one for each epoch. chance: the loss of
    embeddings that carry no information. Rows are plain dictionaries, so that
    `pandas.DataFrame(curves.epochs)` works.
    """

    def __init__(self, steps_per_epoch: int, chance: float) -> None:
        self.chance = chance
        self.steps: list[dict[str, float]] = []
        self.epochs: list[dict[str, float]] = []
        self.verdicts: list[Verdict] = []
        self._per_epoch = steps_per_epoch
        self._every = max(1, steps_per_epoch // ROWS_PER_EPOCH)
        self._recent: list[float] = []
        self._epoch_losses: list[float] = []
        self._counts: dict[str, float] = {}

    @property
    def verdict(self) -> Verdict:
        """The verdict on the training so far, which is that of its last epoch."""
        return self.verdicts[-1]

    def add_step(self, step: Step) -> dict[str, float]:
        """Adds a step; returns the values of the new row, in most steps none."""
        self._recent.append(step.loss)
        self._epoch_losses.append(step.loss)
        for name, count in step.counts.items():
            self._counts[name] = self._counts.get(name, 0) + count
        if step.number % self._every:
            return {}
        loss = statistics.fmean(self._recent)
        new = {"loss": loss, "chance": self.chance, "learning_rate": step.learning_rate}
        self.steps.append({"step": step.number, **new})
        self._recent = []
        return new

    def mean_loss(self) -> float:
        """The mean loss of the steps in the current epoch."""
        return statistics.fmean(self._epoch_losses)

    def add_epoch(
        self, epoch: int, measures: Mapping[str, float], verdict: Verdict
    ) -> dict[str, float]:
        """Ends an epoch (from 0) with the values of the monitors; returns the new row's values."""
        steps = len(self._epoch_losses)
        new = {**measures} | {name: total / steps for name, total in self._counts.items()}
        self.epochs.append({"epoch": epoch + 1, "loss": self.mean_loss(), **new})
        self.verdicts.append(verdict)
        self._epoch_losses, self._counts = [], {}
        return new

    def collapsed_epochs(self, warmup_epochs: float) -> int:
        """How many epochs in a row were collapsed, up to the last; warm-up does not count."""
        latest_first = reversed(self.verdicts[math.floor(warmup_epochs) :])
        return sum(1 for _ in itertools.takewhile(lambda v: v == "collapsed", latest_first))

    def by_step(self) -> dict[int, dict[str, float]]:
        """All values that add_step and add_epoch returned, by the number of the step."""
        values = {int(row["step"]): _without(row, "step") for row in self.steps}
        for row in self.epochs:
            step = int(row["epoch"]) * self._per_epoch
            values[step] = values.get(step, {}) | _without(row, "epoch", "loss")
        return dict(sorted(values.items()))

    def summary(self) -> dict[str, Any]:
        """The verdict, chance, and the values of the last epoch."""
        last = _without(self.epochs[-1], "epoch")
        return {"verdict": self.verdict, "chance": self.chance, **last}

    def state_dict(self) -> dict[str, Any]:
        """The rows, and the losses and counts that no row has yet."""
        return {
            "steps": self.steps,
            "epochs": self.epochs,
            "verdicts": self.verdicts,
            "recent": self._recent,
            "epoch_losses": self._epoch_losses,
            "counts": self._counts,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restores a state that state_dict returned; later rows are lost."""
        self.steps, self.epochs, self.verdicts = (
            state[name] for name in ("steps", "epochs", "verdicts")
        )
        self._recent, self._epoch_losses = state["recent"], state["epoch_losses"]
        self._counts = state["counts"]


def _without(row: Mapping[str, float], *names: str) -> dict[str, float]:
    return {key: value for key, value in row.items() if key not in names}
