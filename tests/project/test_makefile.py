"""What make says before it does anything."""

import shutil
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from tests.support.commands import run
from tests.support.workspace import ROOT

SHORT = "#!{}/.venv/bin/python\n"
LONG = "#!/bin/sh\n'''exec' \"{}/.venv/bin/python3.11\" \"$0\" \"$@\"\n' '''\n"


def dry(folder: Path) -> CompletedProcess[str]:
    return run("make", "-n", "format", cwd=folder)


@pytest.mark.parametrize("first", [SHORT, LONG])
def test_an_environment_of_another_folder_is_refused_with_the_remedy(
    first: str, tmp_path: Path
) -> None:
    born = tmp_path / "born there"
    (born / ".venv/bin").mkdir(parents=True)
    shutil.copy(ROOT / "Makefile", born)
    for name in ("requirements.lock", "pyproject.toml", ".venv/.ready"):
        (born / name).touch()
    (born / ".venv/bin/twinview").write_text(first.format(born) + "import re\n")
    assert dry(born).returncode == 0
    said = dry(Path(shutil.copytree(born, tmp_path / "new")))
    assert said.returncode == 2 and "`rm -r .venv` and run this again" in said.stderr
