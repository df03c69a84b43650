"""The baselines without an encoder: their embeddings are judged by the same protocol as ours."""

from collections.abc import Mapping
from dataclasses import replace

import torch

from twinview.core.errors import ConfigError
from twinview.core.types import Embeddings, Split
from twinview.data.splits import Prepared


def raw(prepared: Prepared) -> dict[str, Embeddings]:
    """The inputs themselves, flattened: (n, c * h * w) in [0, 1]."""
    return {name: _flatten(prepared, split) for name, split in prepared.splits.items()}


def pca(splits: Mapping[str, Embeddings], components: int) -> dict[str, Embeddings]:
    """The principal components of the train split, unwhitened: (n, components) float32.

    Raises ConfigError when there are more components than examples or dimensions.
    """
    from sklearn.decomposition import PCA

    most = min(splits["train"].features.shape)
    if components > most:
        raise ConfigError.at(
            "baselines.pca_components",
            f"is {components}, but at most {most} are possible",
            f"set it to {most} or less",
        )
    model = PCA(components, svd_solver="covariance_eigh").fit(splits["train"].features.numpy())
    return {
        name: replace(
            part, features=torch.from_numpy(model.transform(part.features.numpy())).float()
        )
        for name, part in splits.items()
    }


def _flatten(prepared: Prepared, split: Split) -> Embeddings:
    features = prepared.modality.unpack(split.inputs).flatten(1)
    return Embeddings(features, split.labels, split.ids, split.groups)
