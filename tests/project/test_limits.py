"""Commands that tests start, and the tests themselves: none is waited for without end."""

import ast
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from tests.support.commands import end_all, git, run, shown, started
from tests.support.workspace import ROOT

STARTING = {"subprocess.run", "subprocess.call", "subprocess.check_call", "subprocess.check_output"}
STARTING |= {"subprocess.Popen", "os.system", "os.popen"}
UNLIMITED = {
    "src/twinview/core/commands.py": ["subprocess.Popen"],  # DVC
    "src/twinview/cli/ui.py": ["subprocess.run"],  # MLflow's pages
}
BY_HAND = {"tests/support/commands.py": ["subprocess.Popen", "subprocess.Popen"]}  # limited there
HANGS = """
import threading, time

def test_hangs():
    threading.Thread(target=lambda: waits_apart(), daemon=True).start()
    where_it_stood()

def waits_apart():
    time.sleep(600)

def where_it_stood():
    time.sleep(600)

def test_goes_on():
    pass
"""


def starting(source: str) -> list[str]:
    """The calls of a module that start a command, with a limit or without."""
    return [ast.unparse(call.func) for call in _calls(source) if _starts(call)]


def unlimited(source: str) -> list[str]:
    """The calls of a module that start or ask something and wait for it without a limit."""
    found = [call for call in _calls(source) if _starts(call) or _asks(call)]
    free = [call for call in found if all(word.arg != "timeout" for word in call.keywords)]
    return [ast.unparse(call.func) for call in free]


def _calls(source: str) -> list[ast.Call]:
    return [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call)]


def _starts(call: ast.Call) -> bool:
    return ast.unparse(call.func) in STARTING


def _asks(call: ast.Call) -> bool:
    return ast.unparse(call.func).rpartition(".")[2] in ("urlopen", "communicate")


def calls(search: Callable[[str], list[str]], *folders: str) -> dict[str, list[str]]:
    """What the search finds, by file."""
    files = [path for folder in folders for path in sorted((ROOT / folder).rglob("*.py"))]
    assert len(files) > 100
    found = {str(path.relative_to(ROOT)): search(path.read_text()) for path in files}
    return {name: calls for name, calls in found.items() if calls}


def test_nothing_that_is_started_is_waited_for_without_a_limit_but_where_it_says_why() -> None:
    everywhere = ("src", "pipeline", "benchmarks", "tests")
    assert calls(unlimited, *everywhere) == UNLIMITED | BY_HAND


def test_tests_start_commands_by_tests_commands_alone() -> None:
    assert calls(starting, "tests") == BY_HAND
    assert starting("subprocess.run(['git'], timeout=60)") == ["subprocess.run"]


@pytest.mark.parametrize(
    "source",
    [
        "subprocess.run(['git'], check=True)",
        "subprocess.check_output(['git'])",
        "subprocess.Popen(['git'])",
        "urllib.request.urlopen(url)",
        "process.communicate()",
        "os.system('git')",
    ],
)
def test_the_search_sees(source: str) -> None:
    assert unlimited(source)


def test_every_test_has_a_limit(request: pytest.FixtureRequest) -> None:
    assert request.config.getini("timeout") == "300"
    for item in request.session.items:
        long = item.path.parent.name in ("pipeline", "distributed")
        mark = item.get_closest_marker("timeout")
        assert bool(mark) == bool(long or item.get_closest_marker("slow")), item
        assert mark is None or mark.args == (7200,), item


def outcome(source: str, folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """A module of tests, run with the project's settings but for the options."""
    (folder / "test_hangs.py").write_text(source)
    command = (sys.executable, "-m", "pytest", "-c", ROOT / "pyproject.toml", *options, folder)
    return run(*command, "-p", "no:cacheprovider")


@pytest.mark.slow
def test_a_test_that_hangs_fails_and_says_where_it_stood(tmp_path: Path) -> None:
    said = outcome(HANGS, tmp_path, "-o", "timeout=2", "-n", "1").stdout
    assert "1 failed, 1 passed" in said and "Timeout (>2.0s)" in said
    assert ">       time.sleep(600)" in said and "in waits_apart" in said


@pytest.mark.slow
def test_a_test_that_heeds_no_signal_is_ended_and_says_where_it_stood(tmp_path: Path) -> None:
    """As one that hangs in a library's C code."""
    deaf = "import signal\nsignal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGALRM])\n" + HANGS
    ended = outcome(deaf, tmp_path, "-o", "timeout=1", "-o", "faulthandler_timeout=3")
    assert ended.returncode == 1 and "passed" not in ended.stdout
    assert "in where_it_stood" in ended.stderr and "in waits_apart" in ended.stderr


def test_a_command_that_does_not_end_is_ended_and_named_with_what_it_printed() -> None:
    with pytest.raises(pytest.fail.Exception) as caught:
        run("sh", "-c", "echo here; sleep 600 & sleep 600", limit_s=1)
    assert "sleep 600'` has not ended in 1 s; it printed:\nhere" in str(caught.value)


def test_a_command_ends_with_the_test_that_waits_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """However the waiting ends: by the test's own limit, or by Ctrl-C."""
    begun = []

    class Interrupted(subprocess.Popen):  # type: ignore[type-arg]
        def wait(self, timeout: float | None = None) -> int:
            if timeout is None:
                return super().wait()
            begun.append(psutil.Process(self.pid))
            raise KeyboardInterrupt

    monkeypatch.setattr(subprocess, "Popen", Interrupted)
    with pytest.raises(KeyboardInterrupt):
        run("sleep", "600")
    assert not begun[0].is_running()


def test_a_command_that_prints_where_we_do_has_a_limit_too() -> None:
    assert shown("sh", "-c", "exit 3", limit_s=60) == 3
    with pytest.raises(pytest.fail.Exception, match="`sleep 600` has not ended in 1 s"):
        shown("sleep", "600", limit_s=1)


def test_a_worker_in_the_background_is_not_waited_for_and_can_be_ended(tmp_path: Path) -> None:
    """It holds the output, in a group of its own, as DVC's queue workers do."""
    ended = run("sh", "-c", "echo here; setsid sleep 600 & echo $!", env={"OF": str(tmp_path)})
    word, worker = ended.stdout.split()
    assert word == "here"
    process = psutil.Process(int(worker))
    end_all(tmp_path)
    assert psutil.wait_procs([process], timeout=60)[1] == []


def test_what_was_started_for_a_block_ends_with_it() -> None:
    with started("sh", "-c", "sleep 600 & sleep 600") as process:
        assert process.poll() is None
    assert process.returncode == -9


def test_nobody_s_git_settings_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / ".gitconfig").write_text("[commit]\n\tgpgsign = true\n[core]\n\thooksPath = /x\n")
    git("init", "-q", "project", folder=tmp_path)
    git("commit", "-q", "--allow-empty", "-m", "a", folder=tmp_path / "project")
    assert git("log", "--format=%an", folder=tmp_path / "project") == "test"
    assert git("branch", "--show-current", folder=tmp_path / "project") == "main"
