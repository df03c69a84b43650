"""Parses the text of a JSON or YAML file into a mapping. Errors name the file and the remedy."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from twinview.core import files
from twinview.core.errors import DataError


def parse_json(text: str, place: Path) -> dict[str, Any]:
    """The object in a stage's JSON file. Raises DataError for other text, as after a conflict."""
    try:
        tree = json.loads(text)
    except ValueError as error:
        raise DataError(f"{place} is not valid JSON ({error}); `dvc repro` makes it anew") from None
    if not isinstance(tree, dict):
        raise DataError.at(place, "holds no JSON object", "`dvc repro` makes it anew")
    return tree


def parse_yaml(text: str, place: Path) -> dict[str, Any]:
    """The settings in a YAML file. Raises DataError for other text."""
    try:
        tree = YAML(typ="safe").load(text)
    except YAMLError as error:
        raise DataError(f"{place} is not valid YAML: {error}") from None
    if not isinstance(tree, dict):
        raise DataError(f"{place} has no settings")
    return tree


def flatten_numbers(tree: Mapping[str, Any], place: Path) -> dict[str, float]:
    """The leaves of a tree by dotted name. Raises DataError for a leaf that is no number."""
    leaves = files.flatten(tree)
    for name, value in leaves.items():
        if type(value) not in (int, float):
            raise DataError(f"{place}: {name} is {value!r}, no number; `dvc repro` makes it anew")
    return leaves
