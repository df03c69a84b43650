"""Two and four processes give the loss, gradients and weights of one with the whole batch."""

import json
import os
import re
import sys
from typing import Any

import pytest

from tests.distributed.worker import CASES, EXCEPTIONS
from tests.support.commands import LONG_S, output
from tests.support.workspace import ROOT

REASONS = ROOT / "docs/decisions/0007-several-processes.md"
WORKER = ROOT / "tests/distributed/worker.py"


@pytest.fixture(scope="module", params=[2, pytest.param(4, marks=pytest.mark.slow)])
def found(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> list[Any]:
    """What each process found, from one start for all tests."""
    folder = tmp_path_factory.mktemp("ranks")
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    command = [*launcher, "--nproc-per-node", str(request.param), str(WORKER), str(folder)]
    environment = os.environ | {"PYTHONPATH": f"{ROOT / 'src'}{os.pathsep}{ROOT}"}
    output(*command, limit_s=LONG_S, cwd=ROOT, env=environment)
    files = sorted(folder.glob("*.json"))
    assert len(files) == request.param
    return [json.loads(path.read_text()) for path in files]


@pytest.mark.parametrize("case", CASES)
def test_together_is_as_alone_on_every_process(case: str, found: list[dict[str, float]]) -> None:
    # Float64's rounding is some 1e-14; a gradient that is off is off by percents.
    assert max(own[case] for own in found) < 1e-9


@pytest.mark.parametrize("case", EXCEPTIONS)
def test_an_exception_is_one(case: str, found: list[dict[str, float]]) -> None:
    assert all(1e-9 < own[case] < float("inf") for own in found)


def test_every_exception_has_its_reason_in_the_docs_and_no_other_is_there() -> None:
    assert set(re.findall(r"^\| `(\w+)` \|", REASONS.read_text(), re.M)) == set(EXCEPTIONS)
