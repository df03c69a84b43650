"""NT-Xent: normalised temperature-scaled cross-entropy (SimCLR, arXiv 2002.05709, eq. 1)."""

from typing import Annotated

import torch
import torch.nn.functional as F
from annotated_types import Gt
from torch import Tensor


def nt_xent(z: Tensor, labels: Tensor | None, *, temperature: Annotated[float, Gt(0)]) -> Tensor:
    """Mean cross-entropy of naming the other view of the same example.

    z: (2, n, d), any scale but zero. labels are not looked at. Every other embedding of the batch,
    2n - 2 of them, is a negative. Blind to rotation and to order; near log(2n - 1) for embeddings
    that say nothing. SimCLR: temperature .1 (ImageNet) to .5 (CIFAR-10).
    """
    views, n, _ = z.shape
    assert views == 2, "NT-Xent compares two views"
    unit = F.normalize(z.flatten(0, 1), dim=1)
    similarity = unit @ unit.T / temperature
    # Minus infinity and not a subtraction: the self pair leaves the sum exactly.
    itself = torch.eye(2 * n, dtype=torch.bool, device=z.device)
    partner = torch.arange(2 * n, device=z.device).roll(n)
    return F.cross_entropy(similarity.masked_fill(itself, -torch.inf), partner)
