"""What every stage script does around its work: a lock, the check of params.yaml, plain errors."""

import contextlib
import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, TypeVar

from tqdm import tqdm

from twinview.core import locks, outs, paths
from twinview.core.errors import INTERRUPTED, BusyError, ConfigError, TwinviewError, describe
from twinview.settings import params

T = TypeVar("T")

_PARENT = os.getppid()


def run(main: Callable[[], None]) -> None:
    """Runs a stage's main; what a user can mend ends as one paragraph and exit status 1."""
    with plain_errors(), folder_lock(name()) if _leads() else contextlib.nullcontext():
        if _leads():
            _check_params()
        main()


@contextlib.contextmanager
def plain_errors() -> Iterator[None]:
    """Ends the process with one paragraph where a user can mend the fault, or stopped it."""
    try:
        yield
    except (TwinviewError, OSError) as error:
        sys.exit(f"twinview: {describe(error)}")
    except KeyboardInterrupt:
        if _leads():
            said = "twinview: stopped by SIGINT; `dvc repro` runs this stage again"
            print(said, file=sys.stderr)
        sys.exit(INTERRUPTED)


def name() -> str:
    """The stage's name, which its script has too."""
    return Path(sys.argv[0]).stem


def progress(items: Iterable[T], total: int, what: str) -> Iterator[T]:
    """The items, with a bar on a terminal and silence elsewhere."""
    silent = None if _leads() else True
    return iter(tqdm(items, total=total, desc=what, disable=silent, dynamic_ncols=True))


def run_with_bar(parts: Iterable[int], total: int, what: str) -> None:
    """Runs a generator that yields how much more is done, with a bar on a terminal."""
    with tqdm(total=total, desc=what, disable=None, dynamic_ncols=True, unit_scale=True) as bar:
        for more in parts:
            bar.update(more)


@contextlib.contextmanager
def show_elapsed(what: str) -> Iterator[None]:
    """Shows on a terminal how long the block is at work, where it does not say how far it is."""
    silent, ended = None if _leads() else True, threading.Event()
    with tqdm(desc=what, disable=silent, bar_format="{desc}: {elapsed}", leave=False) as bar:

        def show() -> None:
            while not bar.disable and not ended.wait(0.2):
                bar.refresh()

        clock = threading.Thread(target=show, daemon=True)
        clock.start()
        try:
            yield
        finally:
            ended.set()
            clock.join()


@contextlib.contextmanager
def folder_lock(name: str) -> Iterator[None]:
    """Holds a lock of this folder. Raises BusyError when another process has it.

    Raises ConfigError outside of a project: DVC would take any folder with a .dvc for one.
    """
    if not Path(".dvc").is_dir():
        raise ConfigError(
            f"{Path.cwd()} is no project of DVC's: it has no .dvc; run in the project's folder"
        )

    def refuse(holder: str) -> None:
        raise BusyError(
            f"another run is at work in {Path.cwd()} ({name}): {holder}, perhaps of a DVC that was "
            "killed. Wait for it, or `kill` it (a training saves first), and run this again"
        )

    with locks.file_lock(paths.SCRATCH / f"twinview.{name}.lock", refuse):
        yield


@contextlib.contextmanager
def deferred_signals() -> Iterator[Callable[[], str]]:
    """Ctrl-C, SIGTERM and a closed terminal are noted, not obeyed, while the block runs.

    Gives a function that says which came ("" when none did). A second one acts at once. One of
    several processes is told to stop by its parent's end, too: no signal would reach it then.
    """
    came: list[str] = []
    before: dict[signal.Signals, Any] = {}

    def note(number: int, frame: object) -> None:
        came.append(signal.Signals(number).name)
        for which, handler in before.items():
            signal.signal(which, handler)

    for which in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(which) is not signal.SIG_IGN:  # as nohup has it
            before[which] = signal.signal(which, note)

    def asked() -> str:
        if "RANK" in os.environ and os.getppid() != _PARENT:
            came.append("the end of the process that started it")
        return came[0] if came else ""

    try:
        yield asked
    finally:
        for which, handler in before.items():
            signal.signal(which, handler)


def _leads() -> bool:
    """Whether this is the only process, or the first of those that torchrun started."""
    return os.environ.get("RANK", "0") == "0"


def _check_params() -> None:
    """Checks all settings and places in a child, so that this process loads only what it uses."""
    child = multiprocessing.get_context("fork").Process(target=_check_and_say)
    child.start()
    child.join()  # no limit: it reads settings, and loads PyTorch for new ones
    if child.exitcode:
        sys.exit(child.exitcode)


def _check_and_say() -> None:
    with plain_errors():
        params.check()
        outs.check()
