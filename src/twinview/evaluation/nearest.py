"""The nearest rows by cosine."""

import torch
import torch.nn.functional as F
from torch import Tensor

# The most queries that are compared at once, and the most cosines of them, which bound the memory.
# Products of blocks of other sizes round otherwise: banks up to 67,108 rows have the same block.
_ROWS, _COSINES = 1000, 2**26


def nearest(queries: Tensor, bank: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """Cosines and row numbers of each query's nearest rows of the bank, in descending order.

    Parameters
    ----------
    queries : (m, d), of any length.
    bank : (n, d), of any length.
    count : the number of rows for each query; a bank with fewer rows gives all of them.

    Returns
    -------
    cosines : (m, count), in the type of the queries.
    rows : (m, count) int64, numbers of rows of the bank.
    """
    # The products are divided by the lengths: normalising the bank, the largest tensor here, would
    # copy it.
    lengths, k = bank.norm(dim=1).clamp(min=1e-12), min(count, len(bank))
    cosines = queries.new_empty(len(queries), k)
    rows = torch.empty(len(queries), k, dtype=torch.long)
    # All results have their memory before the loop; allocated between the products they would leave
    # holes, and the heap would grow.
    size = max(1, min(_ROWS, len(queries), _COSINES // max(1, len(bank))))
    products = queries.new_empty(size, len(bank))
    for first in range(0, len(queries), size):
        part = F.normalize(queries[first : first + size], dim=1)
        table = torch.mm(part, bank.T, out=products[: len(part)]).div_(lengths)
        block = slice(first, first + size)
        torch.topk(table, k, dim=1, out=(cosines[block], rows[block]))
    return cosines, rows
