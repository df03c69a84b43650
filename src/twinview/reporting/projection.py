"""A map of embeddings in the plane. Near points were near; large distances mean little."""

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
_ITERATIONS = 1000  # scikit-learn's default


def projection(features: Tensor, seed: int) -> Tensor:
    """The positions (n, 2) in [0, 1] of features (n, d), n >= 4; the longer side is filled.

    They are the t-SNE (van der Maaten and Hinton, JMLR 2008) of the first 50 principal components
    of the normalised features, so distances follow the cosines. A terminal shows a progress bar.
    """
    unit = F.normalize(features, dim=1).numpy()
    # On one thread the order of sums is fixed, so the map does not depend on the number of cores.
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
            with contextlib.redirect_stdout(_ProgressWriter(bar)):
                positions = method.fit_transform(flat)
    return _fit_unit_square(torch.from_numpy(positions))


class _ProgressWriter(io.TextIOBase):
    """Moves a bar by what scikit-learn prints, since its t-SNE has no callback."""

    def __init__(self, bar: "tqdm[Any]") -> None:
        self._bar = bar

    def write(self, text: str) -> int:
        """Reads a line such as "[t-SNE] Iteration 50: error = 61.6, ..."."""
        if match := re.search(r"Iteration (\d+)", text):
            self._bar.update(int(match[1]) - self._bar.n)
        return len(text)


def _fit_unit_square(positions: Tensor) -> Tensor:
    """The positions, centred in the unit square and scaled without distortion."""
    low, high = positions.amin(0), positions.amax(0)
    return (positions - (low + high) / 2) / (high - low).max() + 0.5
