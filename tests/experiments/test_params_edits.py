"""Edits of params.yaml: whole or refused, in DVC's style, and taken back exactly."""

from pathlib import Path

import pytest
from dvc.utils.hydra import apply_overrides  # type: ignore[import-untyped]

from tests.support.commands import git
from tests.support.workspace import ROOT
from twinview.core.errors import ConfigError
from twinview.experiments import params_edits
from twinview.experiments.params_edits import FILE, HISTORY, apply, undo
from twinview.settings import params

LONG = Path("recipes/long.yaml")
RECIPES = sorted((ROOT / "recipes").glob("*.yaml"))


@pytest.fixture(autouse=True)
def before(folder: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A project outside git, with the project's own params.yaml and recipes; the file's text."""
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(folder.parent))
    (folder / "recipes").mkdir()
    for path in (ROOT / FILE, *RECIPES):
        (folder / path.relative_to(ROOT)).write_bytes(path.read_bytes())
    return FILE.read_text()


def edit_by_hand(old: str, new: str) -> None:
    text = FILE.read_text()
    assert text.count(old) == 1
    FILE.write_text(text.replace(old, new))


@pytest.mark.parametrize("name", [path.name for path in RECIPES])
def test_params_yaml_states_then_what_the_recipe_over_it_states(name: str) -> None:
    wanted = params.stated(Path("recipes", name))
    assert apply(Path("recipes", name), []).changes
    assert params.stated(FILE) == wanted


@pytest.mark.parametrize("name", [path.name for path in RECIPES])
def test_comments_stay(name: str, before: str) -> None:
    apply(Path("recipes", name), [])
    comments = [line.partition("#")[2] for line in before.splitlines() if "#" in line]
    assert [ln.partition("#")[2] for ln in FILE.read_text().splitlines() if "#" in ln] == comments


def test_an_override_is_written_as_dvc_writes_it(before: str, tmp_path: Path) -> None:
    overrides = [
        "pretrain.epochs=3",
        "methods.swav.small_crops={count: 4, side: 14, scale: [0.1, 0.3]}",
    ]
    apply(None, overrides)
    (tmp_path / "dvc.yaml").write_text(before)
    apply_overrides(tmp_path / "dvc.yaml", overrides)
    assert FILE.read_text() == (tmp_path / "dvc.yaml").read_text()


def test_an_override_comes_after_the_recipe() -> None:
    apply(LONG, ["pretrain.epochs=7"])
    assert (
        params.load().pretrain.epochs == 7 and params.load().encoders["convnet"]["widths"][1] == 128
    )


@pytest.mark.parametrize("content", [None, b"\r\n"])
def test_undo_gives_back_every_byte(content: bytes | None) -> None:
    if content:
        FILE.write_bytes(FILE.read_bytes().replace(b"\n", content))
    bytes_before = FILE.read_bytes()
    apply(Path("recipes/smoke.yaml"), ["pretrain.seed=9"])
    assert FILE.read_bytes() != bytes_before
    assert undo().exact and FILE.read_bytes() == bytes_before


def test_undo_goes_back_step_by_step_and_then_has_nothing(before: str) -> None:
    apply(LONG, [])
    between = FILE.read_text()
    apply(None, ["pretrain.epochs=3"])
    assert undo().source == "-S pretrain.epochs=3" and FILE.read_text() == between
    assert undo().source == str(LONG) and FILE.read_text() == before
    with pytest.raises(ConfigError, match="nothing to undo"):
        undo()


def test_undo_leaves_other_edits_and_comments_as_they_are(before: str) -> None:
    apply(LONG, [])
    edit_by_hand("  warmup_epochs: 0.2", "  warmup_epochs: 2 # mine")
    found = undo()
    assert not found.exact and found.not_restored == {}
    assert FILE.read_text() == before.replace("  warmup_epochs: 0.2", "  warmup_epochs: 2 # mine")


def test_undo_leaves_a_setting_that_got_another_value_since(before: str) -> None:
    apply(LONG, [])
    edit_by_hand("  epochs: 25", "  epochs: 30")
    found = undo()
    assert found.not_restored == {("pretrain", "epochs"): (30, 6)}
    assert FILE.read_text() == before.replace("  epochs: 6", "  epochs: 30", 1)


def test_undo_after_the_file_was_brought_back_by_hand_changes_nothing(before: str) -> None:
    apply(LONG, [])
    FILE.write_text(before)
    found = undo()
    assert not found.restored and not found.not_restored and FILE.read_text() == before


def test_a_metric_that_the_gate_lacked_is_gone_again(before: str) -> None:
    Path("recipes/strict.yaml").write_text("gate: {floors: {knn.f1: 0.9}}\n")
    edit = apply(Path("recipes/strict.yaml"), [])
    assert list(edit.changes) == [("gate", "floors", "knn.f1")]
    edit_by_hand("  warmup_epochs: 0.2", "  warmup_epochs: 2")
    undo()
    assert FILE.read_text() == before.replace("  warmup_epochs: 0.2", "  warmup_epochs: 2")


@pytest.mark.parametrize(
    ("recipe", "overrides", "said"),
    [
        ("pretrain: {epoch: 3}\n", [], r"pretrain\.epoch: there is no such key; .* 'epochs'"),
        ("pretrain: {epochs: 0}\n", [], r"pretrain\.epochs: input should be greater"),
        ("pretrain: {epochs: 3\n", [], r"brief\.yaml is not valid YAML"),
        (None, ["pretrain.epoch=3"], r"-S pretrain\.epoch=3: .* 'pretrain\.epochs'"),
        (
            None,
            ["methods.siamese.labelled=true"],
            r"is called methods\.siamese\.positives now, with views for false, classes for true",
        ),
        (None, ["pretrain.epochs"], r"-S pretrain\.epochs: "),
        (None, ["pretrain.epochs=abc"], r"pretrain\.epochs: input should be a valid integer"),
        (None, ["pretrain.epochs=3,4"], r"epochs=3,4: params\.yaml holds one value .* --queue"),
        (None, ["~pretrain.epochs"], r"pretrain\.epochs: is missing"),
    ],
)
def test_what_would_not_be_in_order_is_refused_and_nothing_is_written(
    recipe: str | None, overrides: list[str], said: str, before: str
) -> None:
    if recipe:
        Path("recipes/brief.yaml").write_text(recipe)
    with pytest.raises(ConfigError, match=said):
        apply(Path("recipes/brief.yaml") if recipe else None, overrides)
    assert FILE.read_text() == before and not HISTORY.exists()


def test_a_recipe_that_changes_nothing_writes_nothing() -> None:
    apply(LONG, [])
    history, text = HISTORY.read_text(), FILE.read_text()
    assert apply(LONG, []).changes == {}
    assert (HISTORY.read_text(), FILE.read_text()) == (history, text)


def test_values_that_no_commit_has_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    assert params_edits.uncommitted(apply(LONG, [])) == []  # outside git none is known
    undo()
    git("init", "-q")
    git("add", "-A")
    git("commit", "-q", "-m", "all")
    edit_by_hand("  epochs: 6\n", "  epochs: 12\n")
    assert params_edits.uncommitted(apply(LONG, [])) == [("pretrain", "epochs")]


def test_a_broken_history_is_named_with_the_remedy() -> None:
    HISTORY.parent.mkdir(parents=True)
    HISTORY.write_text("[")
    with pytest.raises(ConfigError, match=r"params_edits\.json is broken; delete it"):
        undo()


def test_the_oldest_edits_are_forgotten() -> None:
    for seed in range(1, params_edits._MOST + 3):
        params_edits._save([*params_edits._history(), params_edits.Edit(str(seed), "", "")])
    assert next(one.source for one in params_edits._history()) == "3"
