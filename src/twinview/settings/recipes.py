"""Recipes: files in recipes/ that state only what differs from params.yaml."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from twinview.core.errors import ConfigError

FOLDER = Path("recipes")


def merge(base: Mapping[str, Any], overlay: Mapping[str, Any]) -> dict[str, Any]:
    """A new mapping: the base with the values of the overlay.

    Two mappings are merged key by key, unless that of the overlay is empty. Any other value, a list
    too, replaces the value of the base.
    A key that the base lacks is added; the check of all settings refuses unknown keys later.
    """
    tree = dict(base)
    for key, value in overlay.items():
        base_value = tree.get(key)
        if value and isinstance(value, Mapping) and isinstance(base_value, Mapping):
            tree[key] = merge(base_value, value)
        else:
            tree[key] = value
    return tree


def base_of(path: Path) -> Path | None:
    """The params.yaml that a recipe changes; None for a file that is no recipe."""
    if path.absolute().parent.name != FOLDER.name:
        return None
    return (path.parent.parent if path.parent.name else Path("..")) / "params.yaml"


def list_recipes() -> list[str]:
    """The names of the project's recipes."""
    return sorted(file.stem for file in FOLDER.glob("*.yaml"))


def find(name: str) -> Path:
    """The file of a recipe, which is named as `long` or as `recipes/long.yaml`.

    Raises ConfigError, which lists the recipes that exist, when there is no such file.
    """
    path = Path(name) if Path(name).suffix else FOLDER / f"{name}.yaml"
    if not path.is_file():
        names = ", ".join(list_recipes()) or "none"
        raise ConfigError(f"there is no recipe {path}; {FOLDER}/ has {names}")
    return path
