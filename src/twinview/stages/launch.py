"""Stages that several processes share: started by torchrun, or starting its agent themselves.

The first process leads: it has the stage's lock, writes files, and shows progress.
"""

import contextlib
import logging
import os
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

from twinview.compute import processes
from twinview.core.errors import ProcessLostError, TwinviewError
from twinview.settings import params
from twinview.stages import stage

PEERS_LOST = 75  # exit status: the others are gone, and none has told why
SHUTDOWN_TIMEOUT_S = 600  # what a process that was told to stop has for its step and its checkpoint


def run(main: Callable[[], None]) -> None:
    """Runs a stage's main in each of the processes that torchrun, or pretrain.processes, asks for.

    An error of all of them is told once, and of one that is killed the others end too.
    """
    with stage.plain_errors():
        if "RANK" in os.environ:
            stage.run(partial(_together, main))
        elif (count := params.load().pretrain.processes) > 1:
            _start(count)
        else:
            stage.run(main)


def _together(main: Callable[[], None]) -> None:
    """main, as one of several processes. Of their errors, the first one's is told."""
    with processes.process_group() as is_first:
        try:
            _say_how_many()
            main()
        except TwinviewError as error:
            if isinstance(error, ProcessLostError) and _on_one_machine():
                sys.exit(PEERS_LOST if is_first(claim=False) else 1)
            if not is_first():
                sys.exit(1)
            raise


def _say_how_many() -> None:
    asked, found = params.load().pretrain.processes, processes.world_size()
    if asked != found and processes.rank() == 0:
        said = f"torchrun started {found} processes; pretrain.processes, {asked}, does not count"
        print(f"{stage.name()}: {said}", flush=True)


def _on_one_machine() -> bool:
    """Then torchrun, or this module in its place, tells which process was killed."""
    return os.environ["WORLD_SIZE"] == os.environ.get("LOCAL_WORLD_SIZE")


def _start(count: int) -> None:
    """Starts this very command `count` times, and waits: torchrun without its wall of text.

    There is no limit: a training takes as long as it takes, and processes that no longer hear from
    each other end by themselves.
    A signal is passed on, for the first process to save and to say so.
    """
    from torch.distributed.elastic.multiprocessing import DefaultLogsSpecs, SignalException
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
    from torch.distributed.launcher.api import LaunchConfig, elastic_launch

    os.environ.setdefault("TORCH_ELASTIC_SHUTDOWN_TIMEOUT", str(SHUTDOWN_TIMEOUT_S))
    os.environ.setdefault("TORCH_CPP_LOG_LEVEL", "ERROR")  # or a lost connection is a wall too
    config = LaunchConfig(
        min_nodes=1,
        max_nodes=1,
        nproc_per_node=count,
        run_id=f"twinview-{os.getpid()}",
        rdzv_backend="c10d",
        rdzv_configs={"store_type": "file"},
        local_addr="localhost",
        max_restarts=0,
        logs_specs=DefaultLogsSpecs(log_dir=os.devnull),
        signals_to_handle=",".join(_handled_signals()),
    )
    logging.disable()
    try:
        with _meeting() as config.rdzv_endpoint:
            elastic_launch(config, sys.executable)(*sys.orig_argv[1:])
    except SignalException as error:
        sys.exit(128 + error.sigval)
    except ChildFailedError as error:
        sys.exit(_describe_failures(error.failures, count) or 1)


@contextlib.contextmanager
def _meeting() -> Iterator[str]:
    """A file by which the agent meets its processes, beside theirs; they talk by loopback only.

    torchrun's own way is a server on all interfaces, which unpickles what anyone writes to it.
    """
    for library in ("GLOO", "NCCL"):
        os.environ.setdefault(f"{library}_SOCKET_IFNAME", "lo")
    os.environ["TORCH_DISABLE_SHARE_RDZV_TCP_STORE"] = "1"
    with tempfile.TemporaryDirectory(prefix="twinview-") as folder:
        os.environ[processes.RENDEZVOUS_FILE] = f"{folder}/processes"
        yield f"{folder}/agent"


def _handled_signals() -> list[str]:
    """Signals that are not ignored, as nohup has one."""
    candidates = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    return [which.name for which in candidates if signal.getsignal(which) is not signal.SIG_IGN]


def _describe_failures(failures: Mapping[int, Any], count: int) -> str:
    """What became of the processes, in words; "" when one has told its own error.

    The agent ends what is left with SIGTERM, which says nothing.
    """
    ends = {place: failure.exitcode for place, failure in failures.items()}
    if any(status > 0 and status != PEERS_LOST for status in ends.values()):
        return ""
    killed = [place for place in ends if ends[place] < 0 and ends[place] != -signal.SIGTERM]
    said = f"its {count} processes have lost each other"
    if killed:
        name = signal.Signals(-ends[killed[0]]).name
        said = (
            f"process {killed[0]} of {count} was killed by {name} (the system does it when memory "
            "runs out), and the others ended with it"
        )
    again = "`dvc repro` runs this stage again, a training from its last checkpoint"
    return f"twinview: {said}; {again}"
