"""The minutes until kNN on validation reaches what lightly's SimCLR reaches in ten minutes.

Both train the default recipe's encoder on the same 55,000 pictures, with the same number of
threads, in `pretrain.precision`. The time of evaluation (cosine kNN on the features) does not count
for either.

- lightly has its own transform without blur and with strength .5, as in its documentation for
  CIFAR-10, its head, its loss at temperature .5, and SGD with learning rate .06 on a half cosine
  over the ten minutes. It gets the number of worker processes (0 or 2) that is faster here. It is
  trained twice: with a head as wide as the features, as in its documentation, and with a head as
  wide as twinview's, which takes less time. The better training counts.
- twinview has its default recipe with EPOCHS epochs and views rendered in the loop.
"""

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch.utils.data import DataLoader, Dataset

from benchmarks.common import module, show
from benchmarks.training import CPU, Training, knn_on_validation, with_pretrain
from twinview.compute import devices
from twinview.core.errors import TrainingError
from twinview.settings import params
from twinview.settings.params import Params

EPOCHS = 8
LEARNING_RATE = 0.06  # lightly's for SimCLR at batch size 256
CHECKS = 2  # how often twinview's kNN is measured in each epoch


def measure(minutes: float = 10) -> dict[str, Any]:
    """The time that twinview needs for lightly's accuracy, and how lightly reached it.

    Keys: time_to_lightly_knn.ratio (twinview's minutes over lightly's), .target (the accuracy),
    .minutes, .lightly_minutes, .lightly_workers, .lightly_examples_per_second, .lightly_head
    (its width), and .lightly_knn (the accuracy of each width). Raises ConfigError when lightly is
    not installed.
    """
    settings = params.load()
    widths = (
        Training.from_settings(settings).encoder.dim,
        settings.heads[settings.pretrain.head]["hidden"],
    )
    runs = [_lightly(settings, minutes * 60, width) for width in widths]
    best = max(runs, key=lambda run: run["knn"])
    ours = _twinview(settings, best["knn"]) / 60
    results = {"ratio": ours / minutes, "target": best["knn"], "minutes": ours}
    results |= {"lightly_minutes": minutes, "lightly_workers": best["workers"]}
    results |= {"lightly_examples_per_second": best["rate"], "lightly_head": best["head"]}
    results["lightly_knn"] = {str(run["head"]): run["knn"] for run in runs}
    return {f"time_to_lightly_knn.{name}": value for name, value in results.items()}


def _twinview(settings: Params, target: float) -> float:
    """The seconds of training until the target is reached. Raises TrainingError if it is not."""
    training = Training.from_settings(with_pretrain(settings, epochs=EPOCHS))
    per_epoch = len(training.prepared.splits["train"]) // settings.pretrain.batch_size
    seconds, start = 0.0, time.perf_counter()
    for step in training.steps(training.live()):
        if step.number % (per_epoch // CHECKS) == 0 or step.number == EPOCHS * per_epoch:
            seconds += time.perf_counter() - start
            if knn_on_validation(training.encoder, training.prepared) >= target:
                return seconds
            start = time.perf_counter()
    raise TrainingError(f"kNN {target:.4f} was not reached in {EPOCHS} epochs")


def _lightly(settings: Params, seconds: float, head: int) -> dict[str, Any]:
    """The result of some seconds of lightly's training with a head of this width."""
    rates = {workers: _rate(_Lightly(settings, workers, head), 20) for workers in (0, 2)}
    workers = max(rates, key=lambda count: rates[count])
    run = _Lightly(settings, workers, head)
    start, examples = time.perf_counter(), 0
    for count in run.steps(lambda: (time.perf_counter() - start) / seconds):
        examples += count
        if time.perf_counter() - start > seconds:
            break
    elapsed = time.perf_counter() - start
    knn = knn_on_validation(run.training.encoder, run.training.prepared)
    return {"knn": knn, "workers": workers, "rate": examples / elapsed, "head": head}


def _rate(run: "_Lightly", steps: int) -> float:
    """The examples per second over a few steps, after one step that starts the workers."""
    batches = run.steps(lambda: 0.0)
    next(batches)
    start = time.perf_counter()
    examples = sum(next(batches) for _ in range(steps))
    return examples / (time.perf_counter() - start)


class _Lightly:
    """lightly's SimCLR with the same encoder."""

    def __init__(self, settings: Params, workers: int, head: int) -> None:
        self.head = head
        self.training = Training.from_settings(settings)
        train = self.training.prepared.splits["train"]
        pictures = [module("PIL.Image").fromarray(p[0].numpy()) for p in train.inputs]
        transform = module("lightly.transforms").SimCLRTransform(
            input_size=train.inputs.shape[-1], cj_strength=0.5, gaussian_blur=0.0, normalize=None
        )
        self.loader = DataLoader(
            _Pictures(pictures, transform),
            batch_size=settings.pretrain.batch_size,
            shuffle=True,
            drop_last=True,
            num_workers=workers,
            persistent_workers=workers > 0,
        )

    def steps(self, elapsed_share: Callable[[], float]) -> Iterator[int]:
        """Takes training steps without end; yields the number of examples of each.

        elapsed_share: returns the share of the time that is over, for the learning rate.
        """
        encoder, precision = self.training.encoder, self.training.settings.pretrain.precision
        head = module("lightly.models.modules").SimCLRProjectionHead(encoder.dim, self.head, 128)
        loss = module("lightly.loss").NTXentLoss(temperature=0.5)
        weights = [*encoder.parameters(), *head.parameters()]
        optimizer = torch.optim.SGD(weights, lr=LEARNING_RATE, momentum=0.9, weight_decay=5e-4)
        encoder.train()
        while True:
            for first, second in self.loader:
                angle = math.pi * min(1.0, elapsed_share())
                rate = LEARNING_RATE * (1 + math.cos(angle)) / 2
                for group in optimizer.param_groups:
                    group["lr"] = rate
                with devices.autocast(CPU, precision):
                    z = [head(encoder(255 * view)) for view in (first, second)]
                optimizer.zero_grad()
                loss(*[x.float() for x in z]).backward()
                optimizer.step()
                yield len(first)


@dataclass
class _Pictures(Dataset[list[torch.Tensor]]):
    pictures: list[Any]
    transform: Any

    def __len__(self) -> int:
        return len(self.pictures)

    def __getitem__(self, row: int) -> list[torch.Tensor]:
        views: list[torch.Tensor] = self.transform(self.pictures[row])
        return views


if __name__ == "__main__":
    show(measure())
