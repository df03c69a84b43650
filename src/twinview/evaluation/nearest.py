"""The nearest rows by cosine."""

import torch
import torch.nn.functional as F
from torch import Tensor

_ROWS = 1000  # the number of queries that are compared at once, which bounds the memory


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
    products = queries.new_empty(min(_ROWS, len(queries)), len(bank))
    for first in range(0, len(queries), _ROWS):
        part = F.normalize(queries[first : first + _ROWS], dim=1)
        table = torch.mm(part, bank.T, out=products[: len(part)]).div_(lengths)
        block = slice(first, first + _ROWS)
        torch.topk(table, k, dim=1, out=(cosines[block], rows[block]))
    return cosines, rows
