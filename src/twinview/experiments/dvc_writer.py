"""params.yaml's text with other values: comments and style stay, as where DVC writes it."""

import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from twinview.core import files
from twinview.core.errors import ConfigError
from twinview.settings import renamed

ABSENT = object()  # in place of a value: there is no such key

Key = tuple[str, ...]  # names from the top down: a metric's name below gate.floors has a dot
Changes = dict[Key, tuple[Any, Any]]  # the value before and after


def with_values(text: str, changes: Changes) -> str:
    """The text with the second value of each change."""
    from dvc.utils.serialize import modify_yaml  # takes a second

    def edit(file: Path) -> None:
        with modify_yaml(file) as tree:
            for key, (_, value) in changes.items():
                _put(tree, key, value)

    return _edited(text, edit) if changes else text


def with_overrides(text: str, overrides: Sequence[str]) -> str:
    """The text with what `dvc exp run -S` would set.

    Raises ConfigError for what DVC does not take, and for several values of one setting.
    """
    for one in overrides:
        text = _with_override(text, one)
    return text


def _with_override(text: str, one: str) -> str:
    from dvc.exceptions import InvalidArgumentError
    from dvc.utils import hydra  # takes two seconds
    from hydra.errors import OverrideParseException

    try:
        if hydra.to_hydra_overrides([one])[0].is_sweep_override():
            raise ConfigError(
                f"-S {one}: params.yaml holds one value of each setting; "
                "`dvc exp run --queue -S` tries several"
            )
        return _edited(text, lambda file: hydra.apply_overrides(file, [one]))
    except (InvalidArgumentError, OverrideParseException) as error:
        reason = str(error.__cause__ or error).strip().partition("\n")[0].rstrip(".")
        key = one.partition("=")[0]
        near = get_close_matches(key, files.flatten(parse_yaml(text)), n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise ConfigError(f"-S {one}: {renamed.advice(key) or f'{reason}{hint}'}") from None


def parse_yaml(text: str) -> Any:
    """What a text in YAML states."""
    return YAML(typ="safe").load(text)


def changes(before: Any, after: Any) -> Changes:
    """The settings that differ between two trees, in their order."""
    return dict(_differing(before, after, ()))


def value_at(tree: Any, key: Key) -> Any:
    """A setting's value, or ABSENT."""
    for name in key:
        tree = tree.get(name, ABSENT) if isinstance(tree, Mapping) else ABSENT
    return tree


def _edited(text: str, edit: Callable[[Path], None]) -> str:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "params.yaml"
        file.write_text(text, encoding="utf-8")
        edit(file)
        return file.read_text(encoding="utf-8")


def _put(tree: Any, key: Key, value: Any) -> None:
    for name in key[:-1]:
        tree = tree[name]
    if value is ABSENT:
        del tree[key[-1]]
    elif isinstance(value, list) and isinstance(tree.get(key[-1]), list):
        tree[key[-1]][:] = value  # in place: it stays a list of lines, or one line
    else:
        tree[key[-1]] = value


def _differing(before: Any, after: Any, key: Key) -> Iterator[tuple[Key, tuple[Any, Any]]]:
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        for name in {**before, **after}:
            own = before.get(name, ABSENT), after.get(name, ABSENT)
            yield from _differing(*own, (*key, name))
    elif before != after or type(before) is not type(after):
        yield key, (before, after)
