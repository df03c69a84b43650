"""Moves and exchanges whole groups until neither brings the splits nearer to the wishes.

The distance is Pearson's chi-squared statistic, sum (observed - expected)^2 / expected over all
splits and classes, and over the splits' sizes as if all examples were one more class.
"""

from typing import Any

import numpy as np
import scipy.sparse
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
_MOST_STEPS = 2000  # with so many groups that this matters, the start is good
_MOST_EXCHANGED = 1000
_LEAST_GAIN = 1e-9


def fill_empty(assigned: Ints, order: Ints, splits: int) -> Ints:
    """The same splits, with a unit in each.

    Parameters
    ----------
    assigned : (u,) the number of each unit's split; `splits` is the number of those in none.
    order : the units that may move. They come from no split, or else from the one with most units.
    splits : how many splits there are.
    """
    filled = assigned.copy()
    for split in range(splits):
        if not (filled == split).any():
            counts = np.bincount(filled, minlength=splits + 1)
            counts[splits] = len(filled)
            backwards = order[::-1]
            filled[backwards[counts[filled[backwards]].argmax()]] = split
    return filled


def balance(assigned: Ints, class_counts: Any, free: NDArray[np.bool_], wishes: Floats) -> Ints:
    """The same splits, after moves and exchanges of which each lowers the distance the most.

    In the end no move of a unit lowers it, nor, among up to 1,000 units, an exchange of two.

    Parameters
    ----------
    assigned : (u,) the number of each unit's split; no split loses its last unit.
    class_counts : (u, k) sparse, the examples of each class in each unit.
    free : (u,) whether the unit may move.
    wishes : (s + 1,) the examples wished for in each split, and at the end of those in none.
    """
    counts = scipy.sparse.hstack([class_counts, class_counts.sum(axis=1)[:, None]]).tocsr()
    open_splits = np.flatnonzero(wishes > _LEAST_GAIN)
    place = np.searchsorted(open_splits, assigned)
    expected = np.outer(wishes[open_splits] / wishes.sum(), counts.sum(axis=0))
    products = _products(counts, expected) if len(place) <= _MOST_EXCHANGED else None
    for _ in range(_MOST_STEPS):
        gains = _gains(place, counts, expected)
        gains[~free] = 0
        last = np.bincount(place)[place] == 1
        gain, unit, split = _best(np.where(last[:, None], 0, gains))
        if gain >= _LEAST_GAIN:
            place[unit] = split
            continue
        if products is None:
            break
        gain, unit, other = _best(_exchange_gains(place, gains, free, products))
        if gain < _LEAST_GAIN:
            break
        place[[unit, other]] = place[[other, unit]]
    return open_splits[place]


def _gains(place: Ints, counts: Any, expected: Floats) -> Floats:
    """How much the move of each unit to each split lowers the distance: (u, s)."""
    units = np.arange(len(place))
    shape = (len(expected), len(place))
    indicator = scipy.sparse.csr_array((np.ones(len(place)), (place, units)), shape)
    excess = (indicator @ counts).toarray() / expected - 1
    # For x examples of a class, (observed + x - expected)^2 / expected grows by linear + squared
    # where they come, and by squared - linear where they go.
    linear = 2 * (counts @ excess.T)
    squared = counts.power(2) @ (1 / expected).T
    gains: Floats = (linear - squared)[units, place][:, None] - (linear + squared)
    gains[units, place] = 0
    return gains


def _products(counts: Any, expected: Floats) -> Floats:
    """For each split the products of all units' examples over the expected ones: (s, u, u)."""
    dense = counts.toarray()
    return np.stack([(dense / row) @ dense.T for row in expected])


def _exchange_gains(
    place: Ints, gains: Floats, free: NDArray[np.bool_], products: Floats
) -> Floats:
    """How much the exchange of two units lowers the distance: (u, u).

    That is what both moves gain alone, and twice the products, since (x - y)^2 lies by 2 x y below
    x^2 + y^2.
    """
    towards = gains[:, place]
    product = products[place, np.arange(len(place))]
    exchanges: Floats = towards + towards.T + 2 * (product + product.T)
    exchanges[~(free[:, None] & free) | (place[:, None] == place)] = 0
    return exchanges


def _best(gains: Floats) -> tuple[float, int, int]:
    """The largest gain, its row and its column."""
    # Gains that are equal by definition are equal after rounding on any machine.
    row, column = divmod(int(gains.round(9).argmax()), gains.shape[1])
    return float(gains[row, column]), row, column
