"""Trainings that are watched: an encoder of pixels, one that collapses, a session."""

import contextlib
from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn

from twinview.core import registry
from twinview.data.splits import Prepared
from twinview.learning import checkpoints, monitors
from twinview.learning.curves import Curves
from twinview.learning.loop import Budget, State
from twinview.learning.parts import Method
from twinview.learning.session import Session
from twinview.learning.watch import Watch
from twinview.methods.simclr import simclr
from twinview.views.live import LiveViews
from twinview.views.plan import Renderer, ViewPlan

CHAIN = (("brightness", 1.0, {"strength": 0.4}),)


class Floats(nn.Module):
    """The simplest encoder: pixels as numbers."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.tensor(1 / 255))

    def forward(self, x: Tensor) -> Tensor:
        return x.flatten(-3).float() * self.scale


def render(prepared: Prepared) -> Renderer:
    return ViewPlan(0, CHAIN).renderer(prepared.modality)


def watch(prepared: Prepared, per_epoch: int, method: Method | None = None) -> Watch:
    method = method or simclr(Floats(), nn.BatchNorm1d(144), temperature=0.5, views=2)
    validation, train = (prepared.splits[name] for name in ("validation", "train"))
    batch = monitors.two_views(validation, render(prepared))
    measured = [monitors.geometry, *monitors.validation_knn(validation, train)]
    return Watch(method, batch, measured, Curves(per_epoch, method.chance(8)))


class NearlyConstant(nn.Module):
    """Nearly the same answer for all examples, and slow to change it."""

    def __init__(self) -> None:
        super().__init__()
        self.spread = nn.Parameter(torch.tensor(0.0))

    def forward(self, views: Tensor) -> Tensor:
        return 1 + self.spread * (views.flatten(2).float() / 255 - 0.5)


OWN = Budget(
    epochs=3, batch_size=24, learning_rate=0.01, warmup_epochs=0.5, seed=0, precision="float32"
)  # 12 steps


def session(prepared: Prepared, method: Method | None = None) -> Iterator[Session]:
    method = method or simclr(Floats(), nn.BatchNorm1d(144), temperature=0.5, views=2)
    make = registry.bind("optimizers", "adamw", {"weight_decay": 0.1})
    state = State.initial(method, make, torch.device("cpu"))
    with checkpoints.open_for({"a": "b"}) as kept:
        made = Session(state, watch(prepared, 4, method), kept)
        made.resume()
        yield made


opened = contextlib.contextmanager(session)


def run(
    own: Session, prepared: Prepared, every: int = 5, stop: Callable[[], str] = str
) -> list[int]:
    """Trains to the end; after each step, what the newest checkpoint is of."""
    split = prepared.splits["train"]
    views = LiveViews(render(prepared), split)
    return [own.checkpoints.newest_step() for _ in own.steps(split, views, OWN, every, stop)]
