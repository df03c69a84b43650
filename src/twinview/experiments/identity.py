"""The identity of a training: a hash of its settings in effect, data and code, and of its seeds.

`twinview seeds` and the sweeps name their experiments by it, reports/seeds.json names by it the
training whose results it holds, and `twinview compare` groups runs by it.
"""

import hashlib
import json
from collections.abc import Mapping
from pathlib import PurePath
from typing import Any

from twinview.core import paths

# The seeds of the encoder's and the baselines' training. Two equal trainings may differ in these
# only: the other seeds (of the split, the label draws, the cached views) are part of the settings.
SEEDS = ("pretrain.seed", "baselines.seed")


def without_seeds(settings: Mapping[str, Any]) -> dict[str, Any]:
    """The settings, by dotted name, without the training's seeds."""
    return {key: value for key, value in settings.items() if key not in SEEDS}


def with_weights(settings: Mapping[str, Any], content: str | None) -> dict[str, Any]:
    """The settings, and one more for each plug-in that starts from a file in data/weights.

    The settings name the file only, so the first digits of the folder's hash say what it held.

    Parameters
    ----------
    settings : in effect, by dotted name.
    content : the hash of data/weights; None if it is not known.
    """
    plug_ins = [
        key.rpartition(".")[0]
        for key, value in settings.items()
        if isinstance(value, str) and paths.WEIGHTS in PurePath(value).parents
    ]
    return {**settings, **{f"{of}.{paths.WEIGHTS}": content[:7] for of in plug_ins if content}}


def digest(
    settings: Mapping[str, Any],
    data: str | None,
    code: Mapping[str, str | None] | None = None,
    *,
    seeded: bool = False,
) -> str:
    """Sixteen hexadecimal digits that are equal for equal trainings.

    Parameters
    ----------
    settings
        The settings in effect by dotted name, see `differences.in_effect`.
    data
        The hash of the prepared data; None if it is not known.
    code
        Hashes by path; None if code does not count: an edited docstring changes no training.
    seeded
        Whether trainings that differ in their seeds only get different digits.
    """
    counted = settings if seeded else without_seeds(settings)
    parts = [counted, data, *([] if code is None else [code])]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:16]
