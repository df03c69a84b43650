"""What is around every stage's work: the lock, the check of params.yaml, plain errors, progress."""

import contextlib
import io
import os
import pty
import re
import signal
import sys
import termios
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from twinview.core.errors import BusyError, DataError
from twinview.settings import params
from twinview.stages import stage

Write = Callable[[dict[str, Any]], Path]


@pytest.fixture(autouse=True)
def script(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / ".dvc").mkdir()
    monkeypatch.setattr(sys, "argv", ["pipeline/views.py"])


def test_main_runs_when_the_settings_are_in_order(write_params: Write) -> None:
    ran: list[bool] = []
    write_params({})
    stage.run(lambda: ran.append(True))
    assert ran == [True]


def test_main_does_not_start_when_they_are_not(
    write_params: Write, capfd: pytest.CaptureFixture[str]
) -> None:
    write_params({"heads.linear.aut": 3})
    with pytest.raises(SystemExit) as caught:
        stage.run(lambda: pytest.fail("started"))
    assert caught.value.code == 1
    assert "twinview: params.yaml has 1 fault:\n  heads.linear.aut: there" in capfd.readouterr().err


def test_what_a_user_can_mend_ends_as_one_paragraph(write_params: Write) -> None:
    def main() -> None:
        raise DataError("data/raw/a is missing")

    write_params({})
    with pytest.raises(SystemExit) as caught:
        stage.run(main)
    # Text as a status: python prints it and ends with status 1.
    assert caught.value.code == "twinview: data/raw/a is missing"


def test_our_own_faults_keep_their_traceback(write_params: Write) -> None:
    def main() -> None:
        raise ZeroDivisionError

    write_params({})
    with pytest.raises(ZeroDivisionError):
        stage.run(main)


def test_a_stage_that_runs_already_is_refused_before_anything(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(params, "check", lambda: pytest.fail("went on"))
    with stage.folder_lock("views"), pytest.raises(SystemExit) as caught:
        stage.run(lambda: pytest.fail("started"))
    assert f"another run is at work in {folder} (views)" in str(caught.value.code)


def test_the_refusal_names_the_process_at_work(folder: Path) -> None:
    with stage.folder_lock("views"), pytest.raises(BusyError) as caught, stage.folder_lock("views"):
        pytest.fail("started")
    assert f"process {os.getpid()}" in str(caught.value) and "`kill`" in str(caught.value)


def test_ctrl_c_where_nothing_is_to_be_saved_ends_as_one_line(
    write_params: Write, capsys: pytest.CaptureFixture[str]
) -> None:
    def main() -> None:
        raise KeyboardInterrupt

    write_params({})
    with pytest.raises(SystemExit) as caught:
        stage.run(main)
    assert caught.value.code == 130
    said = capsys.readouterr().err
    assert said.startswith("twinview: stopped by SIGINT") and said.count("\n") == 1


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_a_signal_is_noted_and_not_obeyed(name: str) -> None:
    before = signal.signal(signal.Signals[name], signal.default_int_handler)  # nohup ignores one
    try:
        with stage.deferred_signals() as came:
            assert came() == ""
            signal.raise_signal(signal.Signals[name])
            assert came() == name
    finally:
        signal.signal(signal.Signals[name], before)


def test_one_of_several_processes_stops_when_its_parent_is_gone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with stage.deferred_signals() as stop_requested_by:
        monkeypatch.setattr(os, "getppid", lambda: 1)
        assert stop_requested_by() == ""  # alone, it works on
        monkeypatch.setenv("RANK", "0")
        assert stop_requested_by() == "the end of the process that started it"


def test_a_second_signal_acts_at_once() -> None:
    with stage.deferred_signals():
        signal.raise_signal(signal.SIGTERM)
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)


def test_a_signal_that_is_ignored_stays_ignored() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as nohup does
    try:
        with stage.deferred_signals() as stop_requested_by:
            os.kill(os.getpid(), signal.SIGHUP)
            assert stop_requested_by() == ""
    finally:
        signal.signal(signal.SIGHUP, before)


def test_signals_are_obeyed_again_afterwards() -> None:
    with stage.deferred_signals():
        pass
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)


def test_progress_hands_every_item_on_in_order() -> None:
    assert list(stage.progress(iter([3, 1, 2]), 3, "what")) == [3, 1, 2]


