"""Clusters: how well k-means separates the features. It needs no labels.

The number of clusters is chosen by the silhouette on validation, after a fit on train; then k-means
is fitted on train and validation, and test is read once. Features are scaled to length 1, since
neighbours are compared by cosine. Every test example gets the number of its cluster, and the page
shows those nearest to each centre. Source: Rousseeuw 1987, doi 10.1016/0377-0427(87)90125-7.
"""

import warnings
from collections.abc import Iterator, Mapping
from typing import Annotated, Any

import numpy as np
import torch
import torch.nn.functional as F
from annotated_types import Ge, Len
from sklearn.cluster import KMeans
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import silhouette_score
from threadpoolctl import threadpool_limits
from torch import Tensor

from twinview.core import declare, randomness
from twinview.core.types import Embeddings
from twinview.evaluation.contender import Contender, Result
from twinview.settings.params import Params
from twinview.settings.ranges import oversized
from twinview.settings.sections import Count, Distinct, Seed

_SHOWN = 12  # pictures of a cluster on the page
_ROWS = 10_000  # the number of examples that are assigned at once, which bounds the memory


def clusters(
    contender: Contender,
    *,
    counts: Annotated[tuple[Annotated[int, Ge(2)], ...], Len(1), Distinct],
    examples: Count,
    starts: Count,
    seed: Seed,
) -> dict[str, Result]:
    """The silhouette of the test features; 0 where all of them fall into one cluster.

    Parameters
    ----------
    contender : the features.
    counts : the numbers of clusters to choose from; of equals the first is taken.
    examples : how many random examples of a split are used at most, which bounds the time. The
        clusters of all test examples are told.
    starts : how often k-means starts anew; the fit with the least inertia counts.
    seed : of the examples and of k-means, the same for all contenders.
    """
    train, validation, test = (
        _unit_rows(contender.parts[name].features, examples, seed)
        for name in ("train", "validation", "test")
    )
    tried: list[dict[str, Any]] = [
        {
            "options": {"clusters": k},
            "silhouette": _silhouette(_fitted(train, k, starts, seed), validation),
        }
        for k in contender.progress(counts, len(counts), "evaluate: clusters")
    ]
    best = max(tried, key=lambda trial: trial["silhouette"])
    chosen = best["options"]
    both = np.concatenate([train, validation])
    model = _fitted(both, chosen["clusters"], starts, seed)
    assigned, nearest = _assigned(model, contender.parts["test"])
    metrics = {
        "silhouette": _silhouette(model, test),
        "validation_silhouette": best["silhouette"],
    }
    details = {"chosen": chosen, "validation": tried, "nearest": nearest}
    return {"clusters": Result(metrics, details, assigned=assigned)}


def _fitted(known: np.ndarray, k: int, starts: int, seed: int) -> KMeans:
    # On one thread the order of sums is fixed, so the clusters do not depend on the cores.
    with threadpool_limits(1), warnings.catch_warnings():
        # Fewer distinct rows than clusters, as of a collapsed encoder; the silhouette tells.
        warnings.simplefilter("ignore", ConvergenceWarning)
        return KMeans(k, n_init=starts, random_state=seed).fit(known)


def _assigned(model: KMeans, part: Embeddings) -> tuple[Tensor, list[list[int]]]:
    """The cluster of each row, and by cluster the ids of the rows nearest to its centre."""
    numbers, away = [], []
    with threadpool_limits(1):
        for rows in part.features.split(_ROWS):
            distances = torch.from_numpy(model.transform(F.normalize(rows.float(), dim=1).numpy()))
            numbers.append(distances.argmin(1))
            away.append(distances.amin(1))
    assigned, order = torch.cat(numbers), torch.cat(away).argsort(stable=True)
    nearest = [
        part.ids[order[assigned[order] == number][:_SHOWN]].tolist()
        for number in range(model.n_clusters)
    ]
    return assigned, nearest


def _silhouette(model: KMeans, asked: np.ndarray) -> float:
    """The mean silhouette of the asked rows in the clusters of the model."""
    with threadpool_limits(1):
        labels = model.predict(asked)
        if not 1 < len(np.unique(labels)) < len(asked):
            return 0.0
        return float(silhouette_score(asked, labels))


def _unit_rows(features: Tensor, most: int, seed: int) -> np.ndarray:
    generator = randomness.generator(seed, "clusters")
    rows = torch.randperm(len(features), generator=generator)[:most].sort().values
    unit: np.ndarray = F.normalize(features[rows].float(), dim=1).numpy()
    return unit


def _check(options: Mapping[str, Any], settings: Params) -> Iterator[str]:
    yield from oversized("tasks.clusters.counts", max(options["counts"]), "train", settings)
    if max(options["counts"]) > options["examples"]:
        yield (
            f"tasks.clusters.counts: is {max(options['counts'])}, more than "
            f"tasks.clusters.examples: {options['examples']}"
        )


def _entries(options: Mapping[str, Any]) -> dict[str, str]:
    return {"clusters": "k-means clusters"}


def _could_have(name: str) -> bool:
    return name == "clusters"


DECLARES = declare.Task(
    check=_check,
    entries=_entries,
    measures={"silhouette": "silhouette"},
    primary="silhouette",
    needs_labels=False,
    could_have=_could_have,
    lists=(),
    is_share=False,
    quick={"counts": [2, 3], "examples": 60, "starts": 1},
)
