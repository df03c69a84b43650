"""`twinview use` and `twinview repro --recipe`: what they say, and what params.yaml is then."""

import json
from pathlib import Path

import pytest

from tests.support.commands import run
from tests.support.workspace import ROOT
from twinview.cli import main, repro
from twinview.settings import params

PARAMS = Path("params.yaml")


@pytest.fixture(autouse=True)
def project(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project outside git, with one recipe."""
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(folder.parent))
    for name in (".dvc", "recipes"):
        (folder / name).mkdir()
    PARAMS.write_bytes((ROOT / PARAMS).read_bytes())
    Path("recipes/brief.yaml").write_text("pretrain: {epochs: 3}\nbaselines: {supervised: false}\n")
    return folder


def test_what_changes_is_said_and_undone(capsys: pytest.CaptureFixture[str]) -> None:
    before = PARAMS.read_bytes()
    assert main(["use", "recipes/brief.yaml", "-S", "pretrain.seed=4"]) == 0
    said = capsys.readouterr().out
    assert "recipes/brief.yaml, -S pretrain.seed=4" in said and "`twinview use --undo`" in said
    for line in ("pretrain.epochs: 6 -> 3", "baselines.supervised: true -> false"):
        assert f"\n  {line}\n" in said
    assert main(["use", "--undo"]) == 0 and PARAMS.read_bytes() == before
    said = capsys.readouterr().out
    assert "to the byte" in said and "\n  pretrain.epochs: 3 -> 6\n" in said


def test_what_has_the_values_already_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    main(["use", "brief"])
    assert main(["use", "brief"]) == 0
    assert "has the values of recipes/brief.yaml already" in capsys.readouterr().out


def test_a_setting_that_was_changed_since_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    main(["use", "brief"])
    PARAMS.write_text(PARAMS.read_text().replace("epochs: 3", "epochs: 5", 1))
    assert main(["use", "--undo"]) == 0
    assert "changed after it, and stay: pretrain.epochs: 5" in capsys.readouterr().out
    assert params.load().pretrain.epochs == 5 and params.load().baselines.supervised


def test_as_json_changes_have_both_values(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["use", "brief", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {
        "file": "params.yaml",
        "changed": {"pretrain.epochs": [6, 3], "baselines.supervised": [True, False]},
    }


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "name a recipe (brief), or settings by -S KEY=VALUE, or give --undo"),
        (["brief", "--undo"], "give it no recipe and no -S"),
        (["long"], "there is no recipe recipes/long.yaml; recipes/ has brief"),
        (["--undo"], "there is nothing to undo"),
        (["-S", "pretrain.epochs=0"], "pretrain.epochs: input should be greater"),
    ],
)
def test_what_cannot_be_is_refused_with_the_remedy(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    before = PARAMS.read_bytes()
    assert main(["use", *arguments]) == 1
    assert said in capsys.readouterr().err and PARAMS.read_bytes() == before


def test_repro_uses_the_recipe_and_leaves_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    seen: list[int] = []
    monkeypatch.setattr(
        repro, "dvc", lambda *given: seen.append(params.load().pretrain.epochs) or 3
    )
    assert main(["repro", "--recipe", "brief"]) == 3
    assert seen[-1] == 3 == params.load().pretrain.epochs
    said = capsys.readouterr().out
    assert "pretrain.epochs: 6 -> 3" in said and "`twinview use --undo`" in said


def test_repro_of_an_unknown_recipe_starts_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(repro, "dvc", lambda *given: pytest.fail("started"))
    assert main(["repro", "--recipe", "long"]) == 1
    assert "recipes/ has brief" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("variables", "line"),
    [
        ([], "twinview repro"),
        (["RECIPE=long"], "twinview repro --recipe long"),
        (["DATA=/my pictures"], 'twinview repro --data "/my pictures"'),
    ],
)
def test_make_repro_hands_the_recipe_and_the_folder_on(variables: list[str], line: str) -> None:
    shown = run("make", "-n", "repro", *variables, cwd=ROOT).stdout
    assert line in [one.strip().rpartition("bin/")[2] for one in shown.splitlines()]
