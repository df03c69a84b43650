"""A project whose processes can be killed at a chosen moment."""

import hashlib
import os
import subprocess
from pathlib import Path

import mlflow

from tests.support import commands
from tests.support.workspace import ROOT

KILLER = ROOT / "tests/pipeline/killer"
# 9 steps an epoch, 18 in all.
SETTINGS = {"pretrain": {"checkpoint_every": 4, "threads": 1}}
RESULTS = (
    "models/encoder/encoder.safetensors",
    "reports/pretrain/metrics.json",
    "reports/pretrain/steps.csv",
    "reports/pretrain/epochs.csv",
)


class Copy:
    """A project with its views made, and the commands that run in it."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self.folder = folder
        self.environment = environment | {"PYTHONPATH": f"{folder / 'src'}{os.pathsep}{folder}"}

    def run(self, *command: str, kill: str = "") -> subprocess.CompletedProcess[str]:
        """A command to its end, in a group of its own; `kill` is the killer's order."""
        environment = dict(self.environment)
        if kill:
            environment |= {"TWINVIEW_KILL": kill}
            environment["PYTHONPATH"] += f"{os.pathsep}{KILLER}"
        return commands.run(*command, limit_s=commands.LONG_S, cwd=self.folder, env=environment)

    def pretrain(self, kill: str = "") -> subprocess.CompletedProcess[str]:
        return self.run("python", "-m", "pipeline.pretrain", kill=kill)

    def done(self, *command: str) -> str:
        finished = self.run(*command)
        assert finished.returncode == 0, finished.stdout + finished.stderr
        return finished.stdout + finished.stderr

    def results(self) -> dict[str, str]:
        digests = {n: hashlib.sha256((self.folder / n).read_bytes()) for n in RESULTS}
        return {name: digest.hexdigest() for name, digest in digests.items()}

    def trainer(self) -> int:
        """The process at work; it wrote itself into its lock."""
        lock = self.folder / ".dvc/tmp/twinview.pretrain.lock"
        return int(lock.read_text().removeprefix("process "))

    def mlflow_runs(self) -> list[mlflow.entities.Run]:
        mlflow.set_tracking_uri(f"sqlite:///{self.folder}/mlflow.db")
        found = mlflow.search_runs(experiment_names=["twinview-pretrain"], output_format="list")
        return list(found)
