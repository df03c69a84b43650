"""A flat map of embeddings, for the eye: what is near on it was near; far distances mean little."""

import contextlib
import io
import re
from typing import Any

import torch
import torch.nn.functional as F
from sklearn.decomposition import PCA
from sklearn.manifold import TSNE
from threadpoolctl import threadpool_limits
from torch import Tensor
from tqdm import tqdm

_COMPONENTS = 50
_PERPLEXITY = 30
_ITERATIONS = 1000  # scikit-learn's own number


def projection(features: Tensor, seed: int) -> Tensor:
    """Places (n, 2) in [0, 1], the longer side filled, of features (n, d), n >= 4.

    t-SNE (van der Maaten and Hinton, JMLR 2008) of the first 50 principal components of the
    features at length 1: distances in it are those of cosines. A bar shows it on a terminal.
    """
    unit = F.normalize(features, dim=1).numpy()
    # On one thread, so that sums have one order and the map does not depend on the cores.
    with threadpool_limits(1):
        components = min(_COMPONENTS, *unit.shape)
        flat = PCA(components, svd_solver="covariance_eigh").fit_transform(unit)
        perplexity = min(_PERPLEXITY, (len(unit) - 1) / 3)
        with tqdm(total=_ITERATIONS, desc="map", disable=None, dynamic_ncols=True) as bar:
            method = TSNE(
                perplexity=perplexity,
                init="pca" if components > 1 else "random",
                random_state=seed,
                max_iter=_ITERATIONS,
                verbose=2,
            )
            with contextlib.redirect_stdout(_Told(bar)):
                places = method.fit_transform(flat)
    return _fitted(torch.from_numpy(places))


class _Told(io.TextIOBase):
    """Moves a bar by what scikit-learn prints of t-SNE, which knows no other way to tell."""

    def __init__(self, bar: "tqdm[Any]") -> None:
        self._bar = bar

    def write(self, text: str) -> int:
        """Takes a line such as "[t-SNE] Iteration 50: error = 61.6, ..."."""
        if found := re.search(r"Iteration (\d+)", text):
            self._bar.update(int(found[1]) - self._bar.n)
        return len(text)


def _fitted(places: Tensor) -> Tensor:
    """Moved and scaled, shape kept, into the middle of the unit square."""
    low, high = places.amin(0), places.amax(0)
    return (places - (low + high) / 2) / (high - low).max() + 0.5
