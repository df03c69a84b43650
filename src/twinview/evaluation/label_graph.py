"""Label propagation: the few labels that there are spread over a graph of unlabelled rows.

Zhou et al., NIPS 2003, "Learning with local and global consistency": with the normalised weights S
of the graph and the labels Y, scores F = (1 - a) (I - a S)^-1 Y. Weights are those of Iscen et al.
(arXiv 1904.04717, sec. 3.1): cosine cubed between nearest neighbours, made symmetric. Classes are
brought to equal mass (Zhu et al., ICML 2003, sec. 4), since each has as many labels.
"""

from collections.abc import Callable

import numpy as np
import torch
from scipy import sparse
from scipy.sparse.linalg import cg
from torch import Tensor

from twinview.evaluation.nearest import nearest
from twinview.evaluation.whitening import whitening

_TOLERANCE = 1e-6  # of the scores: far from the labels they are small


class LabelGraph:
    """Unlabelled rows (n, d) and their nearest neighbours, found once for all draws of labels.

    neighbours: of each row. whitened: cosines are taken between so many whitened principal
    components; 0 leaves the rows as they are.
    """

    def __init__(self, rows: Tensor, *, neighbours: int, whitened: int) -> None:
        self._prepare: Callable[[Tensor], Tensor] = (
            whitening(rows, whitened) if whitened else torch.Tensor.float
        )
        self._rows = self._prepare(rows)
        self._neighbours = neighbours
        weights = self._weights(self._rows, itself=True)
        weights = weights.maximum(weights.T)
        scale = sparse.diags_array(1 / np.sqrt(weights.sum(axis=1).clip(1e-12)))
        self._step = (scale @ weights @ scale).tocsr()

    def votes(self, features: Tensor) -> sparse.csr_array:
        """How much each row has to say on each of the features (m, d): (m, n)."""
        return self._weights(self._prepare(features), itself=False)

    def propagate(
        self, known: Tensor, labels: Tensor, votes: sparse.csr_array, alpha: float
    ) -> Tensor:
        """Labels (m,) of the features that `votes` was made of.

        known: the row numbers (k,) whose labels (k,) are given. alpha: how much of a row's score
        comes from its neighbours; the papers: .99.
        """
        classes = int(labels.max()) + 1
        given = np.zeros((len(self._rows), classes))
        given[known.numpy(), labels.numpy()] = 1
        system = sparse.eye_array(len(given)) - alpha * self._step
        scores = np.stack([cg(system, one, rtol=_TOLERANCE)[0] for one in given.T], axis=1)
        scores = _shares(_shares(scores.clip(0), axis=1), axis=0)
        return torch.from_numpy((votes @ _shares(scores, axis=1)).argmax(1))

    def _weights(self, queries: Tensor, itself: bool) -> sparse.csr_array:
        cosines, rows = nearest(queries, self._rows, self._neighbours + itself)
        if itself:
            cosines = cosines.masked_fill(rows == torch.arange(len(queries))[:, None], 0)
        values = cosines.clamp(min=0).double() ** 3
        places = (torch.arange(len(queries)).repeat_interleave(rows.shape[1]), rows.flatten())
        shape = len(queries), len(self._rows)
        return sparse.csr_array((values.flatten().numpy(), [p.numpy() for p in places]), shape)


def _shares(scores: np.ndarray, axis: int) -> np.ndarray:
    shares: np.ndarray = scores / scores.sum(axis=axis, keepdims=True).clip(1e-12)
    return shares
