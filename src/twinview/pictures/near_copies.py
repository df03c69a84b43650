"""Near copies of pictures: candidates by their difference hashes, kept where the pixels agree.

Difference hashes alone are not enough: of 70,000 small garments on black, most are linked by chains
of near hashes. The pixels of two candidates have to correlate, which ignores how light and how rich
in contrast a picture is. A copy that was compressed again, scaled or made darker is found. One that
was cropped, mirrored or turned is not.
"""

from collections.abc import Callable

import numpy as np
import torch
import torch.nn.functional as F

from twinview.pictures.duplicates import DISTANCE, difference_hashes, joined, near_pairs

Read = Callable[[np.ndarray], np.ndarray]

CORRELATION = 0.99  # of the pixels of near copies, at least
SIDE = 32  # pictures are compared at no more pixels a side, since noise is averaged out then
_VALUES = 2**22  # pixels that are held at a time
_SAMPLE = 1024  # pictures from which the directions are computed
_DIRECTIONS = (4, 32)  # how many directions are compared before the pixels are
_ROUNDING = 1e-4


def near_clusters(read: Read, exact: np.ndarray) -> np.ndarray:
    """(n,) int64: for each picture the first row of its cluster of exact and near copies.

    A cluster holds whatever is linked by a chain of near pairs. Pictures of one colour have only
    exact copies.

    Parameters
    ----------
    read : the pictures of some rows, uint8 (m, c, h, w) with 1 or 3 channels. It is called for a
        few megabytes at a time.
    exact : (n,), what exact_clusters returns of the pictures.
    """
    originals = np.flatnonzero(exact == np.arange(len(exact)))
    clusters = exact.copy()
    if len(originals) < 2:
        return clusters
    sketches, hashes, plain = _sketches(read, originals)
    rows, sketches, hashes = originals[~plain], sketches[~plain], hashes[~plain]
    cluster = np.arange(len(rows))
    reach = float(np.sqrt(2 * (1 - CORRELATION))) + _ROUNDING  # the distance of such unit vectors
    for pairs in near_pairs(hashes, DISTANCE, sketches[:, 0], reach):
        pairs = pairs[cluster[pairs[:, 0]] != cluster[pairs[:, 1]]]
        for count in _DIRECTIONS:
            pairs = pairs[_distances(sketches[:, :count], pairs) <= reach]
        pairs = pairs[_correlations(read, rows[pairs]) >= CORRELATION]
        cluster = joined(cluster, pairs) if len(pairs) else cluster
    first = np.full(len(rows), len(exact))
    np.minimum.at(first, cluster, rows)
    clusters[rows] = first[cluster]
    found: np.ndarray = clusters[exact]
    return found


def _sketches(read: Read, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Of each picture: its unit along a few directions, its hash, and whether it has one colour.

    The directions are the first principal ones of a sample. They are orthonormal, so two sketches
    are never farther apart than the units, and a pair that is too far apart in them is no pair.
    """
    sample = _units(read(rows[:: max(1, len(rows) // _SAMPLE)][:_SAMPLE]))
    directions = _principal_directions(sample, _DIRECTIONS[-1])
    sketches = np.empty((len(rows), directions.shape[1]), np.float32)
    hashes = np.empty(len(rows), np.uint64)
    plain = np.empty(len(rows), np.bool_)
    size = _rows_at_a_time(read, rows)
    for start in range(0, len(rows), size):
        block = slice(start, start + size)
        pictures = read(rows[block])
        units = _units(pictures)
        sketches[block], hashes[block] = units @ directions, difference_hashes(pictures)
        plain[block] = np.linalg.norm(units, axis=1) < 0.5
    return sketches, hashes, plain


def _principal_directions(rows: np.ndarray, count: int) -> np.ndarray:
    """(d, k): at most `count` orthonormal directions in which rows (n, d) vary most, in order.

    They come from the products of the rows, since a singular value decomposition of the rows
    takes ten times as long. QR makes them orthonormal also where rows vary in fewer directions.
    """
    centred = rows - rows.mean(axis=0)
    weights = np.linalg.eigh(centred @ centred.T)[1][:, ::-1][:, :count]
    directions: np.ndarray = np.linalg.qr(centred.T @ weights)[0]
    return directions


def _rows_at_a_time(read: Read, rows: np.ndarray) -> int:
    return max(1, _VALUES // read(rows[:1]).size)


def _units(pictures: np.ndarray) -> np.ndarray:
    """(n, d) float32: the pixels, less their mean, at length 1; almost 0 where all are equal."""
    x = torch.from_numpy(np.ascontiguousarray(pictures)).float()
    sides = x.shape[2:]
    if max(sides) > SIDE:
        size = [max(1, round(side * SIDE / max(sides))) for side in sides]
        x = F.interpolate(x, size, mode="area")
    x = x.flatten(1)
    units: np.ndarray = F.normalize(x - x.mean(dim=1, keepdim=True), eps=1.0).numpy()
    return units


def _distances(points: np.ndarray, pairs: np.ndarray) -> np.ndarray:
    distances: np.ndarray = np.linalg.norm(points[pairs[:, 0]] - points[pairs[:, 1]], axis=1)
    return distances


def _correlations(read: Read, pairs: np.ndarray) -> np.ndarray:
    found = [np.empty(0, np.float32)]
    size = _rows_at_a_time(read, pairs[0]) if len(pairs) else 1
    for start in range(0, len(pairs), size):
        rows, places = np.unique(pairs[start : start + size], return_inverse=True)
        units = _units(read(rows))
        first, second = places.reshape(-1, 2).T
        found.append(np.einsum("nd,nd->n", units[first], units[second]))
    return np.concatenate(found)
