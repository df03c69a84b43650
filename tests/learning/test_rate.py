"""The measured rate of training: which steps count, at which batch size, and what it needs."""

import time
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import torch

from twinview.learning import rate
from twinview.learning.loop import Step
from twinview.settings import params

SMALL = {
    "pretrain.batch_size": 16,
    "pretrain.threads": 1,
    "pretrain.precision": "float32",
    "encoders.convnet.widths": [4, 6],
    "encoders.convnet.strides": [2, 1],
    "encoders.convnet.pool_size": 2,
}


@pytest.fixture(autouse=True)
def _threads() -> Any:
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def test_the_rate_is_the_examples_of_the_steps_after_warming_up_over_their_seconds(
    write_params: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    write_params(SMALL)
    clock = count()
    steps: list[Step] = []
    monkeypatch.setattr(time, "perf_counter", lambda: float(next(clock)))
    monkeypatch.setattr(rate, "_finished", steps.append)
    # It starts at 0, looks at the clock after each step, at 1, 2 and 3, and once more at the end.
    found = rate.measure_rate(params.load(), (3, 12, 12), seconds=3)
    assert found == 3 * 16 / 4
    assert [step.number for step in steps] == [1, 2, 3, 4, 5]


def test_one_step_is_measured_at_least(
    write_params: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    write_params(SMALL)
    assert 0 < rate.measure_rate(params.load(), (1, 12, 12), seconds=0) < 1e6
