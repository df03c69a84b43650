"""What is written down of a training while it runs: curves, monitors, a verdict."""

import statistics
from dataclasses import asdict
from typing import Any

import torch

from twinview import monitors
from twinview.loop import Step
from twinview.monitors import Verdict
from twinview.parts import Method
from twinview.types import Batch, Split
from twinview.views import Renderer

ROWS_PER_EPOCH = 20


class Watch:
    """Sees every step of a training; steps and epochs are its curves, row by row.

    split: examples that are not trained on; two views of each are what the monitors measure.
    """

    def __init__(
        self, method: Method, split: Split, render: Renderer, steps_per_epoch: int, batch_size: int
    ) -> None:
        self.chance = method.chance(batch_size)
        self.steps: list[dict[str, float]] = []
        self.epochs: list[dict[str, float]] = []
        self._method = method
        self._every = max(1, steps_per_epoch // ROWS_PER_EPOCH)
        numbers = [torch.full_like(split.ids, view) for view in range(2)]
        views = [render(split.inputs, split.ids, number) for number in numbers]
        self._batch = Batch(torch.stack(views), split.labels, split.ids)
        self._recent: list[float] = []
        self._epoch_losses: list[float] = []
        self._last = self._measure()

    def see(self, step: Step) -> dict[str, float]:
        """Takes a step in; the values that are new with it (mostly none), for a live curve."""
        self._recent.append(step.loss)
        self._epoch_losses.append(step.loss)
        new: dict[str, float] = {}
        if step.number % self._every == 0:
            loss = statistics.fmean(self._recent)
            new |= {"loss": loss, "chance": self.chance, "learning_rate": step.learning_rate}
            self.steps.append({"step": step.number, **new})
            self._recent = []
        if step.ends_epoch:
            self._last = self._measure()
            measures = asdict(self._last)
            loss = statistics.fmean(self._epoch_losses)
            self.epochs.append({"epoch": step.epoch + 1, "loss": loss, **measures})
            new |= measures
            self._epoch_losses = []
        return new

    def verdict(self) -> Verdict:
        """One word on the training so far."""
        return monitors.verdict(self._last, self.epochs[-1]["loss"], self.chance)

    def summary(self) -> dict[str, Any]:
        """The last epoch's values, the loss of embeddings that say nothing, and the verdict."""
        last = {key: value for key, value in self.epochs[-1].items() if key != "epoch"}
        return {"verdict": self.verdict(), "chance": self.chance, **last}

    @torch.inference_mode()
    def _measure(self) -> monitors.Monitors:
        training = self._method.training
        device = next(self._method.parameters()).device
        z = self._method.eval().project(self._batch.to(device)).z
        self._method.train(training)
        return monitors.measure(z)
