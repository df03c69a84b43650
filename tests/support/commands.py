"""Commands that tests start: each has a limit, and sees git's settings of tests/support/gitconfig.

Their output goes into files. A pipe stays open until the last process that has it ends, and a
worker in the background may never end.
"""

import contextlib
import os
import shlex
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

LIMIT_S = 200  # less than a test has itself (pyproject.toml), so that the command is named
LONG_S = 2400  # for small pipelines, some minutes long; ten times that on a busy machine


def use_plain_git() -> None:
    """From now on git is the same for everyone, here and in what is started from here.

    No setting, hook, signature or GIT_DIR of the user's counts, and no repository around the
    folder for temporary files.
    """
    for name in [name for name in os.environ if name.startswith("GIT_")]:
        del os.environ[name]
    os.environ["GIT_CONFIG_GLOBAL"] = str(Path(__file__).with_name("gitconfig"))
    os.environ["GIT_CONFIG_NOSYSTEM"] = "1"
    os.environ["GIT_CEILING_DIRECTORIES"] = tempfile.gettempdir()


def run(
    *command: str | Path, limit_s: float = LIMIT_S, **options: Any
) -> subprocess.CompletedProcess[str]:
    """A command at its end: its status and both outputs.

    options: cwd and env. What it leaves at work in the background stays so; see end_all. Fails
    after limit_s, and then nothing of the command's group is left.
    """
    with tempfile.TemporaryDirectory(prefix="twinview-test-") as folder:
        out, err = Path(folder, "out"), Path(folder, "err")
        with out.open("wb") as to, err.open("wb") as errors:
            status = _status(command, limit_s, stdout=to, stderr=errors, **options)
        printed = [path.read_text("utf-8", errors="replace") for path in (out, err)]
    if status is None:
        pytest.fail(f"{_late(command, limit_s)}; it printed:\n{''.join(printed)}")
    return subprocess.CompletedProcess(command, status, *printed)


def shown(*command: str | Path, limit_s: float, **options: Any) -> int:
    """The status of a command that prints where we print. Fails after limit_s."""
    status = _status(command, limit_s, **options)
    return pytest.fail(_late(command, limit_s)) if status is None else status


def output(*command: str | Path, **options: Any) -> str:
    """What a command prints, without white space at the ends. Fails unless it ends well."""
    finished = run(*command, **options)
    assert finished.returncode == 0, finished.stdout + finished.stderr
    return finished.stdout.strip()


def git(*arguments: str | Path, folder: Path = Path()) -> str:
    """What git prints in the folder. Fails unless it ends well."""
    return output("git", *arguments, cwd=folder)


@contextlib.contextmanager
def started(*command: str | Path, **options: Any) -> Iterator[subprocess.Popen[Any]]:
    """A command at work, which ends with the block, and its group with it."""
    with subprocess.Popen(command, start_new_session=True, **options) as process:
        try:
            yield process
        finally:
            _end_group(process.pid)


def end_all(folder: Path) -> None:
    """Ends each process whose environment names the folder, as those that DVC sets apart do."""
    for process in psutil.process_iter(["environ"]):
        if any(str(folder) in value for value in (process.info["environ"] or {}).values()):
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()


def _status(command: tuple[str | Path, ...], limit_s: float, **options: Any) -> int | None:
    process = subprocess.Popen(command, start_new_session=True, **options)
    try:
        return process.wait(limit_s)
    except subprocess.TimeoutExpired:
        return None
    finally:  # also when the test's own limit is reached, or at Ctrl-C
        if process.poll() is None:
            _end_group(process.pid)
            process.wait()


def _late(command: tuple[str | Path, ...], limit_s: float) -> str:
    return f"`{shlex.join(map(str, command))}` has not ended in {limit_s} s"


def _end_group(group: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(group, signal.SIGKILL)
