"""Values in a tree of settings, by a key such as pretrain.epochs."""

from collections.abc import Mapping, Sequence
from typing import Any

# A dotted name, or its names from the top down: a metric's name below gate.floors has a dot itself.
Key = str | Sequence[str]


def value_at(tree: Any, key: Key, default: Any = None) -> Any:
    """The value of a setting, or `default` when the tree has none."""
    section, name = section_of(tree, key)
    return section.get(name, default) if isinstance(section, Mapping) else default


def section_of(tree: Any, key: Key) -> tuple[Any, str]:
    """The section that holds a key's last name, and that name. The section may be missing: None."""
    *parents, name = key.split(".") if isinstance(key, str) else key
    for parent in parents:
        tree = tree.get(parent) if isinstance(tree, Mapping) else None
    return tree, name


def nested(values: Mapping[str, Any]) -> dict[str, Any]:
    """Values by dotted name as a tree; the inverse of core.files.flatten."""
    tree: dict[str, Any] = {}
    for dotted, value in values.items():
        *sections, name = dotted.split(".")
        place = tree
        for section in sections:
            place = place.setdefault(section, {})
        place[name] = value
    return tree
