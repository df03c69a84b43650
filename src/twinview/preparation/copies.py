"""Which examples of a source are copies of each other."""

from collections.abc import Callable, Iterator

import numpy as np

from twinview.data.copies import Copies
from twinview.pictures.duplicates import exact_clusters
from twinview.pictures.near_copies import near_clusters

_ROWS = 1000


def find_copies(
    read: Callable[[np.ndarray], np.ndarray], count: int, *, are_pictures: bool
) -> Copies:
    """The exact copies, and the near ones where examples are pictures.

    Parameters
    ----------
    read : the examples of some rows. It is called for a few megabytes at a time, twice or more for
        each row.
    count : the number of examples.
    are_pictures : whether they are uint8 (n, c, h, w) with 1 or 3 channels; other examples have
        exact copies only.
    """
    exact = exact_clusters(_one_by_one(read, count))
    return Copies(exact, near_clusters(read, exact) if are_pictures else exact)


def _one_by_one(read: Callable[[np.ndarray], np.ndarray], count: int) -> Iterator[np.ndarray]:
    for start in range(0, count, _ROWS):
        yield from read(np.arange(start, min(start + _ROWS, count)))
