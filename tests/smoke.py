"""`make smoke`: the whole pipeline with recipes/smoke.yaml in build/smoke, then its gate.

The folder is a clone of the working tree as it is, with its own git history, DVC cache and MLflow
store, so that nothing of the project's own results is touched.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from tests.workspace import ROOT, make_workspace

WORKSPACE = ROOT / "build/smoke"
RECIPE = Path("recipes/smoke.yaml")


def main() -> None:
    """Ends with the status of the first command that fails."""
    shutil.rmtree(WORKSPACE, ignore_errors=True)
    environment = make_workspace(WORKSPACE, (ROOT / RECIPE).read_text())
    twinview = [sys.executable, "-m", "twinview.cli"]
    if status := subprocess.run([*twinview, "repro"], cwd=WORKSPACE, env=environment).returncode:
        sys.exit(status)
    gate = ["gate", "--params", str(RECIPE), "--results", str(WORKSPACE)]
    if reference := _base():
        gate += ["--baseline", reference]
    if summary := os.environ.get("GITHUB_STEP_SUMMARY"):
        gate += ["--markdown", summary]
    sys.exit(subprocess.run([*twinview, *gate], cwd=ROOT).returncode)


def _base() -> str | None:
    """The commit whose thresholds count: TWINVIEW_BASELINE, or origin/main where there is one."""
    verify = ["git", "rev-parse", "--verify", "--quiet", "origin/main"]
    found = subprocess.run(verify, cwd=ROOT, capture_output=True).returncode == 0
    return os.environ.get("TWINVIEW_BASELINE") or ("origin/main" if found else None)


if __name__ == "__main__":
    main()
