"""View retrieval: whether an example's own other view is the nearest view. It needs no labels.

Two augmented views of random examples are embedded. Each view of an example is compared by cosine
with the other view of every example. The result depends on the number of examples and on the chain
of augmentations. A view that equals its original is found by anything, so the numbers of raw pixels
and of the random encoder belong beside it. Source of alignment: Wang and Isola, arXiv 2005.10242.
"""

from collections.abc import Mapping
from typing import Annotated, Any

import torch
import torch.nn.functional as F
from annotated_types import Ge
from torch import Tensor

from twinview.core import declare
from twinview.evaluation.contender import Contender, Result
from twinview.learning import collapse
from twinview.settings.sections import Seed

_ROWS = 1000  # the number of views that are compared at once, which bounds the memory


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
    return {"view_retrieval": Result(metrics)}


def ranks_of_partners(views: Tensor) -> Tensor:
    """The rank, from 1, of each view's partner among the other views of all examples: (2, n).

    views: (2, n, d), of any length. Of equally near views the partner is the last.
    """
    first, second = F.normalize(views, dim=2)
    return torch.stack([_ranks(first, second), _ranks(second, first)])


def _ranks(queries: Tensor, bank: Tensor) -> Tensor:
    ranks = []
    for rows in torch.arange(len(queries)).split(_ROWS):
        cosines = queries[rows] @ bank.T
        partner = cosines.gather(1, rows[:, None])  # of the same product, so that it equals itself
        ranks.append((cosines >= partner).sum(1))
    return torch.cat(ranks)


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
