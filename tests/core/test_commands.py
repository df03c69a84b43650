"""The commands that we run: git's and DVC's."""

from pathlib import Path

import pytest

from tests.support.commands import end_all
from twinview.core import commands
from twinview.core.errors import BusyError


@pytest.mark.parametrize("script", ["exec sleep 60", "sleep 60 & echo in the background"])
def test_a_git_that_does_not_end_is_named(
    script: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor one whose worker keeps the pipe open."""
    (folder / "git").write_text(f"#!/bin/sh\n{script}\n")
    (folder / "git").chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    monkeypatch.setattr(commands, "LIMIT_S", 0.5)
    said = rf"`git rev-parse HEAD` has not ended in 0\.5 s; run it in {folder} by hand"
    with pytest.raises(BusyError, match=said):
        commands.git("rev-parse", "HEAD")
    end_all(folder)