def test_progress_takes_an_item_only_when_it_is_asked_for() -> None:
    taken: list[int] = []
    items = stage.progress((taken.append(i) or i for i in range(3)), 3, "what")
    next(items)
    assert taken == [0]


def test_exhaust_runs_the_generator_to_its_end() -> None:
    done: list[int] = []
    stage.run_with_bar((done.append(i) or 1 for i in range(3)), 3, "what")
    assert done == [0, 1, 2]


def test_there_is_no_bar_where_nobody_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    written = io.StringIO()
    monkeypatch.setattr(sys, "stderr", written)
    list(stage.progress(range(3), 3, "what"))
    stage.run_with_bar([1, 1], 2, "what")
    assert written.getvalue() == ""


def test_of_several_processes_the_first_checks_and_shows_for_all(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RANK", "1")
    monkeypatch.setattr(stage, "check_params", lambda rows, announce: pytest.fail("checks"))
    monkeypatch.setattr(stage, "tqdm", lambda items, *, disable, **given: [disable])
    stage.run(lambda: None)
    assert next(stage.progress([0], 1, "what")) is True  # type: ignore[comparison-overlap]


def test_of_several_processes_the_first_holds_the_lock_for_all(
    write_params: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The others start beside it, and would else be refused."""
    ran: list[str] = []
    write_params({})

    def follow() -> None:
        monkeypatch.setenv("RANK", "1")
        stage.run(lambda: ran.append("follower"))

    monkeypatch.setenv("RANK", "0")
    stage.run(follow)
    assert ran == ["follower"]


class Terminal:
    """A terminal that nobody types at, in place of standard error."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._master, slave = pty.openpty()
        termios.tcsetwinsize(slave, (24, 80))
        self._file = os.fdopen(slave, "w")
        monkeypatch.setattr(sys, "stderr", self._file)

    def shown(self) -> str:
        self._file.close()
        text = b""
        with contextlib.suppress(OSError):  # as Linux ends a terminal
            while more := os.read(self._master, 65536):
                text += more
        os.close(self._master)
        return text.decode()


def test_a_terminal_has_bars_with_rate_and_time_left(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal(monkeypatch)
    list(stage.progress((time.sleep(0.12) for _ in range(3)), 3, "embed"))
    stage.run_with_bar((time.sleep(0.12) or 500 for _ in range(3)), 1500, "views")
    shown = terminal.shown()
    bars = [re.search(rf"{name}: +\d+%\|.*\[\d+:\d+<\d+:\d+, .*it/s\]", shown)
            for name in ("embed", "views")]  # fmt: skip
    assert all(bars)


def test_a_terminal_shows_the_time_of_work_that_does_not_tell(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    terminal = Terminal(monkeypatch)
    with stage.show_elapsed("export"):
        time.sleep(0.3)
    assert "export: 00:00" in terminal.shown()


def test_the_time_is_shown_nowhere_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", written := io.StringIO())
    with stage.show_elapsed("export"):
        time.sleep(0.3)
    assert written.getvalue() == ""


@pytest.mark.parametrize(
    "fault", [PermissionError(13, "Permission denied", "data"), OSError(28, "No space left")]
)
def test_what_the_system_refuses_a_stage_is_one_line(write_params: Write, fault: OSError) -> None:
    def main() -> None:
        raise fault

    write_params({})
    with pytest.raises(SystemExit) as caught:
        stage.run(main)
    said = str(caught.value.code)
    assert said.startswith("twinview: ") and str(fault.strerror) in said and "\n" not in said


def test_twinview_debug_shows_where_it_happened(
    write_params: Write, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def the_place() -> None:
        raise DataError("data/raw/a is missing")

    write_params({})
    monkeypatch.setenv("TWINVIEW_DEBUG", "1")
    with pytest.raises(SystemExit):
        stage.run(the_place)
    assert "in the_place" in capsys.readouterr().err


def test_only_the_first_check_of_a_stage_tells_its_place(
    write_params: Callable[[dict[str, Any]], Path],
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    write_params({})
    monkeypatch.setattr(stage.outlook, "announce", lambda name: print("stage 1 of 9", flush=True))
    stage.check_params(None, announce=True)
    assert capfd.readouterr().out == "stage 1 of 9\n"
    stage.check_params({"train": 55_000})
    assert capfd.readouterr().out == ""
