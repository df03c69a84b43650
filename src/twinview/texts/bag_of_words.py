"""TF-IDF, reduced by truncated SVD and at length 1: what an encoder of texts has to beat.

Counts are damped to 1 + log (sublinear), and weights are those of scikit-learn. The reduction is
latent semantic analysis (Deerwester et al. 1990, doi 10.1002/(SICI)1097-4571(199009)41:6).
"""

from collections.abc import Mapping

import numpy as np
import torch
import torch.nn.functional as F
from scipy.sparse import csr_matrix
from torch import Tensor

COMPONENTS = 256
_ROWS = 4096


def fit(tokens: Tensor, size: int) -> dict[str, Tensor]:
    """The weights idf (size,) and the directions components (size, d), by the train texts.

    tokens: (n, t). size: of the vocabulary.
    """
    from sklearn.decomposition import TruncatedSVD

    counts = count(tokens, size)
    frequency = np.bincount(counts.indices, minlength=size)
    idf = np.log((1 + len(tokens)) / (1 + frequency)) + 1
    idf_weights = torch.from_numpy(idf).float()
    weighted = tf_idf(tokens, idf_weights)
    most = min(COMPONENTS, min(weighted.shape) - 1)
    model = TruncatedSVD(most, random_state=0).fit(weighted)
    components = np.ascontiguousarray(model.components_.T)
    return {"idf": idf_weights, "components": torch.from_numpy(components).float()}


def features(tokens: Tensor, fitted: Mapping[str, Tensor]) -> Tensor:
    """The features (n, d) float32, at length 1, of texts (n, t); those of an empty text are 0."""
    components = fitted["components"].numpy()
    parts = [
        torch.from_numpy(tf_idf(part, fitted["idf"]) @ components) for part in tokens.split(_ROWS)
    ]
    return F.normalize(torch.cat(parts).float(), dim=1)


def tf_idf(tokens: Tensor, idf: Tensor) -> csr_matrix:
    """TF-IDF (n, size) of texts (n, t), each row at length 1."""
    from sklearn.preprocessing import normalize

    counts = count(tokens, len(idf))
    counts.data = (1 + np.log(counts.data)) * idf.numpy()[counts.indices]
    weighted: csr_matrix = normalize(counts, copy=False)
    return weighted


def count(tokens: Tensor, size: int) -> csr_matrix:
    """How often each text has each token: (n, size) float32, without what is no token."""
    rows, columns = (tokens != 0).nonzero(as_tuple=True)
    values = np.ones(len(rows), np.float32)
    numbers = tokens[rows, columns].numpy()
    counts = csr_matrix((values, (rows.numpy(), numbers)), shape=(len(tokens), size))
    counts.sum_duplicates()
    return counts
