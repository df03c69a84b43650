"""What a small training takes: a budget, examples, views that remember, an optimizer, a run."""

from collections.abc import Callable
from typing import Any, final

import torch
from torch import Tensor, optim

from twinview.core import registry
from twinview.core.types import Split
from twinview.learning.loop import Budget
from twinview.views.live import Views

CPU = torch.device("cpu")
CHAIN = (
    ("random_resized_crop", 1.0, {"scale": [0.5, 1.0], "ratio": [0.75, 1.3333]}),
    ("brightness", 0.8, {"strength": 0.4}),
)


@final
class Recorder(Views):
    """Gives the rows themselves as views, and remembers what it was asked for."""

    def __init__(self) -> None:
        self.asked: list[tuple[list[int], int, int]] = []

    def take(self, rows: Tensor, epoch: int, count: int) -> Tensor:
        self.asked.append((rows.tolist(), epoch, count))
        return rows[None, :, None].expand(count, -1, 1).float()


def budget(**changes: float | str) -> Budget:
    usual = {"epochs": 2, "batch_size": 4, "learning_rate": 0.1, "warmup_epochs": 0.5, "seed": 0}
    usual |= {"precision": "float32"}
    return Budget(**(usual | changes))  # type: ignore[arg-type]


def rows(n: int) -> Split:
    return Split(torch.zeros(n, 1), torch.arange(n), torch.arange(100, 100 + n))


def adamw(decay: float = 0.0001) -> Callable[..., optim.Optimizer]:
    return registry.bind("optimizers", "adamw", {"weight_decay": decay})


class Untracked:
    """In the place of an MLflow run."""

    id = "none"

    def log(self, values: Any, step: int) -> None: ...

    def tag(self, **tags: str) -> None: ...
