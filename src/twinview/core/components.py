"""Things that hang together, directly or by others."""

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components


def connected(size: int, first: np.ndarray, second: np.ndarray) -> NDArray[np.int64]:
    """The number of each node's component: (size,).

    first, second: (m,), the nodes at both ends of each edge.
    """
    edges = coo_array((np.ones(len(first), np.bool_), (first, second)), (size, size))
    components: NDArray[np.int64] = connected_components(edges, directed=False)[1].astype(np.int64)
    return components
