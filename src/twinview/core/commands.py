"""The two commands that twinview starts: git, and the DVC of this environment."""

import os
import subprocess
import sys
from pathlib import Path

from twinview.core.errors import BusyError, DataError, EncodingError

# git takes a second. When it asks for a password or waits for a disk, it never ends.
LIMIT_S = 300
# git's message for a folder outside of every repository. It has other messages for a worktree
# whose repository was moved, and for the repository of another user: those are errors.
_OUTSIDE = "not a git repository (or any "


class GitError(DataError):
    """A question that git cannot answer. reason: git's own reason, in one line."""

    def __init__(self, command: str, stderr: str) -> None:
        super().__init__(f"`{command}` failed: {' '.join(stderr.split())}")
        self.reason = stderr.strip().partition("\n")[0].removeprefix("fatal: ")


def git(*arguments: str) -> str | None:
    """What git prints, without white space at its ends; None where git answers no.

    git answers no by status 1, as `rev-parse --verify --quiet` does for an unknown name, and
    outside of a repository. Raises GitError with git's reason when git cannot answer, BusyError
    when git does not end, and EncodingError when git prints what is not UTF-8 text.
    """
    command, environment = ["git", *arguments], os.environ | {"LC_ALL": "C"}
    try:
        finished = subprocess.run(command, capture_output=True, env=environment, timeout=LIMIT_S)
    except OSError as error:
        raise GitError("git", f"it does not start ({error.strerror}); install it") from None
    except subprocess.TimeoutExpired:
        raise BusyError(
            f"`{' '.join(command)}` has not ended in {LIMIT_S} s; run it in {Path.cwd()} by hand "
            "to see what it waits for, and then run this again"
        ) from None
    reason = finished.stderr.decode(errors="replace")
    if finished.returncode == 0:
        return _text(" ".join(command), finished.stdout)
    if finished.returncode == 1 or _OUTSIDE in reason:
        return None
    raise GitError(" ".join(command), reason)


def _text(command: str, printed: bytes) -> str:
    try:
        return printed.decode().strip()
    except UnicodeDecodeError as error:
        remedy = "save that file as UTF-8, and commit it"
        raise EncodingError(f"what `{command}` prints", error, remedy) from None


def head_commit() -> str | None:
    """The commit that is checked out; None outside of git and before the first commit."""
    return git("rev-parse", "--verify", "--quiet", "HEAD")


def has_changes() -> bool:
    """Whether a file that git tracks differs from the commit; outside of git the answer is False.

    dvc.lock and reports/ do not count, because every run changes them.
    """
    counted = (".", ":(exclude)dvc.lock", ":(exclude)reports")
    return bool(git("status", "--porcelain", "--untracked-files=no", "--", *counted))


def dvc(*arguments: str) -> int:
    """The exit status of a DVC command, whose stages find this environment's python first.

    There is no time limit, since a stage may take days. DVC prints to where this process prints,
    also when standard output is redirected to standard error; no pipe has to be read to its end.
    Ctrl-C reaches DVC's stage too, which may have to save its state: this function waits for it,
    and raises KeyboardInterrupt then.
    """
    folder = Path(sys.executable).parent
    path = f"{folder}{os.pathsep}{os.environ.get('PATH', '')}"
    command = [sys.executable, "-m", "dvc", *arguments]
    out = sys.stderr if sys.stdout is sys.stderr else None
    interrupted = False
    with subprocess.Popen(command, env=os.environ | {"PATH": path}, stdout=out) as process:
        while True:
            try:
                status = process.wait()
                break
            except KeyboardInterrupt:
                interrupted = True
    if interrupted:
        raise KeyboardInterrupt
    return status
