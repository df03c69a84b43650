"""A flat map of embeddings, for the eye: what is near on it was near; far distances mean little."""

import torch
import torch.nn.functional as F
from sklearn.decomposition import PCA
from sklearn.manifold import TSNE
from threadpoolctl import threadpool_limits
from torch import Tensor

_COMPONENTS = 50
_PERPLEXITY = 30


def projection(features: Tensor, seed: int) -> Tensor:
    """Places (n, 2) in [0, 1], the longer side filled, of features (n, d), n >= 4.

    t-SNE (van der Maaten and Hinton, JMLR 2008) of the first 50 principal components of the
    features at length 1: distances in it are those of cosines.
    """
    unit = F.normalize(features, dim=1).numpy()
    # On one thread, so that sums have one order and the map does not depend on the cores.
    with threadpool_limits(1):
        components = min(_COMPONENTS, *unit.shape)
        flat = PCA(components, svd_solver="covariance_eigh").fit_transform(unit)
        perplexity = min(_PERPLEXITY, (len(unit) - 1) / 3)
        places = TSNE(perplexity=perplexity, init="pca", random_state=seed).fit_transform(flat)
    return _fitted(torch.from_numpy(places))


def _fitted(places: Tensor) -> Tensor:
    """Moved and scaled, shape kept, into the middle of the unit square."""
    low, high = places.amin(0), places.amax(0)
    return (places - (low + high) / 2) / (high - low).max() + 0.5
