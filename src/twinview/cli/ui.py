"""Serves MLflow's pages to this machine only.

Prints the address to open in a browser; Ctrl-C ends it. With --json, the address is printed before
the pages are served.

    $ twinview ui --port 5001
"""

import argparse
import os
import socket
import subprocess
import sys
from functools import partial

from twinview.cli.outcome import Outcome
from twinview.core.errors import BusyError
from twinview.tracking.mlflow_runs import page_address
from twinview.tracking.stores import store


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the port."""
    parser.add_argument("--port", type=int, default=5000, help="default: 5000")


def run(options: argparse.Namespace) -> Outcome:
    """The address; the server starts afterwards. Raises BusyError for a port in use."""
    require_free_port(options.port)
    url = f"http://127.0.0.1:{options.port}{page_address()}"
    return Outcome(
        f"MLflow: {url} (Ctrl-C ends it)", {"url": url}, after=partial(serve, options.port)
    )


def serve(port: int) -> int:
    """Serves until it is stopped, without a time limit; returns the server's exit status.

    The server prints to standard error only.
    """
    environment = os.environ | {
        "MLFLOW_BACKEND_STORE_URI": store(),  # other users' `ps` would show an argument
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        "MLFLOW_DISABLE_TELEMETRY": "true",
    }
    address = ["--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    command = [sys.executable, "-m", "mlflow", "ui", *address]
    return subprocess.run(command, env=environment, stdout=2).returncode


def require_free_port(port: int) -> None:
    """Raises BusyError when the port cannot be used."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except (OSError, OverflowError) as error:
            raise BusyError.at(
                f"port {port}", f"cannot be used ({error})", "try `twinview ui --port 5001`"
            ) from None
