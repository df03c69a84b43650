"""The environment of the tests, and what several of them start from."""

import copy
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

# Before torch is imported: waiting threads sleep, so that two test processes share two cores.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
os.environ.setdefault("DVC_NO_ANALYTICS", "1")

import pytest
import torch
from ruamel.yaml import YAML

from tests.support.commands import use_plain_git
from tests.support.shapes import prepared_shapes
from tests.support.workspace import ROOT
from twinview.data.splits import Prepared

# A shell that starts the suite in the background has Ctrl-C ignored, and so its children.
signal.signal(signal.SIGINT, signal.default_int_handler)
use_plain_git()

# What DVC and a user's shell may set, and what would change the results of the tests.
FOREIGN = (
    "DVC_ROOT", "DVC_EXP_NAME", "DVC_EXP_BASELINE_REV", "MLFLOW_TRACKING_URI", "TWINVIEW_DEBUG",
)  # fmt: skip
WHOLE: dict[str, Any] = YAML(typ="safe").load((ROOT / "params.yaml").read_text())


LONG = ("pipeline", "distributed")  # folders
LONG_TEST_S = 7200  # for several commands, whose own limits are shorter (tests/support/commands.py)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Whole pipelines and processes first: of two workers, none is left with them at the end."""
    items.sort(key=lambda item: item.path.parent.name not in LONG)
    for item in items:
        if item.path.parent.name in LONG or item.get_closest_marker("slow"):
            item.add_marker(pytest.mark.timeout(LONG_TEST_S))


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    """The tests' tensors are tiny: threads would only wait for each other.

    A test that sets more leaves none behind, since a process that is forked then would wait for
    threads that it has not.
    """
    torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def _own_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """None of FOREIGN in the test, nor after it, whatever sets one in there: MLflow does."""
    for name in FOREIGN:
        monkeypatch.setenv(name, "")  # so that monkeypatch takes it away again
        monkeypatch.delenv(name)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder that is the current one."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def settings() -> dict[str, Any]:
    """The content of params.yaml, a copy of its own for each test."""
    return copy.deepcopy(WHOLE)


@pytest.fixture
def write_params(settings: dict[str, Any], folder: Path) -> Callable[..., Path]:
    """Writes params.yaml into the current folder, with other values at dotted keys."""

    def write(changes: dict[str, Any]) -> Path:
        for dotted, value in changes.items():
            *parents, last = dotted.split(".")
            section = settings
            for name in parents:
                section = section[name]
            section[last] = value
        with Path("params.yaml").open("w") as file:
            YAML().dump(settings, file)
        return Path("params.yaml")

    return write


@pytest.fixture(scope="session")
def shapes() -> Prepared:
    """Splits of small pictures, each with a shape that names its class; never written to."""
    return prepared_shapes(train=96, validation=48, test=96, seed=0)
