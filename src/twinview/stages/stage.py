"""The frame of every stage script: a lock, the check of params.yaml, plain errors, progress."""

import contextlib
import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

from tqdm import tqdm

from twinview.core import files, locks, outs, paths
from twinview.core.errors import INTERRUPTED, BusyError, ConfigError, TwinviewError, describe
from twinview.settings import params
from twinview.stages import outlook

T = TypeVar("T")

_PARENT = os.getppid()


def run(main: Callable[[], None]) -> None:
    """Runs the main of a stage; a fault that a user can fix ends in one paragraph and status 1."""
    with plain_errors(), folder_lock(name()) if _leads() else contextlib.nullcontext():
        if _leads():
            check_params(_prepared_rows(), announce=True)
        main()
        if _leads():
            outlook.record(name())


def check_params(rows: Mapping[str, int] | None, announce: bool = False) -> None:
    """Checks all settings and outs in a child, so that this process loads only what it needs.

    Ends the process if there is a fault.

    Parameters
    ----------
    rows : of splits, as far as they are known.
    announce : whether the stage begins, so that its place in the run is printed.
    """
    context = multiprocessing.get_context("fork")
    child = context.Process(target=_check_in_child, args=(rows, announce))
    child.start()
    child.join()  # no time limit: it may load PyTorch, to check new settings
    if child.exitcode:
        sys.exit(child.exitcode)


@contextlib.contextmanager
def plain_errors() -> Iterator[None]:
    """Ends the process with one paragraph for a fault that a user can fix, and for Ctrl-C."""
    try:
        yield
    except (TwinviewError, OSError) as error:
        sys.exit(f"twinview: {describe(error)}")
    except KeyboardInterrupt:
        if _leads():
            message = "twinview: stopped by SIGINT; `dvc repro` runs this stage again"
            print(message, file=sys.stderr)
        sys.exit(INTERRUPTED)


def name() -> str:
    """The name of the stage, which is that of its script."""
    return Path(sys.argv[0]).stem


def progress(items: Iterable[T], total: int, what: str) -> Iterator[T]:
    """The items, with a progress bar on a terminal and without one elsewhere."""
    silent = None if _leads() else True
    return iter(tqdm(items, total=total, desc=what, disable=silent, dynamic_ncols=True))


def run_with_bar(parts: Iterable[int], total: int, what: str) -> None:
    """Runs a generator that yields amounts of work done, with a progress bar on a terminal."""
    with tqdm(total=total, desc=what, disable=None, dynamic_ncols=True, unit_scale=True) as bar:
        for amount in parts:
            bar.update(amount)


@contextlib.contextmanager
def show_elapsed(what: str) -> Iterator[None]:
    """Shows on a terminal how long the block has run, for work whose progress is unknown."""
    silent, ended = None if _leads() else True, threading.Event()
    with tqdm(desc=what, disable=silent, bar_format="{desc}: {elapsed}", leave=False) as bar:

        def show() -> None:
            while not bar.disable and not ended.wait(0.2):
                bar.refresh()

        thread = threading.Thread(target=show, daemon=True)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()


@contextlib.contextmanager
def folder_lock(name: str) -> Iterator[None]:
    """Holds a lock of this folder during the block.

    Raises BusyError when another process has the lock, and ConfigError outside of a DVC project.
    """
    if not Path(".dvc").is_dir():
        raise ConfigError.at(
            Path.cwd(), "is no DVC project, since it has no .dvc", "run in the project's folder"
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
    """Records Ctrl-C, SIGTERM and a closed terminal during the block instead of ending the process.

    Yields a function that returns the name of the first signal, or "". A second signal ends the
    process at once. When several processes run, the end of the parent counts as a signal too, since
    no signal reaches them then.
    """
    received: list[str] = []
    handlers: dict[signal.Signals, Any] = {}

    def restore() -> None:
        for number, handler in handlers.items():
            signal.signal(number, handler)

    def record(number: int, frame: object) -> None:
        received.append(signal.Signals(number).name)
        restore()

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:  # nohup ignores SIGHUP
            handlers[number] = signal.signal(number, record)

    def stop_requested_by() -> str:
        if "RANK" in os.environ and os.getppid() != _PARENT:
            received.append("the end of the process that started it")
        return received[0] if received else ""

    try:
        yield stop_requested_by
    finally:
        restore()


def _leads() -> bool:
    """Whether this is the only process, or the first of those that torchrun started."""
    return os.environ.get("RANK", "0") == "0"


def _check_in_child(rows: Mapping[str, int] | None, announce: bool) -> None:
    with plain_errors():
        params.check(rows=rows)
        outs.check()
        if announce:
            outlook.announce(name())


def _prepared_rows() -> Mapping[str, int] | None:
    """The rows of each split, which the stages after prepare know."""
    if name() == "prepare" or not paths.PREPARED_INDEX.is_file():
        return None
    rows: Mapping[str, int] = files.load_json(paths.PREPARED_INDEX)["rows"]
    return rows
