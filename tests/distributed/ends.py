"""A stage of two processes that ends as its argument says; started by test_ends.py."""

import os
import signal
import sys
import time
from pathlib import Path

import torch
from torch import nn

from tests.support.shapes import prepared_shapes
from tests.support.watched import OWN, NearlyConstant, opened, render, run
from twinview.compute import processes
from twinview.core import registry
from twinview.core.errors import ConfigError, DataError, StoppedError
from twinview.learning.loop import State
from twinview.learning.parts import Siamese
from twinview.learning.session import follow
from twinview.stages import launch, stage
from twinview.views.live import LiveViews


def well() -> None:
    Path(f"{processes.rank()}-of-{processes.world_size()}").touch()


def fault_of_all() -> None:
    raise ConfigError("all have it")


def fault_of_the_first() -> None:
    if processes.rank() == 0:
        raise DataError("the first has it")
    processes.any_process(False)


def fault_of_the_second() -> None:
    if processes.rank() == 1:
        raise DataError("the second has it")
    processes.any_process(False)


def bug() -> None:
    if processes.rank() == 1:
        raise ZeroDivisionError
    processes.any_process(False)


def killed() -> None:
    if processes.rank() == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    processes.any_process(False)


def waiting() -> None:
    """Until a signal comes to one of them."""
    with stage.deferred_signals() as stop_requested_by:
        Path(f"{processes.rank()}.pid").write_text(str(os.getpid()))
        while not processes.any_process(bool(stop_requested_by())):
            time.sleep(0.02)
    Path(f"{processes.rank()}-ended").touch()
    if processes.rank() == 0:
        raise StoppedError("stopped, and saved")


def collapsed() -> None:
    _train(1.0)


def no_number() -> None:
    _train(float("nan"))


def _train(factor: float) -> None:
    """Embeddings nearly alike: a collapse, once two epochs are over."""
    shapes, head = prepared_shapes(train=96, validation=48, test=96, seed=0), nn.Identity()
    method = Siamese(
        NearlyConstant(), head, lambda z, labels: factor * z.mean(), lambda n: 5.0, views=2
    )
    if processes.rank() == 0:
        with opened(shapes, method) as own:
            run(own, shapes)
        return
    train = shapes.splits["train"]
    make = registry.bind("optimizers", "adamw", {"weight_decay": 0.1})
    state = State.initial(method, make, torch.device("cpu"))
    follow(state, train, LiveViews(render(shapes), train), OWN, stop_requested_by=str)
    Path("followed-to-the-end").touch()  # and lost nobody on the way


if __name__ == "__main__":
    torch.set_num_threads(1)
    launch.run(globals()[sys.argv[1]])
