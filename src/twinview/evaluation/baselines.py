"""The baselines without an encoder: their embeddings are judged by the same protocol as ours."""

from collections.abc import Mapping
from dataclasses import replace

import torch
from torch import Tensor

from twinview.core.errors import ConfigError
from twinview.core.types import Embeddings
from twinview.data.splits import Prepared
from twinview.evaluation.whitening import Whitening


def fit_raw(prepared: Prepared) -> Mapping[str, Tensor]:
    """What the modality has to know of train to take inputs for features."""
    return prepared.modality.fit_raw(prepared.splits["train"].inputs, prepared.statistics)


def raw(prepared: Prepared, fitted: Mapping[str, Tensor]) -> dict[str, Embeddings]:
    """The inputs themselves, as their modality takes them for features. fitted: see fit_raw."""
    modality = prepared.modality
    return {
        name: Embeddings(modality.raw(split.inputs, fitted), split.labels, split.ids, split.groups)
        for name, split in prepared.splits.items()
    }


def words(prepared: Prepared) -> dict[str, Embeddings] | None:
    """Token numbers (n, t) in place of features, for evaluation.words; None for pictures."""
    found = {}
    for name, split in prepared.splits.items():
        tokens = prepared.modality.words_of(split.inputs, prepared.statistics)
        if tokens is None:
            return None
        found[name] = Embeddings(tokens, split.labels, split.ids, split.groups)
    return found


def pca(
    splits: Mapping[str, Embeddings], components: int
) -> tuple[dict[str, Embeddings], Whitening]:
    """The principal components of the train split, unwhitened: (n, components) float32.

    The map that gives them is returned too, for further inputs; it subtracts and projects, and
    scales nothing. Raises ConfigError when there are more components than examples or dimensions.
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
        name: replace(
            part, features=torch.from_numpy(model.transform(part.features.numpy())).float()
        )
        for name, part in splits.items()
    }
    found = (torch.from_numpy(values).float() for values in (model.mean_, model.components_.T))
    return parts, Whitening(*(values.contiguous() for values in found))
