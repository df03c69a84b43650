"""The commands that we run: git, and DVC in this environment."""

import os
import subprocess
import sys
from pathlib import Path

from twinview.errors import BusyError

LIMIT_S = (
    300  # git takes a second; one that asks for a password, or waits for a disk, takes for ever
)


def git(*arguments: str) -> str | None:
    """What git prints, without white space at the ends; None when it fails or is not there.

    Raises BusyError when it does not end.
    """
    command = ["git", *arguments]
    try:
        done = subprocess.run(command, capture_output=True, encoding="utf-8", timeout=LIMIT_S)
    except FileNotFoundError:
        return None
    except subprocess.TimeoutExpired:
        raise BusyError(
            f"`{' '.join(command)}` has not ended in {LIMIT_S} s; run it in {Path.cwd()} by hand "
            "to see what it waits for, and then this again"
        ) from None
    return done.stdout.strip() if done.returncode == 0 else None


def changed() -> bool:
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
