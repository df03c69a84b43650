"""The mean of a text's vectors, in which positions without a token do not count."""

from torch import Tensor


def masked_mean(vectors: Tensor, weights: Tensor) -> Tensor:
    """The mean (n, d) of vectors (n, t, d), weighted by (n, t); zeros without any weight."""
    total = weights.sum(1, keepdim=True)
    shares = weights / total.masked_fill(total == 0, 1)
    mean: Tensor = (shares[:, None, :].to(vectors.dtype) @ vectors).squeeze(1)
    return mean
