"""Geometry: how many directions the features use, and how evenly they cover the sphere.

It needs no labels. The measures are those of the training's monitors (learning/collapse.py), here
of the frozen features. Neither says whether the directions mean anything: noise has a high rank.
Sources: RankMe, arXiv 2210.02885; Wang and Isola, arXiv 2005.10242.
"""

from collections.abc import Mapping
from typing import Annotated, Any

import torch
import torch.nn.functional as F
from annotated_types import Ge
from torch import Tensor

from twinview.core import declare, randomness
from twinview.core.counts import counted
from twinview.evaluation.contender import Contender, Result
from twinview.learning import collapse
from twinview.settings.sections import Seed


def geometry(
    contender: Contender, *, examples: Annotated[int, Ge(2)], seed: Seed
) -> dict[str, Result]:
    """The effective rank and the negative uniformity of the features, scaled to length 1.

    Parameters
    ----------
    contender : the features.
    examples : how many random examples of a split are measured at most; both measures depend on
        the number.
    seed : chooses them, the same for all contenders.
    """
    units = {
        name: _unit_rows(contender.parts[name].features, examples, seed)
        for name in contender.progress(("test", "validation"), 2, "evaluate: geometry")
    }
    metrics = {
        "effective_rank": collapse.effective_rank(units["test"]),
        "negative_uniformity": -collapse.uniformity(units["test"]),
        "validation_effective_rank": collapse.effective_rank(units["validation"]),
    }
    words = f"geometry of {counted(len(units['test']), 'example')}"
    return {"geometry": Result(metrics, words=words)}


def _unit_rows(features: Tensor, count: int, seed: int) -> Tensor:
    generator = randomness.generator(seed, "geometry")
    rows = torch.randperm(len(features), generator=generator)[:count]
    return F.normalize(features[rows].double(), dim=1)


def _entries(options: Mapping[str, Any]) -> dict[str, str]:
    return {"geometry": f"geometry of up to {options['examples']} examples"}


def _could_have(name: str) -> bool:
    return name == "geometry"


DECLARES = declare.Task(
    entries=_entries,
    measures={"effective_rank": "effective rank", "negative_uniformity": "negative uniformity"},
    primary="effective_rank",
    needs_labels=False,
    could_have=_could_have,
    lists=(),
    is_share=False,
    quick={"examples": 20},
)
