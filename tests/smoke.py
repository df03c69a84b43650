"""`make smoke`: the whole pipeline with recipes/smoke.yaml in build/smoke, then its gate.

The folder is a clone of the working tree as it is, with its own git history, DVC cache and MLflow
store, so that nothing of the project's own results is touched.
"""

import os
import shutil
import sys
from pathlib import Path

from tests.support.commands import run, shown, use_plain_git
from tests.support.workspace import ROOT, make_workspace, written
from twinview.settings.params import stated

WORKSPACE = ROOT / "build/smoke"
RECIPE = Path("recipes/smoke.yaml")
LIMIT_S = 3600  # it takes some minutes


def main() -> None:
    """Ends with the status of the first command that fails."""
    use_plain_git()
    shutil.rmtree(WORKSPACE, ignore_errors=True)
    environment = make_workspace(WORKSPACE, written(stated(ROOT / RECIPE)))
    twinview = [sys.executable, "-m", "twinview.cli"]
    if status := shown(*twinview, "repro", limit_s=LIMIT_S, cwd=WORKSPACE, env=environment):
        sys.exit(status)
    gate = ["gate", "--params", str(RECIPE), "--results", str(WORKSPACE)]
    if reference := _base():
        gate += ["--baseline", reference]
    if summary := os.environ.get("GITHUB_STEP_SUMMARY"):
        gate += ["--markdown", summary]
    sys.exit(shown(*twinview, *gate, limit_s=LIMIT_S, cwd=ROOT))


def _base() -> str | None:
    """The commit whose thresholds count: TWINVIEW_BASELINE, or origin/main where there is one."""
    verify = ("git", "rev-parse", "--verify", "--quiet", "origin/main")
    found = run(*verify, cwd=ROOT).returncode == 0
    return os.environ.get("TWINVIEW_BASELINE") or ("origin/main" if found else None)


if __name__ == "__main__":
    main()
