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
    pca_components: Annotated[int, Ge(0)],
) -> Tensor:
    """The share of the votes for each class, (m, k) float64; the largest is the prediction.

    The nearest rows vote with weight exp(cosine / temperature).

    Parameters
    ----------
    train : labelled features.
    features : (m, d).
    neighbours : the number of rows that vote; with fewer training rows, all vote. Wu et al. use
        200.
    temperature : Wu et al. use .07.
    pca_components : the number of whitened principal components of the training rows between
        which cosines are taken; 0 takes cosines between the features as they are.
    """
    labels = train.required_labels()
    classes = int(labels.max()) + 1
    prepare = whitening(train.features, pca_components).of_many if pca_components else _unchanged
    cosine, rows = nearest(prepare(features), prepare(train.features), neighbours)
    # Subtracting the largest cosine keeps the ratios, and nothing overflows at a low temperature.
    weights = ((cosine - cosine[:, :1]) / temperature).exp()
    votes = torch.zeros(len(rows), classes).scatter_add_(1, labels[rows], weights).double()
    return votes / votes.sum(1, keepdim=True)


def _check(options: Mapping[str, Any], settings: Params) -> Iterator[str]:
    most = max(options["neighbours"])
    yield from oversized("probes.knn.neighbours", most, "train", settings)


DECLARES = declare.Declaration(check=_check)


def _unchanged(rows: Tensor) -> Tensor:
    return rows
