"""What is around a training's steps: curves, monitors, a verdict, checkpoints, a reason to stop."""

import contextlib
import itertools
import math
import statistics
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, final

import torch

from twinview.compute import processes
from twinview.core.errors import StoppedError, TrainingError
from twinview.core.types import Batch, Split
from twinview.learning import collapse, loop
from twinview.learning.checkpoints import Checkpoints
from twinview.learning.collapse import Monitors, Verdict
from twinview.learning.loop import Budget, State, Step
from twinview.learning.parts import Method
from twinview.views.live import Views
from twinview.views.plan import Renderer

ROWS_PER_EPOCH = 20
PATIENCE = 2  # collapsed epochs in a row that end a training; one may be a passing state


class Watch:
    """Sees every step of a training; steps and epochs are its curves, row by row.

    split: examples that are not trained on; two views of each are what the monitors measure.
    bank: train examples; where both have labels, it is measured too how well the encoder's features
    of the bank tell those of the split (validation_knn). Neither changes the training by a bit.
    """

    def __init__(
        self,
        method: Method,
        split: Split,
        bank: Split,
        render: Renderer,
        steps_per_epoch: int,
        batch_size: int,
    ) -> None:
        self.chance = method.chance(batch_size)
        self.steps: list[dict[str, float]] = []
        self.epochs: list[dict[str, float]] = []
        self._method = method
        self._per_epoch = steps_per_epoch
        self._every = max(1, steps_per_epoch // ROWS_PER_EPOCH)
        numbers = [torch.full_like(split.ids, view) for view in range(2)]
        views = [render(split.inputs, split.ids, number) for number in numbers]
        self._batch = Batch(torch.stack(views), split.labels, split.ids)
        self._queries, self._bank = split, bank
        self._recent: list[float] = []
        self._epoch_losses: list[float] = []
        self._counts: dict[str, float] = {}
        self._directions = math.inf

    def see(self, step: Step) -> dict[str, float]:
        """Takes a step in; the values that are new with it (mostly none), for a live curve."""
        self._recent.append(step.loss)
        self._epoch_losses.append(step.loss)
        for name, count in step.counts.items():
            self._counts[name] = self._counts.get(name, 0) + count
        new: dict[str, float] = {}
        if step.number % self._every == 0:
            loss = statistics.fmean(self._recent)
            new |= {"loss": loss, "chance": self.chance, "learning_rate": step.learning_rate}
            self.steps.append({"step": step.number, **new})
            self._recent = []
        if step.ends_epoch:
            measures = self._measure()
            loss, steps = statistics.fmean(self._epoch_losses), len(self._epoch_losses)
            _require_numbers(measures, step)
            measures |= {name: total / steps for name, total in self._counts.items()}
            self.epochs.append({"epoch": step.epoch + 1, "loss": loss, **measures})
            new |= measures
            self._epoch_losses, self._counts = [], {}
        return new

    def verdict(self) -> Verdict:
        """One word on the training so far."""
        return self._verdict(self.epochs[-1])

    def collapsed(self, warmup_epochs: float) -> int:
        """How many epochs up to the last one were collapsed in a row; the warm-up's not counted."""
        after = (row for row in reversed(self.epochs) if row["epoch"] > warmup_epochs)
        return sum(1 for _ in itertools.takewhile(lambda r: self._verdict(r) == "collapsed", after))

    def curves(self) -> dict[int, dict[str, float]]:
        """What `see` told so far, by step."""
        told = {int(row["step"]): _without(row, "step") for row in self.steps}
        for row in self.epochs:
            step = int(row["epoch"]) * self._per_epoch
            told[step] = told.get(step, {}) | _without(row, "epoch", "loss")
        return dict(sorted(told.items()))

    def state_dict(self) -> dict[str, Any]:
        """The curves, and the losses and counts that are not in them yet."""
        return {"steps": self.steps, "epochs": self.epochs} | {
            "recent": self._recent,
            "epoch_losses": self._epoch_losses,
            "counts": self._counts,
            "directions": self._directions,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Takes over what state_dict gave: the curves are cut back to it."""
        self.steps, self.epochs = state["steps"], state["epochs"]
        self._recent, self._epoch_losses = state["recent"], state["epoch_losses"]
        self._counts, self._directions = state["counts"], state["directions"]

    def summary(self) -> dict[str, Any]:
        """The last epoch's values, the loss of embeddings that say nothing, and the verdict."""
        return {
            "verdict": self.verdict(),
            "chance": self.chance,
            **_without(self.epochs[-1], "epoch"),
        }

    def _verdict(self, row: Mapping[str, float]) -> Verdict:
        measures = Monitors(**{field.name: row[field.name] for field in fields(Monitors)})
        return collapse.verdict(
            measures,
            row["loss"],
            self.chance,
            supervised=self._method.supervised,
            directions=self._directions,
        )

    @torch.inference_mode()
    def _measure(self) -> dict[str, float]:
        training = self._method.training
        device = next(self._method.parameters()).device
        z = self._method.eval().project(self._batch.to(device)).z
        self._directions = min(z.shape[1:])
        measures = asdict(collapse.measure(z)) | self._knn(device)
        self._method.train(training)
        return measures

    def _knn(self, device: torch.device) -> dict[str, float]:
        """Accuracy on the split, voted by the bank, both as they are; nothing without labels."""
        known, truth = self._bank.labels, self._queries.labels
        if known is None or truth is None:
            return {}
        inputs = torch.cat([self._bank.inputs, self._queries.inputs]).to(device)
        h = self._method.encoder(inputs[None])[0]
        bank, queries = h[: len(known)], h[len(known) :]
        return {"validation_knn": collapse.knn_accuracy(bank, known, queries, truth)}


@final
@dataclass
class Session:
    """A training under way: its state, its watch, and the checkpoints of both.

    seconds: how long it has trained, in all processes that had a part in it.
    """

    state: State
    watch: Watch
    kept: Checkpoints
    seconds: float = 0.0

    def resume(self) -> None:
        """Goes back to the newest checkpoint, curves included; without one all stays as it is.

        Those that follow are handed the state.
        """
        if saved := self.kept.load():
            self.state.load_state_dict(saved["state"])
            self.watch.load_state_dict(saved["watch"])
            self.seconds = saved["seconds"]
        processes.broadcast(self.state.state_dict())

    def steps(
        self,
        train: Split,
        views: Views,
        budget: Budget,
        checkpoint_every: int,
        asked_to_stop: Callable[[], str],
    ) -> Iterator[tuple[Step, dict[str, float]]]:
        """The steps that are left, each with what the watch has new of it.

        Saves every so many steps and after the last. Raises TrainingError when the training has
        collapsed, and, when asked_to_stop says by what, here or on a process that follows,
        StoppedError, having saved.
        """
        total, begun = budget.steps(len(train)), time.monotonic() - self.seconds
        for step in loop.go_on(self.state, train, views, budget):
            new = self.watch.see(step)
            self.seconds = time.monotonic() - begun
            yield step, new
            collapsed, reason = self.watch.collapsed(budget.warmup_epochs), asked_to_stop()
            stops = processes.any_process(bool(reason) or collapsed >= PATIENCE)
            if collapsed >= PATIENCE:
                raise TrainingError(_collapse(self.watch))
            if stops or step.number % checkpoint_every == 0 or step.number == total:
                self._save(doubtful=collapsed > 0)
            if stops:
                raise StoppedError(
                    f"stopped by {reason or 'a signal to another process'} after step "
                    f"{step.number} of {total}; `dvc repro`, or the same `dvc exp run`, goes on "
                    f"from step {self.kept.step()}"
                )

    def pace(self, batch_size: int) -> float:
        """Examples a second, all processes together."""
        return self.state.number * batch_size / self.seconds

    def _save(self, *, doubtful: bool) -> None:
        _require_finite(self.state)
        parts = {"state": self.state.state_dict(), "watch": self.watch.state_dict()}
        self.kept.save(self.state.number, parts | {"seconds": self.seconds}, doubtful=doubtful)


def follow(
    state: State, train: Split, views: Views, budget: Budget, asked_to_stop: Callable[[], str]
) -> None:
    """What the processes after the first do: the same steps, from where its session stands.

    After each step all learn whether one was asked to stop, or the first sees a collapse. It saves
    and says so; what befalls all alike is the first one's to tell, too.
    """
    state.load_state_dict(processes.broadcast(state.state_dict()))
    with contextlib.suppress(TrainingError):
        for _ in loop.go_on(state, train, views, budget):
            if processes.any_process(bool(asked_to_stop())):
                return


def _collapse(watch: Watch) -> str:
    last = watch.epochs[-1]
    return (
        f"the training has collapsed: after epoch {last['epoch']} the embeddings of different "
        f"examples are (nearly) the same (spread of cosines {last['cosine_spread']:.4f}, "
        f"directions in use {last['effective_rank']:.1f}). Lower pretrain.learning_rate, raise "
        "pretrain.batch_size, or change the method's options or the chain of views"
    )


def _require_numbers(measures: Mapping[str, float], step: Step) -> None:
    """Raises TrainingError when the embeddings are no numbers: nothing could be made of them."""
    if not all(math.isfinite(value) for value in measures.values()):
        raise TrainingError(
            f"the embeddings are no longer finite after step {step.number}; "
            "lower pretrain.learning_rate"
        )


def _require_finite(state: State) -> None:
    """Raises TrainingError rather than let weights that are no numbers become a checkpoint."""
    for name, weight in state.method.named_parameters():
        if not weight.isfinite().all():
            raise TrainingError(
                f"{name} is not finite after step {state.number}; lower pretrain.learning_rate"
            )


def _without(row: Mapping[str, float], *names: str) -> dict[str, float]:
    return {key: value for key, value in row.items() if key not in names}
