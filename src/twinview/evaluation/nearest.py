"""The nearest rows by cosine, exactly.

Rows of many features are compared by upper bounds of their cosines first, which a few directions
give: with rows of length one x = (a, b), where a lies in the directions, the cosine of x and y is
at most a.a' + |b| |b'| (Cauchy and Schwarz). Cosines are computed only where a bound allows it.
"""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

# The most queries that are compared at once, and the most cosines of them, which bound the memory.
# Products of blocks of other sizes round otherwise: banks up to 67,108 rows have the same block.
_ROWS, _COSINES = 1000, 2**26
_VALUES = 2**24  # the most features of pairs of rows that are multiplied at once
_GROUP = 64  # columns of a table, of which the largest value is looked at first
_DIRECTIONS, _SAMPLE = 256, 4096  # of the bounds, and the rows from which they are computed
_ROUNDING = 1e-6  # of a squared length, so that no bound is too small

Nearest = tuple[Tensor, Tensor]  # cosines and rows of the bank, (m, k) each


class Bounds(NamedTuple):
    """Upper bounds of cosines. directions: (d, k), orthonormal. rows: (n, k + 1), a and |b|."""

    directions: Tensor
    rows: Tensor

    @classmethod
    def of(cls, bank: Tensor, lengths: Tensor, count: int) -> "Bounds":
        """The bounds by about the `count` directions in which the rows (n, d) are longest.

        Any directions give true bounds, so a sample of the rows and few steps are enough.
        """
        sample = bank[:: max(1, len(bank) // _SAMPLE)]
        sample = sample / sample.norm(dim=1, keepdim=True).clamp(min=1e-12)
        directions = sample[:: len(sample) // count][:count].T
        for _ in range(3):
            directions = torch.linalg.qr(sample.T @ (sample @ directions)).Q
        return cls(directions, _with_rest(bank @ directions / lengths[:, None]))

    def above(self, queries: Tensor, out: Tensor) -> Tensor:
        """The bounds (m, n). queries: (m, d), of length one."""
        return torch.mm(_with_rest(queries @ self.directions), self.rows.T, out=out)


def nearest(queries: Tensor, bank: Tensor, count: int, bounds: Bounds | None = None) -> Nearest:
    """Cosines and row numbers of each query's nearest rows of the bank, in descending order.

    Parameters
    ----------
    queries : (m, d), of any length.
    bank : (n, d), of any length.
    count : the number of rows for each query; a bank with fewer rows gives all of them.
    bounds : of the bank; None: they are computed where they make the search faster.

    Returns
    -------
    cosines : (m, count), in the type of the queries.
    rows : (m, count) int64, numbers of rows of the bank.
    """
    # The products are divided by the lengths: normalising the bank, the largest tensor here, would
    # copy it.
    lengths, k = bank.norm(dim=1).clamp(min=1e-12), min(count, len(bank))
    if bounds is None and min(len(queries), len(bank)) > _ROWS and bank.shape[1] > 3 * _DIRECTIONS:
        bounds = Bounds.of(bank, lengths, _DIRECTIONS)
    cosines = queries.new_empty(len(queries), k)
    rows = torch.empty(len(queries), k, dtype=torch.long)
    # All results have their memory before the loop; allocated between the products they would leave
    # holes, and the heap would grow.
    size = max(1, min(_ROWS, len(queries), _COSINES // max(1, len(bank))))
    products = queries.new_empty(size, len(bank))
    for first in range(0, len(queries), size):
        part, block = F.normalize(queries[first : first + size], dim=1), slice(first, first + size)
        table = products[: len(part)]
        if bounds is None:
            _compare(part, bank, lengths, table, (cosines[block], rows[block]))
        else:
            cosines[block], rows[block] = _search(part, bank, lengths, table, bounds, k)
    return cosines, rows


def _compare(queries: Tensor, bank: Tensor, lengths: Tensor, table: Tensor, out: Nearest) -> None:
    """Writes the nearest of all rows. queries: (m, d), of length one."""
    torch.mm(queries, bank.T, out=table).div_(lengths)
    for result, values in zip(out, _largest(table, out[0].shape[1]), strict=True):
        result.copy_(values)


def _search(
    queries: Tensor, bank: Tensor, lengths: Tensor, table: Tensor, bounds: Bounds, k: int
) -> Nearest:
    """The nearest rows, of those whose bounds are above the cosines of k others."""
    above, candidates = _largest(bounds.above(queries, table), min(len(bank), 4 * k + 40))
    cosines = torch.full_like(above, -torch.inf)
    wanted = torch.zeros_like(above, dtype=torch.bool)
    wanted[:, :k] = True
    for _ in range(2):
        places = wanted.nonzero()
        pairs = places[:, 0], candidates[wanted]
        cosines[wanted] = _products(queries, bank, pairs) / lengths[pairs[1]]
        wanted = (above > cosines[:, :k].amin(1, keepdim=True)) & cosines.isinf()
    found, order = cosines.topk(k, dim=1)
    rows = candidates.gather(1, order)
    # There may be nearer rows beyond the candidates.
    unsure = (above[:, -1] > found[:, -1]).nonzero().squeeze(1)
    if len(unsure) and candidates.shape[1] < len(bank):
        all_of = found[unsure], rows[unsure]
        _compare(queries[unsure], bank, lengths, table[: len(unsure)], all_of)
        found[unsure], rows[unsure] = all_of
    return found, rows


def _products(queries: Tensor, bank: Tensor, pairs: tuple[Tensor, Tensor]) -> Tensor:
    """The products (p,) of pairs of rows, which are given by the numbers of both."""
    size = max(1, _VALUES // bank.shape[1])
    parts = zip(*(numbers.split(size) for numbers in pairs), strict=True)
    return torch.cat([torch.linalg.vecdot(queries[i], bank[j]) for i, j in parts])


def _with_rest(rows: Tensor) -> Tensor:
    """Rows (n, k) of length one or less, and the length (n, 1) of what they lack."""
    lacking = (1 - rows.square().sum(1, keepdim=True)).clamp(min=0) + _ROUNDING
    return torch.cat([rows, lacking.sqrt()], dim=1)


def _largest(table: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """The k largest values of each row and their columns (m, k), in descending order.

    They lie in those k groups of columns whose largest values are the largest, which are few.
    """
    groups = table.shape[1] // _GROUP
    if groups <= 2 * k:
        return table.topk(k, dim=1)
    whole = table[:, : groups * _GROUP].unflatten(1, (groups, _GROUP))
    chosen = whole.amax(2).topk(k, dim=1).indices
    columns = (chosen[:, :, None] * _GROUP + torch.arange(_GROUP)).flatten(1)
    rest = torch.arange(groups * _GROUP, table.shape[1]).expand(len(table), -1)
    columns = torch.cat([columns, rest], dim=1)
    values, places = table.gather(1, columns).topk(k, dim=1)
    return values, columns.gather(1, places)
