"""The nearest rows by cosine."""

import torch
import torch.nn.functional as F
from torch import Tensor

_ROWS = 1000  # queries compared at once; bounds the memory


def nearest(queries: Tensor, bank: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """Cosines and row numbers, both (m, count), of each query's nearest rows of bank, best first.

    queries: (m, d), bank: (n, d), of any length. With fewer than `count` rows in the bank, all.
    """
    # Dividing by lengths afterwards spares a second copy of the bank, the largest tensor here.
    lengths, k = bank.norm(dim=1).clamp(min=1e-12), min(count, len(bank))
    parts = F.normalize(queries, dim=1).split(_ROWS)
    found = [(part @ bank.T / lengths).topk(k, dim=1) for part in parts]
    return torch.cat([cosines for cosines, _ in found]), torch.cat([rows for _, rows in found])
