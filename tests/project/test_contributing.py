"""CONTRIBUTING's method, added as it stands there to a copy of the project."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import commands
from tests.support.workspace import ROOT, make_workspace

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    page = (ROOT / "CONTRIBUTING.md").read_text()
    method, test = re.findall(r"```python\n(.*?)```", page, re.S)
    (entry,) = re.findall(r"```yaml\nmethods:\n(.*?)```", page, re.S)
    folder = tmp_path_factory.mktemp("contributed")
    environment = make_workspace(folder, (ROOT / "params.yaml").read_text())
    (folder / "src/twinview/methods/cross_view.py").write_text(method)
    (folder / "tests/methods/test_cross_view.py").write_text(test)
    insert(folder / "params.yaml", "\nmethods:\n", entry)
    assert commands.git("status", "--porcelain", "-uall", folder=folder).split() == [
        *("M", "params.yaml"),
        *("??", "src/twinview/methods/cross_view.py"),
        *("??", "tests/methods/test_cross_view.py"),
    ]
    ran = run("twinview generate", folder, environment)
    assert ran.returncode == 0, ran.stderr
    return folder, environment


def run(
    command: str, folder: Path, environment: dict[str, str]
) -> subprocess.CompletedProcess[str]:
    """A command of this Python's environment, in the folder."""
    name, *words = command.split()
    program = str(Path(sys.executable).parent / name)
    return commands.run(program, *words, cwd=folder, env=environment, limit_s=commands.LONG_S)


def insert(file: Path, after: str, what: str) -> None:
    text = file.read_text()
    assert text.count(after) == 1, (file, after)
    file.write_text(text.replace(after, after + what))


@pytest.mark.parametrize(
    "command",
    [
        "twinview check",
        "twinview check --params recipes/smoke.yaml",
        "twinview check --params recipes/long.yaml",
        "ruff check src tests",
        "ruff format --check src/twinview/methods/cross_view.py tests/methods/test_cross_view.py",
        "mypy",
        "lint-imports --no-logo",
        "pytest -q tests/methods/test_cross_view.py",
        "pytest -q tests/contracts tests/distributed -k cross_view",
        "pytest -q tests/settings/test_params.py",
    ],
)
def test_it_passes(command: str, project: tuple[Path, dict[str, str]]) -> None:
    ran = run(command, *project)
    assert ran.returncode == 0, ran.stdout + ran.stderr
