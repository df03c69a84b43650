"""View retrieval: whether an example's own other view is the nearest view. It needs no labels.

Two augmented views of random examples are embedded. Each view of an example is compared by cosine
with the other view of every example. The result depends on the number of examples and on the chain
of augmentations. A view that equals its original is found by anything, so the numbers of raw pixels
and of the random encoder belong beside it. Source of alignment: Wang and Isola, arXiv 2005.10242.
"""

from collections.abc import Mapping
from typing import Annotated, Any

import torch.nn.functional as F
from annotated_types import Ge
from torch import Tensor

from twinview.core import declare
from twinview.core.counts import counted
from twinview.evaluation.contender import Contender, Result
from twinview.evaluation.view_ranks import ranks_of_partners
from twinview.learning import collapse
from twinview.settings.sections import Seed


def view_retrieval(
    contender: Contender, *, examples: Annotated[int, Ge(2)], seed: Seed
) -> dict[str, Result]:
    """The share of views whose other view is the nearest (recall@1) or among the 5 nearest.

    Views that are equally near count as nearer, so features that are all alike find nothing.

    Parameters
    ----------
    contender : the features of views.
    examples : how many random examples of a split are measured at most; chance is 1 / their number.
    seed : chooses them, the same for all contenders.
    """
    views = {
        name: contender.views(name, examples, seed)
        for name in contender.progress(("test", "validation"), 2, "evaluate: view retrieval")
    }
    ranks = {name: ranks_of_partners(pair) for name, pair in views.items()}
    metrics = {
        "recall_at_1": _share(ranks["test"] <= 1),
        "recall_at_5": _share(ranks["test"] <= 5),
        "negative_alignment": -collapse.alignment(F.normalize(views["test"].double(), dim=2)),
        "validation_recall_at_1": _share(ranks["validation"] <= 1),
    }
    words = f"view retrieval among {counted(ranks['test'].shape[1], 'example')}"
    return {"view_retrieval": Result(metrics, words=words)}


def _share(claims: Tensor) -> float:
    return claims.double().mean().item()


def _entries(options: Mapping[str, Any]) -> dict[str, str]:
    return {"view_retrieval": f"view retrieval among up to {options['examples']} examples"}


def _could_have(name: str) -> bool:
    return name == "view_retrieval"


DECLARES = declare.Task(
    entries=_entries,
    measures={
        "recall_at_1": "recall@1",
        "recall_at_5": "recall@5",
        "negative_alignment": "negative alignment",
    },
    primary="recall_at_1",
    needs_labels=False,
    could_have=_could_have,
    lists=(),
    quick={"examples": 20},
)
