"""Embeddings of classes that overlap."""

import torch

from twinview.core.types import Embeddings


def overlapping(n: int, d: int = 6, seed: int = 0) -> Embeddings:
    """Three classes of 1 : 2 : 3 that overlap; features of very different means and scales."""
    random = torch.Generator().manual_seed(seed)
    labels = torch.tensor([0, 1, 1, 2, 2, 2])[torch.arange(n) % 6]
    centres = torch.randn(3, d, generator=torch.Generator().manual_seed(99))
    z = centres[labels] + 1.2 * torch.randn(n, d, generator=random)
    return Embeddings(z * torch.logspace(-2, 2, d) + torch.arange(d), labels, torch.arange(n))
