"""A project whose stages record what they load and open."""

import contextlib
import json
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import mlflow

from tests.support import commands
from tests.support.workspace import ROOT, make_workspace, tiny_params
from twinview.core.csv_files import load_rows
from twinview.stages.aside import holds_only_docstring

RECORDER = ROOT / "tests/pipeline/recorder"


class Project:
    """A workspace and the commands that run in it; what its stages load is recorded."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.records = folder.parent / "records"
        self.records.mkdir()
        self.environment = make_workspace(folder, tiny_params({}))
        self.environment["PYTHONPATH"] += f"{os.pathsep}{RECORDER}"
        self.environment |= {
            "TWINVIEW_RECORD_ROOT": str(folder),
            "TWINVIEW_RECORD_TO": str(self.records),
        }

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        return commands.run(
            *command, limit_s=commands.LONG_S, cwd=self.folder, env=self.environment
        )

    def done(self, *command: str) -> str:
        finished = self.run(*command)
        assert finished.returncode == 0, finished.stdout + finished.stderr
        return finished.stdout + finished.stderr

    def refused(self, *command: str) -> str:
        """What a command says that ends with status 1, in plain words."""
        finished = self.run(*command)
        assert finished.returncode == 1, finished.stdout + finished.stderr
        assert "Traceback" not in finished.stderr
        assert finished.stderr.startswith("twinview: ")
        return finished.stderr

    @contextlib.contextmanager
    def edited(self, name: str, edit: Callable[[bytes], bytes]) -> Iterator[None]:
        """A file with other content for a while; a link into DVC's cache is put aside whole."""
        path = self.folder / name
        aside = path.with_suffix(".aside")
        path.rename(aside)
        path.write_bytes(edit(aside.read_bytes()))
        assert path.read_bytes() != aside.read_bytes(), f"the edit of {name} changes nothing"
        try:
            yield
        finally:
            aside.replace(path)

    def json(self, path: str) -> Any:
        return json.loads((self.folder / path).read_text())

    def losses(self) -> list[float]:
        """The loss of each step of the last training."""
        rows = load_rows(self.folder / "reports/pretrain/steps.csv")
        return [float(row["loss"]) for row in rows]

    def recorded(self) -> list[dict[str, Any]]:
        """What the stages' processes loaded and opened, so far."""
        return [json.loads(path.read_text()) for path in self.records.glob("*.json")]

    def loaded(self) -> list[tuple[str, set[str]]]:
        """The files of code, but packages of a docstring, that each process of a stage loaded."""
        return [
            (
                record["stage"],
                {m for m in record["modules"] if not holds_only_docstring(self.folder / m)},
            )
            for record in self.recorded()
        ]

    def trainings(self) -> int:
        """How many MLflow runs have trained."""
        mlflow.set_tracking_uri(f"sqlite:///{self.folder}/mlflow.db")
        names = ["twinview-pretrain"]
        return len(mlflow.search_runs(experiment_names=names, output_format="list"))

    def pipeline_rows(self) -> list[Any]:
        mlflow.set_tracking_uri(f"sqlite:///{self.folder}/mlflow.db")
        return list(mlflow.search_runs(experiment_names=["twinview"], output_format="list"))
