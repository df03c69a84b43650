"""Copies of the project to run the pipeline in, each a git repository of its own."""

import os
import shutil
import sys
from io import StringIO
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from tests.support.commands import LONG_S, git, output
from twinview.core import locks, paths
from twinview.settings.params import stated
from twinview.settings.recipes import merge

ROOT = Path(__file__).parents[2]
FETCH = (
    "from twinview.sources.fashion_mnist import fashion_mnist as fetch; "
    "fetch(folder='data/raw', origin='auto')"
)
RESULTS = ("dvc.lock", "reports/")  # of the project itself
TINY: dict[str, Any] = {
    "data": {"train": 600, "validation": 200, "test": 300},
    "views": {"mode": "cached"},
    "pretrain": {"epochs": 2, "batch_size": 64, "monitor_examples": 64, "precision": "float32"},
    "encoders": {"convnet": {"widths": [8, 16], "strides": [2, 2], "pool_size": 2}},
    "evaluate": {
        # All, so that the stages load the file of each task, and open what views are made from.
        "tasks": [
            "classification",
            "few_labels",
            "propagation",
            "view_retrieval",
            "geometry",
            "clusters",
        ],
        "probe_projections": True,
    },
    "tasks": {
        "view_retrieval": {"examples": 40},
        "geometry": {"examples": 40},
        "clusters": {"counts": [2, 3], "examples": 60, "starts": 1},
        "few_labels": {"per_class": [5, 20], "draws": 3},
        "propagation": {"per_class": [5, 20], "draws": 3},
    },
    "probes": {"linear": {"C": [0.01]}, "knn": {"neighbours": [5], "pca_components": [0, 16]}},
    "report": {"points": 60, "queries": 4},
}


def make_workspace(folder: Path, params: str) -> dict[str, str]:
    """Copies the tracked and new files but results into folder, with params as its params.yaml.

    Returns the environment in which its commands run: its own sources first. The raw data are
    copied too; they are fetched once, into the project's own folder.
    """
    names = git("ls-files", "-z", "--cached", "--others", "--exclude-standard", folder=ROOT)
    for name in filter(None, names.split("\0")):
        if (ROOT / name).is_file() and not name.startswith(RESULTS):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)
    (folder / "params.yaml").write_text(params)
    for command in (["init", "-q"], ["add", "-A"], ["commit", "-q", "-m", "workspace"]):
        git(*command, folder=folder)
    here = Path(sys.executable).parent
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("DVC_", "MLFLOW_"))}
    environment |= {
        "PATH": f"{here}{os.pathsep}{environment['PATH']}",
        "PYTHONPATH": f"{folder / 'src'}{os.pathsep}{folder}",
        "DVC_NO_ANALYTICS": "1",
    }
    with locks.file_lock(ROOT / paths.SCRATCH / "raw.lock", lambda holder: None):
        if not (ROOT / "data/raw").is_dir():
            output(sys.executable, "-c", FETCH, cwd=ROOT, env=environment, limit_s=LONG_S)
    shutil.copytree(ROOT / "data/raw", folder / "data/raw", dirs_exist_ok=True)
    return environment


def tiny_params(changes: dict[str, Any]) -> str:
    """params.yaml with a few hundred examples and the given changes."""
    return written(merge(merge(stated(ROOT / "params.yaml"), TINY), changes))


def written(settings: dict[str, Any]) -> str:
    """Settings as the text of a params.yaml."""
    text = StringIO()
    YAML().dump(settings, text)
    return text.getvalue()
