"""Where a stage runs in an experiment of DVC."""

import tempfile
from pathlib import Path

import pytest

from twinview.core import paths


def enter_copy(project: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder where DVC makes a project's temporary copies; from now on the current one."""
    (project / paths.COPIES).mkdir(parents=True, exist_ok=True)
    copy = Path(tempfile.mkdtemp(prefix="tmp", dir=project / paths.COPIES))
    monkeypatch.chdir(copy)
    monkeypatch.setenv("DVC_ROOT", str(project))
    return copy
