"""A training that was killed, at any moment, ends like one that was not: laws for every method."""

import os
import signal
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from tests.support.plugins import bound, options
from twinview.compute.gradient_cache import GradientCache
from twinview.core import randomness, registry
from twinview.data.splits import Prepared
from twinview.learning import checkpoints, monitors
from twinview.learning.checkpoints import Checkpoints
from twinview.learning.curves import Curves
from twinview.learning.loop import Budget, State
from twinview.learning.session import Session
from twinview.learning.watch import Watch
from twinview.models import encoder
from twinview.views.live import LiveViews
from twinview.views.plan import ViewPlan

OWN = Budget(
    epochs=2, batch_size=16, learning_rate=0.01, warmup_epochs=0.5, seed=0, precision="float32"
)  # 12 steps
EVERY = 3
CHAIN = (
    ("random_resized_crop", 1.0, {"scale": [0.5, 1.0], "ratio": [0.75, 1.3333]}),
    ("brightness", 0.8, {"strength": 0.4}),
)
# Before the first checkpoint, between two, in the next epoch; while one is being written.
AFTER_STEPS, BEFORE_WRITING = (2, 5, 8, 11), (6, 12)
CASES = [(method, "adamw") for method in registry.names("methods")]
CASES += [
    ("simclr", optimizer) for optimizer in registry.names("optimizers") if optimizer != "adamw"
]


@pytest.mark.parametrize(("method", "optimizer"), CASES)
def test_a_training_that_was_killed_ends_like_one_that_was_not(
    method: str, optimizer: str, folder: Path, shapes: Prepared
) -> None:
    with checkpoints.open_for({"one": "that was not"}) as kept:
        through = session(method, optimizer, shapes, kept)
        train(through, shapes)
    for moment in sorted((*AFTER_STEPS, *BEFORE_WRITING)):
        killed(moment, method, optimizer, shapes)
    with checkpoints.open_for({"one": "that was"}) as kept:
        after = session(method, optimizer, shapes, kept)
        assert after.state.number == 9, "the checkpoint of step 12 was being written"
        train(after, shapes)
    differing = list(differences(through.state.state_dict(), after.state.state_dict()))
    assert differing == [] and after.watch.curves.state_dict() == through.watch.curves.state_dict()


def session(method: str, optimizer: str, prepared: Prepared, kept: Checkpoints) -> Session:
    """As in a new process: weights from their seed, then the checkpoint."""
    own = options("encoders", "convnet") | {"first_layer": "learned"}  # so few steps collapse else
    learner = encoder.build(encoder.Description.for_data(prepared, "convnet", own), 0)
    with randomness.torch_seeded(0, "method"):
        head = bound("heads", "nonlinear")(learner.dim)
        made = bound("methods", method)(GradientCache(learner, 8), head)
    state = State.initial(made, bound("optimizers", optimizer), torch.device("cpu"))
    render = ViewPlan(0, CHAIN).renderer(prepared.modality)
    validation, train = (prepared.splits[name] for name in ("validation", "train"))
    measured = [monitors.geometry, *monitors.validation_knn(validation, train)]
    curves = Curves(6, made.chance(OWN.batch_size))
    watch = Watch(made, monitors.two_views(validation, render), measured, curves)
    made_session = Session(state, watch, kept)
    made_session.resume()
    return made_session


def train(own: Session, prepared: Prepared, until: int = 99) -> None:
    split = prepared.splits["train"]
    plan, crops = ViewPlan(0, CHAIN), own.state.method.small_crops
    views = LiveViews(plan.renderer(prepared.modality), split)
    if crops is not None:
        small = LiveViews(plan.small_renderer(prepared.modality, crops), split)
        views.small_crops = partial(small.take, count=crops.count)
    for step, _ in own.steps(split, views, OWN, EVERY, stop_requested_by=str):
        if step.number == until:
            os.kill(os.getpid(), signal.SIGKILL)


def killed(moment: int, method: str, optimizer: str, prepared: Prepared) -> None:
    """A process of its own trains on, and is killed; no block of it ends."""
    if not (child := os.fork()):
        try:
            if moment in BEFORE_WRITING:
                os.rename = Path.replace = die  # type: ignore[assignment,method-assign]
            with checkpoints.open_for({"one": "that was"}) as kept:
                train(session(method, optimizer, prepared, kept), prepared, moment)
        finally:
            os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL


def die(*given: Any) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def differences(one: Any, other: Any, place: str = "") -> Iterator[str]:
    """Where two states are not equal to the bit."""
    if isinstance(one, dict):
        assert one.keys() == other.keys(), place
        for key in one:
            yield from differences(one[key], other[key], f"{place}/{key}")
    elif not (torch.equal(one, other) if isinstance(one, Tensor) else one == other):
        yield place
