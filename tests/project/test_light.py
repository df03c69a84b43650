"""What commands load: those that only read, compare and check start without PyTorch."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.commands import git, run
from tests.support.reports import report
from tests.support.workspace import ROOT
from twinview.cli import commands
from twinview.core.errors import ConfigError
from twinview.settings import check_cache, params

Write = Callable[[dict[str, Any]], Path]
HEAVY = ("torch", "torchvision", "sklearn", "mlflow")
WITHOUT = [
    "show", "compare", "compare HEAD workspace", "check", "gate", "clean", "generate",
    "--help",
]  # fmt: skip


@pytest.fixture
def project(write_params: Write, folder: Path) -> Path:
    """A project with results, of settings that were checked before."""
    write_params({"gate.floors": {}, "gate.drops": {}, "gate.better_than_raw": []})
    (folder / ".dvc/tmp").mkdir(parents=True)
    report(folder)
    for name, text in (
        ("reports/baselines.json", "{}"),
        ("dvc.yaml", "stages: {}"),
        (".gitignore", "tmp"),
    ):
        (folder / name).write_text(text)
    (folder / "dvc.lock").write_text("schema: '2.0'\nstages: {}")
    for name in ("pipeline", "src"):  # of which `generate` makes dvc.yaml
        (folder / name).symlink_to(ROOT / name)
    for command in (["init", "-q"], ["add", "-A"], ["commit", "-q", "-m", "results"]):
        git(*command)
    params.check()
    return folder


def ran(command: str, folder: Path, heavy: tuple[str, ...] = HEAVY) -> tuple[int, str]:
    """A command's status in a process of its own, or what it loaded of heavy; and its words."""
    code = (
        "import sys\nfrom twinview.cli import main\ntry: status = main(sys.argv[1:])\n"
        "except SystemExit as ended: status = ended.code\n"
        f"sys.exit(', '.join(set({heavy}) & set(sys.modules)) or status)"
    )
    words = [sys.executable, "-W", "ignore", "-c", code, *command.split()]
    done = run(*words, cwd=folder)
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize("command", WITHOUT)
def test_a_command_that_trains_and_embeds_nothing_loads_no_pytorch(
    command: str, project: Path
) -> None:
    status, said = ran(command, project, (*HEAVY, "pyarrow"))
    assert status == 0, said


@pytest.mark.parametrize("name", commands())
def test_no_command_s_help_loads_pytorch(name: str, project: Path) -> None:
    assert ran(f"{name} --help", project)[0] == 0


def test_faults_are_told_without_pytorch(project: Path) -> None:
    file = project / "params.yaml"
    file.write_text(file.read_text().replace("  momentum:", "  momentun:"))
    status, said = ran("check", project)
    assert status == 1 and "did you mean 'momentum'?" in said and said.count("torch") == 0


def test_settings_that_were_in_order_are_not_made_again_and_others_are(
    write_params: Write, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[int] = []
    monkeypatch.setattr(params, "_make", lambda settings: made.append(settings.pretrain.epochs))
    params.check()
    assert made == []
    write_params({"pretrain.epochs": 77})
    params.check()
    params.check()
    assert made == [77]


@pytest.mark.parametrize("what", ["code", "PyTorch"])
def test_other_code_or_another_pytorch_remembers_nothing(
    what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = check_cache.key("settings")
    if what == "code":
        (tmp_path / "heads").mkdir()
        (tmp_path / "heads/linear.py").write_text("another")
        monkeypatch.setattr(check_cache, "__file__", str(tmp_path / "settings/check_cache.py"))
    else:
        monkeypatch.setattr(check_cache, "version", lambda package: "another")
    assert check_cache.key("settings") != before


def test_what_is_refused_is_not_remembered(write_params: Write, project: Path) -> None:
    write_params({"pretrain.method": "cross_entropy", "pretrain.head": "identity"})
    for _ in range(2):
        with pytest.raises(ConfigError, match="needs a head"):
            params.check()


def test_outside_of_a_project_nothing_is_written(write_params: Write, folder: Path) -> None:
    params.check(write_params({}))
    assert [path.name for path in folder.iterdir()] == ["params.yaml"]


def test_where_nothing_can_be_kept_the_check_goes_on(write_params: Write, folder: Path) -> None:
    (folder / ".dvc").mkdir()
    (folder / ".dvc/tmp").touch()  # so that no folder can be made there, by root either
    params.check(write_params({}))
