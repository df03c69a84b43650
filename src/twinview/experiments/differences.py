"""Which settings differ between runs, in the words that tables, figures and MLflow's rows share."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from twinview.core.files import flatten
from twinview.experiments.lock_file import value_at

ABSENT = "absent"  # what an earlier version does not know

# Which setting chooses from a section of plug-ins.
_CHOSEN_BY = {
    "sources": "data.source",
    "augmentations": "views.chain",
    "encoders": "pretrain.encoder",
    "heads": "pretrain.head",
    "optimizers": "pretrain.optimizer",
    "objectives": "pretrain.objective",
    "methods": "pretrain.method",
    "probes": "evaluate.probes",
}
PLUGINS = tuple(_CHOSEN_BY)  # the sections of them
_APART = ("gate", "report")  # no result depends on them


def in_effect(tree: Mapping[str, Any]) -> dict[str, Any]:
    """The settings that results depend on, by dotted name: of plug-ins, those that are chosen."""
    kept = {}
    for section, of in tree.items():
        if section in _CHOSEN_BY:
            chosen = _chosen(tree, section)
            of = {name: options for name, options in of.items() if name in chosen}
        kept[section] = of
    return flatten_settings(kept)


def flatten_settings(tree: Mapping[str, Any]) -> dict[str, Any]:
    """The same with the options of all plug-ins that the tree states."""
    kept = {section: of for section, of in tree.items() if section not in _APART}
    return {key: _plain(value) for key, value in flatten(kept).items()}


def differing_keys(all_settings: Sequence[Mapping[str, Any]]) -> list[str]:
    """The names of the settings that are not equal in all.

    A plug-in's options say nothing where it is not chosen: they differ among those that have them.
    """
    found = []
    for key in dict.fromkeys(key for settings in all_settings for key in settings):
        having = [settings[key] for settings in all_settings if key in settings]
        missing = len(having) < len(all_settings) and not is_option(key)
        if missing or any(value != having[0] for value in having):
            found.append(key)
    return found


def is_option(key: str) -> bool:
    """Of a plug-in, so that it is there only where the plug-in is chosen."""
    return key.split(".")[0] in PLUGINS


def describe_settings(values: Mapping[str, Any], keys: Sequence[str]) -> list[str]:
    """Each setting with its value, such as "temperature 0.3"; keys: all names in sight."""
    return [f"{short_name(key, keys)} {format_value(value)}" for key, value in values.items()]


def short_name(key: str, keys: Sequence[str]) -> str:
    """A setting's last word, or all of it where another of the keys ends in the same word."""
    last = key.split(".")[-1]
    return last if [other.split(".")[-1] for other in keys].count(last) == 1 else key


def format_value(value: Any) -> str:
    """A setting's value as a reader expects it: 0.3 for 0.30000000000000004."""
    if isinstance(value, list):
        return f"[{', '.join(map(format_value, value))}]"
    if isinstance(value, float):
        return f"{value:.6g}"
    return str(value) if isinstance(value, str) else json.dumps(value)


def _chosen(tree: Mapping[str, Any], section: str) -> list[str]:
    """The plug-ins of a section that are in use."""
    found = value_at(tree, _CHOSEN_BY[section])
    return found if isinstance(found, list) else [found]


def _plain(value: Any) -> Any:
    """3.0 as 3, since YAML lets it be written either way."""
    if isinstance(value, list):
        return [_plain(one) for one in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value
