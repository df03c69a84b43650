"""Weighted k-nearest-neighbour classification by cosine (Wu et al., arXiv 1805.01978, sec. 3.4)."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any

import torch
from annotated_types import Ge, Gt
from torch import Tensor

from twinview.core import declare
from twinview.core.types import Embeddings
from twinview.evaluation.nearest import nearest
from twinview.evaluation.whitening import whitening
from twinview.settings.params import Params
from twinview.settings.ranges import oversized


def knn(
    train: Embeddings,
    features: Tensor,
    *,
    neighbours: Annotated[int, Ge(1)],
    temperature: Annotated[float, Gt(0)],
    whitened: Annotated[int, Ge(0)],
) -> Tensor:
    """Predicted labels (m,) int64 of features (m, d).

    The nearest training rows vote with weight exp(cosine / temperature). Wu et al.: 200
    neighbours, temperature .07. With fewer training rows than neighbours, all vote.
    whitened: cosines are taken between so many whitened principal components of the training
    rows; 0 leaves the features as they are.
    """
    labels = train.known_labels()
    classes = int(labels.max()) + 1
    prepare = whitening(train.features, whitened) if whitened else _as_they_are
    cosine, rows = nearest(prepare(features), prepare(train.features), neighbours)
    # Less the largest: the same ratios, and no overflow at a low temperature.
    weights = ((cosine - cosine[:, :1]) / temperature).exp()
    return torch.zeros(len(rows), classes).scatter_add_(1, labels[rows], weights).argmax(1)


def _check(options: Mapping[str, Any], settings: Params) -> Iterator[str]:
    most = max(options["neighbours"])
    yield from oversized("probes.knn.neighbours", most, "train", settings)


DECLARES = declare.Declaration(check=_check)


def _as_they_are(rows: Tensor) -> Tensor:
    return rows
