"""A lock that one process holds at a time, and which process that is."""

import contextlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path

from filelock import FileLock, Timeout


@contextlib.contextmanager
def file_lock(path: Path, taken: Callable[[str], None]) -> Iterator[None]:
    """Holds the lock file at path; the system frees it when the process ends, however it ends.

    taken: called with the holder's name ("process 123") when another one has it. It raises, or
    returns, and then the lock is waited for.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(path)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        taken(_holder(path))
        lock.acquire()
    try:
        path.write_text(f"process {os.getpid()}")
        yield
    finally:
        lock.release()


def _holder(path: Path) -> str:
    """What the holder wrote; nothing of it for an instant after it took the lock."""
    return path.read_text() or "another process"
