"""Label propagation: a few known labels spread over a graph of unlabelled rows.

Zhou et al., NIPS 2003, "Learning with local and global consistency": with the normalised weights S
of the graph and the labels Y, the scores are F = (1 - a) (I - a S)^-1 Y. The weights are those of
Iscen et al. (arXiv 1904.04717, section 3.1): the cubed cosine between nearest neighbours, made
symmetric. The classes are scaled to equal mass (Zhu et al., ICML 2003, section 4), since each
class has as many known labels. The protocol uses this for few labels.
"""

import math
from collections.abc import Callable

import numpy as np
import torch
from scipy import sparse
from torch import Tensor

from twinview.evaluation.nearest import nearest
from twinview.evaluation.whitening import whitening

_TOLERANCE = 1e-6  # of the scores, relative: far from the known labels they are small


class LabelGraph:
    """Unlabelled rows (n, d) and their nearest neighbours, computed once for all draws of labels.

    Parameters
    ----------
    rows : (n, d), the nodes.
    neighbours : the number of nearest neighbours that each row is connected with.
    pca_components : the number of whitened principal components between which cosines are taken;
        0 takes cosines between the rows as they are.
    """

    def __init__(self, rows: Tensor, *, neighbours: int, pca_components: int) -> None:
        self._prepare: Callable[[Tensor], Tensor] = torch.Tensor.float
        if pca_components:
            self._prepare = whitening(rows, pca_components).of_many
        self._rows = self._prepare(rows)
        self._neighbours = neighbours
        weights = self._weights(self._rows, are_nodes=True)
        weights = weights.maximum(weights.T)
        scale = sparse.diags_array(1 / np.sqrt(weights.sum(axis=1).clip(1e-12)))
        self._step = (scale @ weights @ scale).tocsr().astype(np.float32)

    def votes(self, features: Tensor) -> sparse.csr_array:
        """The weight of each node in the vote on each of the features (m, d): (m, n), sparse."""
        return self._weights(self._prepare(features), are_nodes=False)

    def propagate(
        self, known: Tensor, labels: Tensor, votes: sparse.csr_array, alpha: float
    ) -> Tensor:
        """The labels (m,) of the features whose votes are given.

        Parameters
        ----------
        known : (k,) int64, the row numbers of the nodes whose labels are known.
        labels : (k,) int64, their labels.
        votes : (m, n), what `votes` returned for the features.
        alpha : the share of a node's score that comes from its neighbours; both papers use .99.
        """
        classes = int(labels.max()) + 1
        given = np.zeros((len(self._rows), classes), np.float32)
        given[known.numpy(), labels.numpy()] = 1
        scores = self._spread(given, alpha).astype(np.float64)
        scores = _shares(_shares(scores.clip(0), axis=1), axis=0)
        return torch.from_numpy((votes @ _shares(scores, axis=1)).argmax(1))

    def _spread(self, given: np.ndarray, alpha: float) -> np.ndarray:
        """The solution F (n, k) of F = alpha S F + Y for all classes at once.

        It is found by Chebyshev's semi-iteration (Golub and Varga 1961), whose number of steps is
        known before: the eigenvalues of S lie between -1 and 1.
        """
        rate = alpha / (1 + math.sqrt(1 - alpha**2))
        before, scores, weight = np.zeros_like(given), given, 2.0
        for _ in range(math.ceil(math.log(_TOLERANCE / 2) / math.log(rate))):
            weight = 1 / (1 - alpha**2 * weight / 4)
            after = weight * (alpha * (self._step @ scores) + given - before) + before
            before, scores = scores, after
        return scores

    def _weights(self, queries: Tensor, are_nodes: bool) -> sparse.csr_array:
        """The cubed cosines with each query's nearest nodes: (m, n)."""
        cosines, rows = nearest(queries, self._rows, self._neighbours + are_nodes)
        if are_nodes:
            cosines = cosines.masked_fill(rows == torch.arange(len(queries))[:, None], 0)
        values = cosines.clamp(min=0).double() ** 3
        positions = (torch.arange(len(queries)).repeat_interleave(rows.shape[1]), rows.flatten())
        shape = len(queries), len(self._rows)
        return sparse.csr_array((values.flatten().numpy(), [p.numpy() for p in positions]), shape)


def _shares(scores: np.ndarray, axis: int) -> np.ndarray:
    """The scores divided by their sums along the axis."""
    shares: np.ndarray = scores / scores.sum(axis=axis, keepdims=True).clip(1e-12)
    return shares
