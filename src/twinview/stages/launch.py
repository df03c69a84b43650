"""Runs a stage in several processes, started by torchrun or by this module with torchrun's agent.

The first process holds the lock of the stage, writes files, and shows progress.
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

PEERS_LOST = 75  # exit status: other processes have ended, without an error of their own
SHUTDOWN_TIMEOUT_S = 600  # for a process that was told to stop to finish its step and save


def run(main: Callable[[], None]) -> None:
    """Runs the main of a stage in the processes of torchrun, or in pretrain.processes new ones.

    An error that all processes have is printed once. When one process is killed, the others end.
    """
    with stage.plain_errors():
        if "RANK" in os.environ:
            stage.run(partial(_run_in_group, main))
        elif (count := params.load().pretrain.processes) > 1:
            _start(count)
        else:
            stage.run(main)


def _run_in_group(main: Callable[[], None]) -> None:
    """Runs main as one of several processes; only the first one that fails prints its error."""
    with processes.process_group() as is_first:
        try:
            _print_process_count()
            main()
        except TwinviewError as error:
            if isinstance(error, ProcessLostError) and _on_one_machine():
                sys.exit(PEERS_LOST if is_first(claim=False) else 1)
            if not is_first():
                sys.exit(1)
            raise


def _print_process_count() -> None:
    """Prints a note when torchrun started another number of processes than pretrain.processes."""
    setting, started = params.load().pretrain.processes, processes.world_size()
    if setting != started and processes.rank() == 0:
        note = f"torchrun started {started} processes; pretrain.processes, {setting}, is not used"
        print(f"{stage.name()}: {note}", flush=True)


def _on_one_machine() -> bool:
    """Whether all processes run on this machine: then the agent reports which was killed."""
    return os.environ["WORLD_SIZE"] == os.environ.get("LOCAL_WORLD_SIZE")


def _start(count: int) -> None:
    """Starts this command `count` times and waits, as torchrun does but with less output.

    There is no time limit, since a training may take days, and processes that lose contact end by
    themselves. Signals are passed on, so that the first process saves and reports.
    """
    from torch.distributed.elastic.multiprocessing import DefaultLogsSpecs, SignalException
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
    from torch.distributed.launcher.api import LaunchConfig, elastic_launch

    os.environ.setdefault("TORCH_ELASTIC_SHUTDOWN_TIMEOUT", str(SHUTDOWN_TIMEOUT_S))
    os.environ.setdefault(
        "TORCH_CPP_LOG_LEVEL", "ERROR"
    )  # else a lost connection prints a stack trace
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
        with _rendezvous_files() as config.rdzv_endpoint:
            elastic_launch(config, sys.executable)(*sys.orig_argv[1:])
    except SignalException as error:
        sys.exit(128 + error.sigval)
    except ChildFailedError as error:
        sys.exit(_describe_failures(error.failures, count) or 1)


@contextlib.contextmanager
def _rendezvous_files() -> Iterator[str]:
    """The path of the agent's rendezvous file; the processes get another, and use loopback only.

    By default torchrun listens on all network interfaces and unpickles whatever it receives.
    """
    for library in ("GLOO", "NCCL"):
        os.environ.setdefault(f"{library}_SOCKET_IFNAME", "lo")
    os.environ["TORCH_DISABLE_SHARE_RDZV_TCP_STORE"] = "1"
    with tempfile.TemporaryDirectory(prefix="twinview-") as folder:
        os.environ[processes.RENDEZVOUS_FILE] = f"{folder}/processes"
        yield f"{folder}/agent"


def _handled_signals() -> list[str]:
    """The names of the signals to handle: those that are not ignored (nohup ignores SIGHUP)."""
    candidates = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    return [s.name for s in candidates if signal.getsignal(s) is not signal.SIG_IGN]


def _describe_failures(failures: Mapping[int, Any], count: int) -> str:
    """The message about how the processes ended; "" when one has printed its own error.

    SIGTERM does not count, since the agent ends the remaining processes with it.
    """
    statuses = {rank: failure.exitcode for rank, failure in failures.items()}
    if any(status > 0 and status != PEERS_LOST for status in statuses.values()):
        return ""
    killed = [rank for rank, status in statuses.items() if status < 0 and status != -signal.SIGTERM]
    problem = f"its {count} processes have lost each other"
    if killed:
        name = signal.Signals(-statuses[killed[0]]).name
        problem = (
            f"process {killed[0]} of {count} was killed by {name} (the system does it when memory "
            "runs out), and the others ended with it"
        )
    remedy = "`dvc repro` runs this stage again, a training from its last checkpoint"
    return f"twinview: {problem}; {remedy}"
