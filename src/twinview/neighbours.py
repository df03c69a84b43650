"""The nearest rows by cosine, found in parts that bound the memory."""

import torch
from torch import Tensor

_ROWS = 1000


def nearest(bank: Tensor, queries: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """Cosines (m, k), the highest first, and row numbers (m, k) of each query's nearest rows.

    bank: (n, d), queries: (m, d), of length 1. k: count, or n where there are fewer.
    """
    found = [(part @ bank.T).topk(min(count, len(bank)), dim=1) for part in queries.split(_ROWS)]
    return torch.cat([cosines for cosines, _ in found]), torch.cat([rows for _, rows in found])
