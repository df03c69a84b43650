"""CONTRIBUTING's method, added as it stands there to a copy of the project."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.workspace import ROOT, make_workspace

pytestmark = pytest.mark.slow
METHOD, TEST = re.findall(
    r"```python\n(.*?)```", page := (ROOT / "CONTRIBUTING.md").read_text(), re.S
)
(ENTRY,) = re.findall(r"```yaml\nmethods:\n(.*?)```", page, re.S)
(ROW,) = re.findall(r"```text\n(.*?)```", page, re.S)
(NEGATIVES,) = re.findall(r'`("cross_view": \d+)`', page)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    folder = tmp_path_factory.mktemp("contributed")
    environment = make_workspace(folder, (ROOT / "params.yaml").read_text())
    (folder / "src/twinview/methods/cross_view.py").write_text(METHOD)
    (folder / "tests/methods/test_cross_view.py").write_text(TEST)
    for settings in (folder / "params.yaml", *(folder / "recipes").glob("*.yaml")):
        insert(settings, "\nmethods:\n", ENTRY)
    insert(folder / "docs/methods.md", "| --- | --- | --- | --- |\n", ROW)
    tables = folder / "tests/contracts/test_kinds.py"
    insert(tables, '\nNEGATIVES = {\n    "methods": {\n', f"        {NEGATIVES},\n")
    return folder, environment


def insert(file: Path, after: str, what: str) -> None:
    text = file.read_text()
    assert text.count(after) == 1, (file, after)
    file.write_text(text.replace(after, after + what))


@pytest.mark.parametrize(
    "command",
    [
        "twinview check",
        "twinview check --params recipes/smoke.yaml",
        "ruff check src tests",
        "ruff format --check src/twinview/methods/cross_view.py tests/methods/test_cross_view.py",
        "mypy",
        "pytest -q tests/methods/test_cross_view.py",
        "pytest -q tests/contracts tests/distributed -k cross_view",
        "twinview schema",
        "pytest -q tests/test_params.py",
    ],
)
def test_it_passes(command: str, project: tuple[Path, dict[str, str]]) -> None:
    folder, environment = project
    name, *words = command.split()
    ran = subprocess.run(
        [str(Path(sys.executable).parent / name), *words],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
