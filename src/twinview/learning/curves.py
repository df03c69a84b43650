"""The curves of a training: a row every few steps, and a row and a verdict an epoch."""

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
    """What is recorded of a training, row by row.

    steps: rows of step (from 1), loss (the mean since the last row), chance and learning_rate.
    epochs: rows of epoch (from 1), loss (the epoch's mean), what the monitors measured, and the
    means of what the objectives counted. verdicts: one an epoch. chance: the loss of embeddings
    that say nothing. Rows are plain dictionaries, so that `pandas.DataFrame(curves.epochs)` works.
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
        """One word on the training so far: that of its last epoch."""
        return self.verdicts[-1]

    def add_step(self, step: Step) -> dict[str, float]:
        """Takes a step in. Returns the values of a new row, and mostly none."""
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
        """The mean loss of the steps of the epoch under way."""
        return statistics.fmean(self._epoch_losses)

    def add_epoch(
        self, epoch: int, measures: Mapping[str, float], verdict: Verdict
    ) -> dict[str, float]:
        """Ends an epoch (from 0) with what its monitors measured. Returns the new row's values."""
        steps = len(self._epoch_losses)
        new = {**measures} | {name: total / steps for name, total in self._counts.items()}
        self.epochs.append({"epoch": epoch + 1, "loss": self.mean_loss(), **new})
        self.verdicts.append(verdict)
        self._epoch_losses, self._counts = [], {}
        return new

    def collapsed_epochs(self, warmup_epochs: float) -> int:
        """How many epochs up to the last one were collapsed in a row; the warm-up's not counted."""
        after = reversed(self.verdicts[math.floor(warmup_epochs) :])
        return sum(1 for _ in itertools.takewhile(lambda word: word == "collapsed", after))

    def by_step(self) -> dict[int, dict[str, float]]:
        """All values that add_step and add_epoch returned, by the step's number."""
        values = {int(row["step"]): _without(row, "step") for row in self.steps}
        for row in self.epochs:
            step = int(row["epoch"]) * self._per_epoch
            values[step] = values.get(step, {}) | _without(row, "epoch", "loss")
        return dict(sorted(values.items()))

    def summary(self) -> dict[str, Any]:
        """The verdict, chance, and the last epoch's values."""
        last = _without(self.epochs[-1], "epoch")
        return {"verdict": self.verdict, "chance": self.chance, **last}

    def state_dict(self) -> dict[str, Any]:
        """The rows, and the losses and counts that are in no row yet."""
        return {
            "steps": self.steps,
            "epochs": self.epochs,
            "verdicts": self.verdicts,
            "recent": self._recent,
            "epoch_losses": self._epoch_losses,
            "counts": self._counts,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Takes over what state_dict gave: the curves are cut back to it."""
        self.steps, self.epochs, self.verdicts = (
            state[name] for name in ("steps", "epochs", "verdicts")
        )
        self._recent, self._epoch_losses = state["recent"], state["epoch_losses"]
        self._counts = state["counts"]


def _without(row: Mapping[str, float], *names: str) -> dict[str, float]:
    return {key: value for key, value in row.items() if key not in names}
