"""The text of params.yaml with other values. DVC writes it, so that comments and style stay."""

import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from twinview.core import files
from twinview.core.errors import ConfigError
from twinview.settings import renamed
from twinview.settings.dotted import section_of

ABSENT = object()  # the value of a key that a tree does not have

Key = tuple[str, ...]  # names from the top down: a metric's name below gate.floors has a dot
Changes = dict[Key, tuple[Any, Any]]  # the value before and after


def with_values(text: str, changes: Changes) -> str:
    """The text with the new value of each change."""
    from dvc.utils.serialize import modify_yaml  # takes a second

    def edit(file: Path) -> None:
        with modify_yaml(file) as tree:
            for key, (_, value) in changes.items():
                _put(tree, key, value)

    return _edited(text, edit) if changes else text


def with_overrides(text: str, overrides: Sequence[str]) -> str:
    """The text with the values that `dvc exp run -S` would set.

    Raises ConfigError for an override that DVC refuses, and for several values of one setting.
    """
    for override in overrides:
        text = _with_override(text, override)
    return text


def _with_override(text: str, override: str) -> str:
    from dvc.exceptions import InvalidArgumentError
    from dvc.utils import hydra  # takes two seconds
    from hydra.errors import OverrideParseException

    try:
        if hydra.to_hydra_overrides([override])[0].is_sweep_override():
            raise ConfigError(
                f"-S {override}: params.yaml holds one value of each setting; "
                "`dvc exp run --queue -S` tries several"
            )
        return _edited(text, lambda file: hydra.apply_overrides(file, [override]))
    except (InvalidArgumentError, OverrideParseException) as error:
        reason = str(error.__cause__ or error).strip().partition("\n")[0].rstrip(".")
        key = override.partition("=")[0]
        near = get_close_matches(key, files.flatten(parse_yaml(text)), n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        advice = renamed.advice(key) or f"{reason}{hint}"
        raise ConfigError(f"-S {override}: {advice}") from None


def parse_yaml(text: str) -> Any:
    """The values of a YAML text."""
    return YAML(typ="safe").load(text)


def changes(before: Any, after: Any) -> Changes:
    """The settings that differ between two trees, in their order."""
    return dict(_differing(before, after, ()))


def _edited(text: str, edit: Callable[[Path], None]) -> str:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "params.yaml"
        file.write_text(text, encoding="utf-8")
        edit(file)
        return file.read_text(encoding="utf-8")


def _put(tree: Any, key: Key, value: Any) -> None:
    section, name = section_of(tree, key)
    if value is ABSENT:
        del section[name]
    elif value and isinstance(value, list) and isinstance(section.get(name), list):
        section[name][:] = value  # in place, so that the list keeps its style
    elif value in ([], {}) and section.get(name):
        _empty(section, name)
    else:
        section[name] = value


def _empty(section: Any, name: str) -> None:
    """Empties a list or a section and keeps its comment.

    ruamel.yaml would write the brackets of an emptied block below its comment, which is no YAML.
    """
    value = section[name]
    value.clear()
    value.fa.set_flow_style()
    value.ca.items.clear()
    value.ca.comment = None
    if comments := section.ca.items.get(name):
        section.ca.items[name] = [None, None, comments[2], None]


def _differing(before: Any, after: Any, key: Key) -> Iterator[tuple[Key, tuple[Any, Any]]]:
    if isinstance(before, Mapping) and isinstance(after, Mapping) and after:
        for name in {**before, **after}:
            pair = before.get(name, ABSENT), after.get(name, ABSENT)
            yield from _differing(*pair, (*key, name))
    elif before != after or type(before) is not type(after):
        yield key, (before, after)
