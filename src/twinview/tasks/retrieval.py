"""Retrieval: whether a text of an example finds another text of it, such as a title its body.

Companions of random examples are embedded as they are, without augmentation. Each query is compared
by cosine with the targets of all these examples. It needs no labels. Recall@k, the mean reciprocal
rank and nDCG@10 are those of information retrieval, with one relevant text for each query.
"""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any

import torch
from annotated_types import Ge
from torch import Tensor

from twinview.core import declare, entries
from twinview.core.counts import counted
from twinview.evaluation.contender import Contender, Result
from twinview.evaluation.view_ranks import ranks_of_targets
from twinview.settings.params import Params
from twinview.settings.sections import Seed

_NAME = "retrieval"


def retrieval(
    contender: Contender,
    *,
    query: Annotated[int, Ge(0)],
    target: Annotated[int, Ge(0)],
    examples: Annotated[int, Ge(2)],
    draws: Annotated[int, Ge(2)],
    seed: Seed,
) -> dict[str, Result]:
    """The share of queries whose target is the nearest, or among the nearest 5 or 10.

    Targets that are equally near count as nearer, so features that are all alike find nothing.

    Parameters
    ----------
    contender : the features of companions.
    query, target : the numbers of the companions, from 0; examples without both are not asked.
    examples : among how many random examples a query finds its target, at most.
    draws : how often the examples are drawn; results are means over draws.
    seed : of the draws, which are the same for all contenders.
    """
    drawn = [
        {
            name: _ranks(contender.views(name, examples, seed + draw, (query, target)))
            for name in ("test", "validation")
        }
        for draw in contender.progress(range(draws), draws, "evaluate: retrieval")
    ]
    measured = [_measures(of["test"]) for of in drawn]
    primary = torch.tensor([of["recall_at_1"] for of in measured], dtype=torch.float64)
    metrics = {key: sum(of[key] for of in measured) / draws for key in measured[0]}
    metrics[entries.SPREAD] = primary.std().item()
    validation = [_measures(of["validation"])["recall_at_1"] for of in drawn]
    metrics["validation_recall_at_1"] = sum(validation) / draws
    words = f"retrieval among {counted(len(drawn[0]['test']), 'example')}"
    return {_NAME: Result(metrics, {"draws": primary.tolist()}, words=words)}


def _ranks(features: Tensor) -> Tensor:
    return ranks_of_targets(*features)


def _measures(ranks: Tensor) -> dict[str, float]:
    """The measures of the ranks (n,), from 1, of the targets."""
    ranks = ranks.double()
    gains = torch.where(ranks <= 10, 1 / torch.log2(ranks + 1), 0)
    values = {f"recall_at_{k}": (ranks <= k).double().mean() for k in (1, 5, 10)}
    values |= {"mrr": (1 / ranks).mean(), "ndcg_at_10": gains.mean()}
    return {name: value.item() for name, value in values.items()}


def _entries(options: Mapping[str, Any]) -> dict[str, str]:
    return {_NAME: f"retrieval among up to {options['examples']} examples"}


def _could_have(name: str) -> bool:
    return name == _NAME


def _check(options: Mapping[str, Any], settings: Params) -> Iterator[str]:
    if options["query"] == options["target"]:
        yield f"tasks.retrieval.target: is {options['target']}, as query; name another companion"


DECLARES = declare.Task(
    check=_check,
    entries=_entries,
    measures={
        "recall_at_1": "recall@1",
        "recall_at_5": "recall@5",
        "recall_at_10": "recall@10",
        "mrr": "mean reciprocal rank",
        "ndcg_at_10": "nDCG@10",
    },
    primary="recall_at_1",
    needs_labels=False,
    could_have=_could_have,
    lists=(),
    modality="text",
    quick={"examples": 20, "draws": 2},
)
