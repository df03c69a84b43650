"""How many examples a second this machine trains on, measured on random pictures."""

import dataclasses
import time

import torch

from twinview.compute import devices
from twinview.core import registry
from twinview.core.types import Split
from twinview.data.splits import Prepared
from twinview.learning.loop import Step, continue_training
from twinview.learning.pretraining import Training
from twinview.settings.params import Params
from twinview.views.live import LiveViews
from twinview.views.plan import ViewPlan

_WARM_UP = 2  # steps: the first ones allocate memory and choose kernels
_EPOCHS = 10**6  # more than any measurement takes


def measure_rate(settings: Params, shape: tuple[int, ...], seconds: float) -> float:
    """Examples a second of whole training steps, with rendering, at the settings' batch size.

    It takes `seconds` beside two steps of warming up, and at least one step. Checkpoints and the
    watch of each epoch are not in it.

    Parameters
    ----------
    settings : the settings; their epochs and sizes of splits count for nothing.
    shape : (c, h, w) of a picture.
    seconds : how long to measure.

    Raises
    ------
    ConfigError : the settings cannot train on such pictures.
    """
    devices.set_threads(settings.pretrain.threads)
    prepared = _random_pictures(settings.pretrain.batch_size, settings.data.modality, shape)
    plan = ViewPlan.from_options(settings.views.seed, settings.views.chain, settings.augmentations)
    views = LiveViews(plan.renderer(prepared.modality), prepared.splits["train"])
    training = Training.from_settings(settings, prepared, plan, views)
    budget = dataclasses.replace(training.budget, epochs=_EPOCHS)
    steps = continue_training(training.state, training.train, training.views, budget)
    for _ in range(_WARM_UP):
        _finished(next(steps))
    start, done = time.perf_counter(), 0
    while not done or time.perf_counter() - start < seconds:
        _finished(next(steps))
        done += 1
    return done * settings.pretrain.batch_size / (time.perf_counter() - start)


def _finished(step: Step) -> None:
    """Waits for the step on a device that computes behind; its loss is a number by then."""
    assert isinstance(step.loss, float)


def _random_pictures(examples: int, modality: str, shape: tuple[int, ...]) -> Prepared:
    """A batch of random pictures in each split; the time of a step does not depend on them."""
    generator = torch.Generator().manual_seed(0)
    inputs = torch.randint(0, 256, (examples, *shape), dtype=torch.uint8, generator=generator)
    split = Split(inputs, None, torch.arange(examples))
    statistics = registry.bind("modalities", modality, {})().statistics(inputs)
    return Prepared(dict.fromkeys(("train", "validation", "test"), split), (), modality, statistics)
