"""What every stage script does around its work: a lock, the check of params.yaml, plain errors."""

import contextlib
import multiprocessing
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TypeVar

from filelock import FileLock, Timeout
from tqdm import tqdm

from twinview import params
from twinview.errors import BusyError, TwinviewError

T = TypeVar("T")


def run(main: Callable[[], None]) -> None:
    """Runs a stage's main; what a user can mend ends as one paragraph and exit status 1."""
    try:
        with alone(Path(sys.argv[0]).stem) if _leads() else contextlib.nullcontext():
            _check_params()
            main()
    except TwinviewError as error:
        sys.exit(f"twinview: {error}")


def progress(items: Iterable[T], total: int, what: str) -> Iterator[T]:
    """The items, with a bar on a terminal and silence elsewhere."""
    return iter(tqdm(items, total=total, desc=what, disable=None, dynamic_ncols=True))


def exhaust(parts: Iterable[int], total: int, what: str) -> None:
    """Runs a generator that yields how much more is done, with a bar on a terminal."""
    with tqdm(total=total, desc=what, disable=None, dynamic_ncols=True, unit_scale=True) as bar:
        for more in parts:
            bar.update(more)


@contextlib.contextmanager
def alone(name: str) -> Iterator[None]:
    """Holds a lock of this folder. Raises BusyError when another process has it."""
    folder = Path(".dvc/tmp")
    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / f"twinview.{name}.lock", timeout=0)
    try:
        lock.acquire()
    except Timeout:
        raise BusyError(
            f"another run is at work in {Path.cwd()} ({name}); wait for it, or stop it"
        ) from None
    try:
        yield
    finally:
        lock.release()


def _leads() -> bool:
    """Whether this is the only process, or the first of those that torchrun started."""
    return os.environ.get("RANK", "0") == "0"


def _check_params() -> None:
    """Checks the whole of params.yaml in a child, so that this process loads only what it uses."""
    child = multiprocessing.get_context("fork").Process(target=_check_and_say)
    child.start()
    child.join()
    if child.exitcode:
        sys.exit(child.exitcode)


def _check_and_say() -> None:
    try:
        params.check()
    except TwinviewError as error:
        sys.exit(f"twinview: {error}")
