"""Which settings differ between runs, and the texts that tables, charts and MLflow rows share."""

import json
from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Any

from twinview.core.files import flatten
from twinview.settings.dotted import value_at

ABSENT = "absent"  # stands for the value of a setting that an earlier version does not have

# The setting that chooses from a section of plug-ins. A chosen task may choose more, in an option
# with the section's name.
_CHOSEN_BY = {
    "sources": "data.source",
    "augmentations": "views.chain",
    "encoders": "pretrain.encoder",
    "heads": "pretrain.head",
    "optimizers": "pretrain.optimizer",
    "objectives": "pretrain.objective",
    "methods": "pretrain.method",
    "tasks": "evaluate.tasks",
    "probes": None,
}
PLUGINS = tuple(_CHOSEN_BY)  # the sections of plug-ins
_WITHOUT_EFFECT = ("gate", "report")  # sections on which no result depends


def in_effect(tree: Mapping[str, Any]) -> dict[str, Any]:
    """The settings that results depend on, by dotted name; only chosen plug-ins are included."""
    effective = {}
    for section, values in tree.items():
        if section in _CHOSEN_BY:
            chosen = _chosen(tree, section)
            values = {name: options for name, options in values.items() if name in chosen}
        effective[section] = values
    return flatten_settings(effective)


def flatten_settings(tree: Mapping[str, Any]) -> dict[str, Any]:
    """The settings by dotted name, with all plug-ins and without the gate and the report."""
    effective = {section: tree[section] for section in tree if section not in _WITHOUT_EFFECT}
    return {key: _plain(value) for key, value in flatten(effective).items()}


def differing_keys(all_settings: Sequence[Mapping[str, Any]]) -> list[str]:
    """The names of the settings that are not equal in all.

    Options of a plug-in are compared only among the settings that choose the plug-in.
    """
    keys = []
    for key in dict.fromkeys(key for settings in all_settings for key in settings):
        values = [settings[key] for settings in all_settings if key in settings]
        missing = len(values) < len(all_settings) and not is_option(key)
        if missing or any(value != values[0] for value in values):
            keys.append(key)
    return keys


def is_option(key: str) -> bool:
    """Whether a setting is an option of a plug-in, which is there only if the plug-in is chosen."""
    return key.split(".")[0] in PLUGINS


def describe_settings(values: Mapping[str, Any], keys: Sequence[str]) -> list[str]:
    """Each setting with its value, such as "temperature 0.3". keys: all settings that are shown."""
    return [f"{short_name(key, keys)} {format_value(value)}" for key, value in values.items()]


def short_name(key: str, keys: Sequence[str]) -> str:
    """The last part of a setting's name, or all of it if another of the keys ends in that part."""
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
    setting = _CHOSEN_BY[section]
    chosen = value_at(tree, setting) if setting else []
    tasks = [] if section == "tasks" else _chosen(tree, "tasks")
    by_tasks = (value_at(tree, f"tasks.{task}.{section}") or () for task in tasks)
    return [*(chosen if isinstance(chosen, list) else [chosen]), *chain.from_iterable(by_tasks)]


def _plain(value: Any) -> Any:
    """The value with 3 for 3.0, since YAML allows both."""
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value
