"""The command `twinview`. Exit status: 0 well, 1 a fault to mend or a gate that fails, 2 usage."""

import argparse
import os
import socket
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from twinview.commands import dvc, git
from twinview.errors import BusyError, TwinviewError

SCHEMA = Path("params.schema.json")


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command; errors that a user can mend are one paragraph without a traceback."""
    options = _parser().parse_args(arguments)
    try:
        status: int = options.command(options)
        return status
    except TwinviewError as error:
        print(f"twinview: {error}", file=sys.stderr)
        return 1


def check(options: argparse.Namespace) -> int:
    """Checks params.yaml as a whole, and says what is missing around it."""
    from twinview import params

    params.check(Path(options.params))
    print(f"twinview: {options.params} is in order")
    if git("rev-parse", "--git-dir") is None:
        print(
            "twinview: this folder is not a git repository. The pipeline runs; commits are not "
            "recorded, and `dvc exp` and `dvc metrics diff` do not work. `git init` mends it."
        )
    return 0


def repro(options: argparse.Namespace) -> int:
    """Checks, runs `dvc repro`, and prints the results."""
    from twinview import stage
    from twinview.summary import summary

    with stage.alone("repro"):
        check(options)
        outside_git = git("rev-parse", "--git-dir") is None
        if outside_git or Path(".dvc/config.local").exists():
            dvc("config", "--local", "core.no_scm", str(outside_git).lower())
        if status := dvc("repro", *options.stages):
            return status
    print(summary())
    return 0


def show(options: argparse.Namespace) -> int:
    """Prints the results of the last run."""
    from twinview.summary import summary

    print(summary())
    return 0


def gate(options: argparse.Namespace) -> int:
    """Holds the results against the floors; status 1 when one does not hold."""
    from twinview.gate import base_settings, run_gate

    checks = run_gate(base_settings(options.baseline, Path(options.params)), Path(options.results))
    for one in checks:
        mark = "ok  " if one.holds else "FAIL"
        print(f"{mark}  {one.name:<24} {one.found:>10}  wanted {one.wanted}")
    return 0 if all(one.holds for one in checks) else 1


def ui(options: argparse.Namespace) -> int:
    """Opens MLflow's pages on this machine only."""
    from twinview.tracking import store

    _require_free(options.port)
    print(f"MLflow: http://127.0.0.1:{options.port} (Ctrl-C ends it)")
    environment = os.environ | {
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        "MLFLOW_DISABLE_TELEMETRY": "true",
    }
    address = ["--host", "127.0.0.1", "--port", str(options.port), "--workers", "1"]
    command = [sys.executable, "-m", "mlflow", "ui", "--backend-store-uri", store(), *address]
    try:
        return subprocess.run(command, env=environment).returncode
    except KeyboardInterrupt:
        return 0


def schema(options: argparse.Namespace) -> int:
    """Writes the JSON schema of params.yaml, by which editors complete it."""
    from twinview import artifacts, params

    artifacts.save_json(SCHEMA, params.json_schema())
    return 0


def measure(options: argparse.Namespace) -> int:
    """Runs the pipeline for several seeds and writes the scoreboard and README's tables."""
    from twinview.measure import measure as run

    run(options.seeds)
    return 0


def sweep(options: argparse.Namespace) -> int:
    """Compares all methods, or all objectives, or trains recipes/long.yaml; goes on where left."""
    from twinview import sweeps

    if options.kind == "long":
        sweeps.long(options.seeds)
    else:
        sweeps.sweep(options.kind, options.epochs, options.seeds)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("twinview", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for command in (check, repro, show, gate, ui, schema, measure, sweep):
        text = str(command.__doc__).partition("\n")[0]
        own = commands.add_parser(command.__name__, help=text, description=text)
        own.set_defaults(command=command, params="params.yaml")
        if command in (check, gate):
            own.add_argument("--params", metavar="FILE", help="another file than params.yaml")
        if command is repro:
            own.add_argument("stages", nargs="*", help="stages of dvc.yaml; all without")
        if command is gate:
            own.add_argument("--baseline", metavar="COMMIT", help="where the floors are read")
            own.add_argument("--results", metavar="FOLDER", default=".", help="where reports/ lies")
        if command is ui:
            own.add_argument("--port", type=int, default=5000)
        if command is sweep:
            own.add_argument("kind", choices=["methods", "objectives", "long"])
            own.add_argument("--epochs", type=int, default=3, help="SimCLR's; others' as costly")
        if command in (measure, sweep):
            own.add_argument("--seeds", type=int, default=3, help="trainings to measure")
    return parser


def _require_free(port: int) -> None:
    """Raises BusyError when something answers on the port."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except (OSError, OverflowError) as error:
            raise BusyError(
                f"port {port} cannot be used ({error}); try `make ui PORT=5001`"
            ) from None


if __name__ == "__main__":
    sys.exit(main())
