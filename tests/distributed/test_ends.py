"""However a stage of several processes ends, all of them end, and one paragraph says why."""

import contextlib
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from subprocess import PIPE, Popen
from typing import Any

import pytest

from tests.support import commands
from tests.support.commands import LONG_S
from tests.support.servers import free_port
from tests.support.workspace import ROOT

SCRIPT = str(ROOT / "tests/distributed/ends.py")
TORCHRUN = ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2")
KILLED = "process 1 of 2 was killed by SIGKILL (the system does it when memory runs out)"
Write = Callable[[dict[str, Any]], Path]


@pytest.fixture(autouse=True)
def two(folder: Path, write_params: Write) -> None:
    (folder / ".dvc").mkdir()
    write_params({"pretrain.processes": 2})


@contextlib.contextmanager
def started(*arguments: str) -> Iterator[Popen[str]]:
    environment = os.environ | {"PYTHONPATH": f"{ROOT / 'src'}{os.pathsep}{ROOT}"}
    options = {"env": environment, "stdout": PIPE, "stderr": PIPE, "text": True}
    with commands.started(sys.executable, *arguments, **options) as process:
        yield process


def ended(*arguments: str) -> tuple[int, str, str]:
    """Status and both outputs. Its processes share the pipes: they too have ended then."""
    with started(*arguments) as process:
        out, err = process.communicate(timeout=LONG_S)
    return process.returncode, out, err


def test_the_stage_starts_its_processes(folder: Path) -> None:
    assert ended(SCRIPT, "well") == (0, "", "")
    assert {path.name for path in folder.glob("*-of-2")} == {"0-of-2", "1-of-2"}


@pytest.mark.parametrize(
    ("case", "said"),
    [
        pytest.param("fault_of_all", "all have it", marks=pytest.mark.slow),
        pytest.param("fault_of_the_first", "the first has it", marks=pytest.mark.slow),
        ("fault_of_the_second", "the second has it"),
        pytest.param(
            "killed",
            f"{KILLED}, and the others ended with it; `dvc repro` runs this stage again",
            marks=pytest.mark.slow,
        ),
        pytest.param(
            "collapsed", "the training has collapsed: after epoch 2", marks=pytest.mark.slow
        ),
        pytest.param("no_number", "the loss is nan at step 1; lower", marks=pytest.mark.slow),
    ],
)
def test_one_paragraph_says_why(case: str, said: str, folder: Path) -> None:
    status, _, err = ended(SCRIPT, case)
    assert status == 1
    assert err.startswith(f"twinview: {said}") and len(err.splitlines()) == 1
    assert (folder / "followed-to-the-end").exists() == (case in ("collapsed", "no_number"))


@pytest.mark.slow
def test_our_own_faults_keep_their_traceback_and_only_theirs(folder: Path) -> None:
    status, _, err = ended(SCRIPT, "bug")
    assert status == 1 and err.count("Traceback") == 1 and "ZeroDivisionError" in err


@pytest.mark.slow
@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT"])
def test_a_signal_to_the_stage_is_passed_on_and_said_once(name: str, folder: Path) -> None:
    with started(SCRIPT, "waiting") as process:
        wait_for(folder, "0.pid", "1.pid")
        process.send_signal(signal.Signals[name])
        _, err = process.communicate(timeout=LONG_S)
    assert process.returncode == 128 + signal.Signals[name]
    assert err == "twinview: stopped, and saved\n"


@pytest.mark.slow
def test_a_signal_to_any_process_stops_all(folder: Path) -> None:
    with started(SCRIPT, "waiting") as process:
        wait_for(folder, "0.pid", "1.pid")
        os.kill(int((folder / "1.pid").read_text()), signal.SIGTERM)
        _, err = process.communicate(timeout=LONG_S)
    assert process.returncode == 1 and err == "twinview: stopped, and saved\n"


@pytest.mark.slow
def test_a_stage_that_is_killed_leaves_no_orphans(folder: Path) -> None:
    with started(SCRIPT, "waiting") as process:
        wait_for(folder, "0.pid", "1.pid")
        process.kill()
        _, err = process.communicate(timeout=LONG_S)
    assert err == "twinview: stopped, and saved\n"
    wait_for(folder, "0-ended", "1-ended")


@pytest.mark.slow
def test_torchrun_decides_how_many_and_the_stage_says_so(write_params: Write) -> None:
    write_params({"pretrain.processes": 1})
    status, out, _ = ended(*TORCHRUN, SCRIPT, "well")
    said = "ends: torchrun started 2 processes; pretrain.processes, 1, is not used\n"
    assert (status, out) == (0, said)


@pytest.mark.slow
@pytest.mark.parametrize(("case", "status"), [("well", 0), ("fault_of_all", 1)])
def test_two_machines_are_two_agents_that_meet(case: str, status: int, folder: Path) -> None:
    """Both on this one, each with a process of its own, as docs/settings.md starts them."""
    meeting = f"localhost:{free_port()}"
    rest = ("--nproc-per-node", "1", "--rdzv-backend", "c10d", "--rdzv-endpoint", meeting)
    command = ("-m", "torch.distributed.run", "--nnodes", "2", *rest, SCRIPT, case)
    with started(*command) as first, started(*command) as second:
        errors = [agent.communicate(timeout=LONG_S)[1] for agent in (first, second)]
    assert [first.returncode, second.returncode] == [status, status], errors
    assert "".join(errors).count("twinview: all have it") == status
    came = {"0-of-2", "1-of-2"} if case == "well" else set()
    assert {path.name for path in folder.glob("*-of-2")} == came


@pytest.mark.slow
def test_under_torchrun_too_a_fault_of_all_is_said_once(folder: Path) -> None:
    status, _, err = ended(*TORCHRUN, SCRIPT, "fault_of_all")
    assert status == 1 and err.count("twinview: all have it") == 1


def wait_for(folder: Path, *names: str) -> None:
    until = time.monotonic() + LONG_S
    while not all((folder / name).exists() for name in names):
        assert time.monotonic() < until, f"{names} are not there"
        time.sleep(0.1)
