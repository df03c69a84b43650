"""The labels that probes predict: the classes with the largest shares."""

from typing import Any

from torch import Tensor

from twinview.core.types import Embeddings
from twinview.probes import knn as knn_probe
from twinview.probes import linear as linear_probe


def linear(train: Embeddings, features: Tensor, **options: Any) -> Tensor:
    """The labels (m,) by the linear probe."""
    return linear_probe.linear(train, features, **options).argmax(1)


def knn(train: Embeddings, features: Tensor, **options: Any) -> Tensor:
    """The labels (m,) by weighted kNN."""
    return knn_probe.knn(train, features, **options).argmax(1)
