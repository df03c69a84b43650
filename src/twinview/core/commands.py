"""The commands that we run: git, and DVC in this environment."""

import os
import subprocess
import sys
from pathlib import Path

from twinview.core.errors import BusyError, DataError, EncodingError

# git takes a second; one that asks for a password, or waits for a disk, takes for ever.
LIMIT_S = 300
# What git says of a folder that is in no repository. A worktree whose repository was moved, or a
# repository of another user, has other words.
_OUTSIDE = "not a git repository (or any "


class GitError(DataError):
    """A question that git cannot answer. reason: git's own, in one line."""

    def __init__(self, command: str, said: str) -> None:
        super().__init__(f"`{command}` failed: {' '.join(said.split())}")
        self.reason = said.strip().partition("\n")[0].removeprefix("fatal: ")


def git(*arguments: str) -> str | None:
    """What git prints, without white space at the ends; None where its answer is no.

    That is status 1, which `rev-parse --verify --quiet` has for a name that git does not know, and
    outside of a repository. Raises GitError, with git's own reason, where git cannot say, BusyError
    when it does not end, and EncodingError when it prints what is no UTF-8 text.
    """
    command, environment = ["git", *arguments], os.environ | {"LC_ALL": "C"}
    try:
        done = subprocess.run(command, capture_output=True, env=environment, timeout=LIMIT_S)
    except OSError as error:
        raise GitError("git", f"it does not start ({error.strerror}); install it") from None
    except subprocess.TimeoutExpired:
        raise BusyError(
            f"`{' '.join(command)}` has not ended in {LIMIT_S} s; run it in {Path.cwd()} by hand "
            "to see what it waits for, and then this again"
        ) from None
    reason = done.stderr.decode(errors="replace")
    if done.returncode == 0:
        return _text(" ".join(command), done.stdout)
    if done.returncode == 1 or _OUTSIDE in reason:
        return None
    raise GitError(" ".join(command), reason)


def _text(command: str, printed: bytes) -> str:
    try:
        return printed.decode().strip()
    except UnicodeDecodeError as error:
        remedy = "save that file as UTF-8, and commit it"
        raise EncodingError(f"what `{command}` prints", error, remedy) from None


def head_commit() -> str | None:
    """The commit that the working tree stands on; None outside git, and before the first one."""
    return git("rev-parse", "--verify", "--quiet", "HEAD")


def has_changes() -> bool:
    """Whether files that git knows differ from the commit; outside git none do.

    dvc.lock and reports/ do not count: they are what a run leaves behind.
    """
    kept = (".", ":(exclude)dvc.lock", ":(exclude)reports")
    return bool(git("status", "--porcelain", "--untracked-files=no", "--", *kept))


def dvc(*arguments: str) -> int:
    """DVC's exit status; its stages find this environment's python first.

    There is no limit: its stages take as long as they take. What they print goes where ours does,
    also after a redirection of ours to standard error, and through no pipe that is read to its end.
    Ctrl-C reaches DVC's stage too, which may have to save: it is waited for, and then obeyed.
    """
    here = Path(sys.executable).parent
    path = f"{here}{os.pathsep}{os.environ.get('PATH', '')}"
    command = [sys.executable, "-m", "dvc", *arguments]
    out = sys.stderr if sys.stdout is sys.stderr else None
    stopped = False
    with subprocess.Popen(command, env=os.environ | {"PATH": path}, stdout=out) as process:
        while True:
            try:
                status = process.wait()
                break
            except KeyboardInterrupt:
                stopped = True
    if stopped:
        raise KeyboardInterrupt
    return status
