"""The same training: equal settings in effect, equal data, equal code; with or without the seeds.

`twinview seeds` and the sweeps name their experiments by it, reports/seeds.json says by it whose
results it holds, and `twinview compare` groups runs by it.
"""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

# The seeds of the encoder's and the baselines' training: all that two equal trainings may differ
# in. The other seeds (of the split, the label draws, the cached views) belong to the settings.
SEEDS = ("pretrain.seed", "baselines.seed")


def without_seeds(settings: Mapping[str, Any]) -> dict[str, Any]:
    """The settings, by dotted name, but for the training's seeds."""
    return {key: value for key, value in settings.items() if key not in SEEDS}


def digest(
    settings: Mapping[str, Any],
    data: str | None,
    code: Mapping[str, str | None] | None = None,
    *,
    seeded: bool = False,
) -> str:
    """Sixteen digits that are equal for the same training, and differ for another.

    Parameters
    ----------
    settings
        The settings in effect by dotted name, see `differences.in_effect`.
    data
        The hash of the prepared data; None where it is not known.
    code
        Hashes by path; None where code does not count: an edited docstring costs no training.
    seeded
        Whether trainings that differ in their seeds only are different ones.
    """
    counted = settings if seeded else without_seeds(settings)
    parts = [counted, data, *([] if code is None else [code])]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:16]
