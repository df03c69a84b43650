"""What the stage says of its processes, and to whom it listens; their ends: tests/distributed."""

import os
import signal
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from twinview.stages import launch

Write = Callable[[dict[str, Any]], Path]
LOST = launch.PEERS_LOST


def test_one_process_runs_main_where_it_is(
    folder: Path, write_params: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("RANK", raising=False)
    (folder / ".dvc").mkdir()
    write_params({"pretrain.processes": 1})
    ran = []
    launch.run(lambda: ran.append(os.getpid()))
    assert ran == [os.getpid()]


def test_faults_of_the_settings_come_before_any_start(write_params: Write) -> None:
    write_params({"pretrain.processes": 0})
    with pytest.raises(SystemExit) as caught:
        launch.run(lambda: pytest.fail("started"))
    assert "pretrain.processes: input should be greater than" in str(caught.value.code)


@pytest.mark.parametrize(
    ("ends", "said"),
    [
        ({0: 1}, ""),
        ({0: 1, 1: LOST}, ""),
        ({0: 1, 1: -signal.SIGTERM}, ""),  # ended by the agent
        ({0: LOST, 1: 1, 2: -signal.SIGKILL}, ""),
        ({1: -signal.SIGKILL}, "process 1 of 3 was killed by SIGKILL (the system"),
        ({0: LOST, 2: -signal.SIGSEGV}, "process 2 of 3 was killed by SIGSEGV (the system"),
        ({0: -signal.SIGTERM, 2: -signal.SIGKILL}, "process 2 of 3 was killed by SIGKILL (the"),
        ({0: LOST, 1: LOST}, "its 3 processes have lost each other; `dvc repro` runs"),
    ],
)
def test_what_no_process_has_told_the_stage_tells(ends: dict[int, int], said: str) -> None:
    failures = {place: SimpleNamespace(exitcode=status) for place, status in ends.items()}
    found = launch._describe_failures(failures, 3)
    assert found.startswith(f"twinview: {said}") if said else found == ""


def test_a_signal_that_is_ignored_is_not_heeded() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as nohup does
    try:
        assert launch._handled_signals() == ["SIGINT", "SIGTERM"]
    finally:
        signal.signal(signal.SIGHUP, before)
