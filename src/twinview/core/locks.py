"""Lock files that one process holds at a time."""

import contextlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path

from filelock import FileLock, Timeout


@contextlib.contextmanager
def file_lock(path: Path, on_busy: Callable[[str], None]) -> Iterator[None]:
    """Holds the lock file at `path` inside the block.

    The system frees the lock when the process ends, in whatever way it ends. When another process
    holds the lock, `on_busy` is called with that process's name ("process 123"): it raises an
    error, or it returns and this function waits for the lock.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(path)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        on_busy(_holder(path))
        lock.acquire()
    try:
        path.write_text(f"process {os.getpid()}")
        yield
    finally:
        lock.release()


def _holder(path: Path) -> str:
    """The name that the holder wrote; none is there for an instant after it took the lock."""
    return path.read_text() or "another process"
