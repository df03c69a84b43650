"""The mapping that a file's text holds, or an error that names the file and the remedy."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from twinview.core import files
from twinview.core.errors import DataError


def parse_json(text: str, place: Path) -> dict[str, Any]:
    """What a stage's JSON file holds by name. Raises DataError for others, as after a conflict."""
    try:
        found = json.loads(text)
    except ValueError as error:
        raise DataError(f"{place} is not valid JSON ({error}); `dvc repro` makes it anew") from None
    if not isinstance(found, dict):
        raise DataError(f"{place} holds nothing by name; `dvc repro` makes it anew")
    return found


def parse_yaml(text: str, place: Path) -> dict[str, Any]:
    """What a YAML file of settings states. Raises DataError for anything else."""
    try:
        found = YAML(typ="safe").load(text)
    except YAMLError as error:
        raise DataError(f"{place} is not valid YAML: {error}") from None
    if not isinstance(found, dict):
        raise DataError(f"{place} states no settings")
    return found


def flatten_numbers(tree: Mapping[str, Any], place: Path) -> dict[str, float]:
    """A tree's leaves by dotted name. Raises DataError for one that is no number."""
    found = files.flatten(tree)
    for name, value in found.items():
        if type(value) not in (int, float):
            raise DataError(f"{place}: {name} is {value!r}, no number; `dvc repro` makes it anew")
    return found
