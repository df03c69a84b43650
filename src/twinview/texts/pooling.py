"""The mean of a text's vectors, in which positions without a token do not count."""

from torch import Tensor


def masked_mean(vectors: Tensor, tokens: Tensor) -> Tensor:
    """The mean (n, d) of the vectors (n, t, d) of tokens (n, t); zeros where there is no token."""
    mean: Tensor = (shares((tokens != 0).to(vectors.dtype))[:, None, :] @ vectors).squeeze(1)
    return mean


def shares(weights: Tensor) -> Tensor:
    """Weights (n, t) that sum to 1 in each row; a row of zeros stays."""
    total = weights.sum(1, keepdim=True)
    divided: Tensor = weights / total.masked_fill(total == 0, 1)
    return divided
