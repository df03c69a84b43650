"""Worker processes that decode pictures: results in the order of the tasks, in bounded memory."""

import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from typing import TypeVar

import torch

from twinview.core.errors import ProcessLostError

Task = TypeVar("Task")
Result = TypeVar("Result")


def map_in_processes(
    work: "partial[Result]",
    tasks: Iterable[Task],
    workers: int,
    ahead: int,
    name_of: Callable[[Task], str],
    remedy: str,
) -> Iterator[Result]:
    """The results of the tasks, in their order, whatever the number of workers.

    Parameters
    ----------
    work : is called with each task, in a worker process; its module is loaded once for all of them.
    tasks : are asked for one by one.
    workers : the number of processes.
    ahead : how many tasks are given to the workers before the first result is taken.
    name_of : the file that a task begins with, for the error.
    remedy : for the error.

    Raises
    ------
    ProcessLostError : a process was killed, for example because the memory is used up.
    """
    pool, waiting = start(workers, work.func.__module__), deque[tuple[Task, Future[Result]]]()
    try:
        for task in tasks:
            waiting.append((task, pool.submit(work, task)))
            if len(waiting) > ahead:
                yield waiting[0][1].result()
                waiting.popleft()
        while waiting:
            yield waiting[0][1].result()
            waiting.popleft()
    except BrokenProcessPool:
        first, last = name_of(waiting[0][0]), name_of(waiting[-1][0])
        raise ProcessLostError.at(
            "a process that decodes pictures",
            f"was killed between the files {first} and {last}, perhaps for want of memory",
            remedy,
        ) from None
    finally:
        pool.shutdown(cancel_futures=True)


def start(workers: int, module: str) -> ProcessPoolExecutor:
    """The worker processes. module: is loaded before they are made."""
    # A fork of this process could hang in PyTorch's threads. The server of forks has none.
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([module])
    return ProcessPoolExecutor(workers, context, _prepare_worker)


def _prepare_worker() -> None:
    """One thread; Ctrl-C is left to the first process; the worker ends with it however it ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    torch.set_num_threads(1)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    # Each worker holds both ends of the queue, so that the end of the parent would not end it.
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)
