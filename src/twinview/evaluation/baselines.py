"""The baselines without an encoder: their embeddings are judged by the same protocol as ours."""

from collections.abc import Mapping
from typing import NamedTuple

import torch
from torch import Tensor

from twinview.core.errors import ConfigError
from twinview.core.types import Embeddings, Modality, Split
from twinview.data.splits import Prepared


class Components(NamedTuple):
    """Principal components: mean (d,) of the inputs, directions (components, d)."""

    mean: Tensor
    directions: Tensor

    def transform(self, features: Tensor) -> Tensor:
        """Features (n, d) in the coordinates of the components: (n, components)."""
        return (features - self.mean) @ self.directions.T


def raw(prepared: Prepared) -> dict[str, Embeddings]:
    """The inputs themselves, flattened: (n, c * h * w) in [0, 1]."""
    return {name: _flatten(prepared, split) for name, split in prepared.splits.items()}


def flatten(modality: Modality, inputs: Tensor) -> Tensor:
    """Stored inputs as features: (n, c * h * w) in [0, 1]."""
    return modality.unpack(inputs).flatten(1)


def pca(
    splits: Mapping[str, Embeddings], components: int
) -> tuple[dict[str, Embeddings], Components]:
    """The principal components of the train split, unwhitened: (n, components) float32.

    The components themselves are returned too, for further inputs. Raises ConfigError when there
    are more components than examples or dimensions.
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
    parts = {
        name: Embeddings(
            torch.from_numpy(model.transform(part.features.numpy())).float(), part.labels, part.ids
        )
        for name, part in splits.items()
    }
    found = (torch.from_numpy(values).float() for values in (model.mean_, model.components_))
    return parts, Components(*found)


def _flatten(prepared: Prepared, split: Split) -> Embeddings:
    return Embeddings(flatten(prepared.modality, split.inputs), split.labels, split.ids)
