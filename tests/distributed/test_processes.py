"""Two and four processes give the loss, gradients and weights of one with the whole batch."""

import json
import os
import subprocess
import sys
from typing import Any

import pytest

from tests.distributed.worker import CASES
from tests.workspace import ROOT

WORKER = ROOT / "tests/distributed/worker.py"


@pytest.fixture(scope="module", params=[2, 4])
def found(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> list[Any]:
    """What each process found, from one start for all tests."""
    folder = tmp_path_factory.mktemp("ranks")
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    command = [*launcher, "--nproc-per-node", str(request.param), str(WORKER), str(folder)]
    environment = os.environ | {"PYTHONPATH": f"{ROOT / 'src'}{os.pathsep}{ROOT}"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    files = sorted(folder.glob("*.json"))
    assert len(files) == request.param
    return [json.loads(path.read_text()) for path in files]


@pytest.mark.parametrize("case", CASES)
def test_together_is_as_alone_on_every_process(case: str, found: list[dict[str, float]]) -> None:
    # Float64's rounding is some 1e-14; a gradient that is off is off by percents.
    assert max(own[case] for own in found) < 1e-9
