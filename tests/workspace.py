"""Copies of the project to run the pipeline in, each a git repository of its own."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def make_workspace(folder: Path, params: str) -> dict[str, str]:
    """Copies the tracked and new files into folder, with params as its params.yaml.

    Returns the environment in which its commands run: its own sources first, raw data shared.
    """
    listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(listed, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in filter(None, names.split("\0")):
        if (ROOT / name).is_file() and name != "dvc.lock":
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)
    (folder / "params.yaml").write_text(params)
    identity = ["-c", "user.name=test", "-c", "user.email=test@example.org"]
    for command in (["init", "-q"], ["add", "-A"], [*identity, "commit", "-q", "-m", "workspace"]):
        subprocess.run(["git", *command], cwd=folder, check=True)
    if (ROOT / "data/raw").is_dir():
        shutil.copytree(ROOT / "data/raw", folder / "data/raw", dirs_exist_ok=True)
    here = Path(sys.executable).parent
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("DVC_", "MLFLOW_"))}
    return environment | {
        "PATH": f"{here}{os.pathsep}{environment['PATH']}",
        "PYTHONPATH": f"{folder / 'src'}{os.pathsep}{folder}",
        "DVC_NO_ANALYTICS": "1",
    }
