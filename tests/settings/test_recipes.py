"""Recipes: what lies over what, and which files are meant."""

from pathlib import Path

import pytest

from tests.support.workspace import ROOT
from twinview.core.errors import ConfigError
from twinview.settings import params, recipes
from twinview.settings.recipes import merge

RECIPES = sorted((ROOT / "recipes").glob("*.yaml"))


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.name)
def test_a_recipe_is_short_and_states_only_what_differs(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= 20
    own, base = params._loaded(path), params.stated(ROOT / "params.yaml")
    assert isinstance(own, dict)
    assert [key for key, value in own.items() if merge(base, {key: value}) == base] == []


def test_mappings_are_laid_over_mappings_and_all_else_takes_their_place() -> None:
    base = {"a": {"b": 1, "c": [1, 2]}, "d": None, "e": 3}
    assert merge(base, {"a": {"c": [3]}, "d": {"x": 1}, "f": 4}) == {
        "a": {"b": 1, "c": [3]}, "d": {"x": 1}, "e": 3, "f": 4,
    }  # fmt: skip
    assert base == {"a": {"b": 1, "c": [1, 2]}, "d": None, "e": 3}


def test_an_overlay_of_nothing_and_one_of_all_are_the_base() -> None:
    base = params.stated(ROOT / "params.yaml")
    assert merge(base, {}) == merge(base, base) == merge({}, base) == base


@pytest.fixture
def project(folder: Path) -> Path:
    (folder / "recipes").mkdir()
    (folder / "params.yaml").write_bytes((ROOT / "params.yaml").read_bytes())
    (folder / "recipes/brief.yaml").write_text("pretrain: {epochs: 3}\n")
    return folder


@pytest.mark.parametrize("path", ["recipes/brief.yaml", "{folder}/recipes/brief.yaml"])
def test_a_recipe_is_read_over_the_params_yaml_beside_its_folder(path: str, project: Path) -> None:
    found = params.load(Path(path.format(folder=project)))
    assert found.pretrain.epochs == 3 and found.pretrain.method == "simclr"


def test_a_recipe_is_read_in_its_folder_too(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(project / "recipes")
    assert params.load(Path("brief.yaml")).pretrain.epochs == 3


def test_another_file_is_whole_wherever_it_lies(project: Path) -> None:
    Path("brief.yaml").write_text("pretrain: {epochs: 3}\n")
    with pytest.raises(ConfigError, match="data: is missing"):
        params.load(Path("brief.yaml"))


def test_an_unknown_key_of_a_recipe_is_refused_with_the_nearest(project: Path) -> None:
    Path("recipes/brief.yaml").write_text("pretrain: {epoch: 3}\n")
    with pytest.raises(ConfigError, match=r"brief\.yaml .*\n.*pretrain\.epoch: .* 'epochs'"):
        params.check(Path("recipes/brief.yaml"))


@pytest.mark.parametrize("content", ["", "- 1\n", "epochs\n"])
def test_a_recipe_without_settings_is_refused(content: str, project: Path) -> None:
    Path("recipes/brief.yaml").write_text(content)
    with pytest.raises(ConfigError, match=r"brief\.yaml is .*, not settings by name"):
        params.check(Path("recipes/brief.yaml"))


@pytest.mark.parametrize("name", ["brief", "recipes/brief.yaml"])
def test_a_recipe_is_found_by_name_and_by_path(name: str, project: Path) -> None:
    assert recipes.find(name) == Path("recipes/brief.yaml")


def test_an_unknown_recipe_is_refused_with_those_that_exist(project: Path) -> None:
    with pytest.raises(ConfigError, match=r"no recipe recipes/long\.yaml; recipes/ has brief"):
        recipes.find("long")


def test_without_recipes_none_is_named(folder: Path) -> None:
    with pytest.raises(ConfigError, match="recipes/ has none"):
        recipes.find("long")
