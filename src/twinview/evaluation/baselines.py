"""The baselines: embeddings that any encoder of ours is held against, under the same protocol."""

from collections.abc import Mapping

import torch

from twinview.core.errors import ConfigError
from twinview.core.types import Embeddings, Split
from twinview.data.splits import Prepared


def raw(prepared: Prepared) -> dict[str, Embeddings]:
    """The inputs themselves, flattened: (n, c * h * w) in [0, 1]."""
    return {name: _flat(prepared, split) for name, split in prepared.splits.items()}


def pca(splits: Mapping[str, Embeddings], components: int) -> dict[str, Embeddings]:
    """Principal components of the train split, unwhitened: (n, components)."""
    from sklearn.decomposition import PCA

    most = min(splits["train"].features.shape)
    if components > most:
        raise ConfigError(f"baselines.components: is {components}, but at most {most} are possible")
    model = PCA(components, svd_solver="covariance_eigh").fit(splits["train"].features.numpy())
    return {
        name: Embeddings(
            torch.from_numpy(model.transform(part.features.numpy())).float(), part.labels, part.ids
        )
        for name, part in splits.items()
    }


def _flat(prepared: Prepared, split: Split) -> Embeddings:
    features = prepared.modality.unpack(split.inputs).flatten(1)
    return Embeddings(features, split.labels, split.ids)
