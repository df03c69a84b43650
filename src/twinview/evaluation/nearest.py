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
    cosines, rows = (
        queries.new_empty(len(queries), k),
        torch.empty(len(queries), k, dtype=torch.long),
    )
    # Results that were allocated between the products would leave holes, and the heap would grow.
    of_all = queries.new_empty(min(_ROWS, len(queries)), len(bank))
    for first in range(0, len(queries), _ROWS):
        part = F.normalize(queries[first : first + _ROWS], dim=1)
        found = torch.mm(part, bank.T, out=of_all[: len(part)]).div_(lengths)
        torch.topk(
            found, k, dim=1, out=(cosines[first : first + _ROWS], rows[first : first + _ROWS])
        )
    return cosines, rows
