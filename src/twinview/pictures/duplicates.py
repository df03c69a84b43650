"""Exact copies of pictures by their bytes, and candidates for near ones by a difference hash.

near_copies.py compares the pixels of the candidates.

The difference hash (dHash) is that of N. Krawetz, "Kind of Like That", hackerfactor.com, 2013: of
the picture shrunk to 9 columns and 8 rows, each bit says whether a pixel is darker than the pixel
to its right. Pairs of near hashes are found by their bands, as in multi-index hashing (Norouzi,
Punjani and Fleet, arXiv 1307.2982).
"""

import hashlib
from collections.abc import Iterable, Iterator

import numpy as np
import torch
import torch.nn.functional as F

from twinview.core.components import connected

DISTANCE = 6  # bits of 64; near duplicates differ in no more
PARTNERS = 1024  # of each hash in each band
_BITS = 64
_BLOCK = 2**20  # values that are held at a time: pixels, or pairs of hashes
# Pillow's luma of colour, in whole numbers, so that pixels of one colour have one luma.
_LUMA, _LUMA_SHIFT = (19595, 38470, 7471), 16


def exact_clusters(pictures: Iterable[np.ndarray]) -> np.ndarray:
    """(n,) int64: for each picture the first row that holds the same bytes, often its own.

    Pictures are compared by a hash of 128 bits. pictures: arrays of one shape and type, or one
    array of them all; a memory map is read row by row.
    """
    first: dict[bytes, int] = {}
    hashes = (hashlib.blake2b(picture.tobytes(), digest_size=16).digest() for picture in pictures)
    return np.array([first.setdefault(of, row) for row, of in enumerate(hashes)], dtype=np.int64)


def near_pairs(
    hashes: np.ndarray, distance: int, positions: np.ndarray, reach: float
) -> Iterator[np.ndarray]:
    """The pairs of rows with near hashes and near positions, each once, in blocks (m, 2).

    In each pair, first < second. A pair is at most `distance` bits and at most `reach` apart.

    The bits are dealt to distance + 1 bands. Two hashes that differ in `distance` bits are equal
    in one band at least, so that only hashes with an equal band are compared. Each band gets
    evenly distributed and nearly constant bits alike, since a band of constant bits would have
    all hashes compared. Among the hashes that are equal in a band, each is compared with the next
    PARTNERS ones within reach, in the order of the positions. So the time is bounded where all
    pictures look alike, as those of a fixed camera do, and then some pairs are not given.

    Parameters
    ----------
    hashes : (n,) uint64.
    distance : from 0 to 63.
    positions : (n,) float, from -1 to 1.
    reach : from 0 to 1. The memory does not depend on the number of pairs.
    """
    if len(hashes) < 2:
        return
    masks = _band_masks(hashes, distance + 1)
    for number, mask in enumerate(masks):
        for first, second in _equal_pairs(hashes & mask, positions, reach):
            differing = hashes[first] ^ hashes[second]
            near = np.bitwise_count(differing) <= distance
            for earlier in masks[:number]:  # a pair of an earlier band was given there
                near &= (differing & earlier) != 0
            if near.any():
                yield np.sort(np.stack([first[near], second[near]], axis=1), axis=1)


def difference_hashes(pictures: np.ndarray) -> np.ndarray:
    """(n,) uint64, the difference hash of each picture, uint8 (n, c, h, w) with 1 or 3 channels.

    Each pixel of the small picture is the mean over its part of the large one (torch's area
    interpolation). A picture of one colour has the hash 0.
    """
    size = max(1, _BLOCK // max(1, pictures[:1].size))
    blocks = [pictures[start : start + size] for start in range(0, len(pictures), size)]
    return np.concatenate([np.empty(0, np.uint64), *map(_block_hashes, blocks)])


def joined(cluster: np.ndarray, pairs: np.ndarray) -> np.ndarray:
    """The clusters (n,), numbered anew, after the rows of each pair were put into one."""
    numbers: np.ndarray = connected(len(cluster), *cluster[pairs].T)[cluster]
    return numbers


def _block_hashes(pictures: np.ndarray) -> np.ndarray:
    x = torch.from_numpy(_luma(pictures))
    small = F.interpolate(x, size=(8, 9), mode="area").numpy()
    bits = small[:, 0, :, 1:] > small[:, 0, :, :-1]
    packed = np.packbits(bits.reshape(len(bits), _BITS), axis=1)
    hashes: np.ndarray = packed.view(">u8")[:, 0].astype(np.uint64)
    return hashes


def _luma(pictures: np.ndarray) -> np.ndarray:
    """(n, 1, h, w) float64, whole numbers."""
    if pictures.shape[1] == 1:
        return pictures.astype(np.float64)
    weighted = np.einsum("nchw,c->nhw", pictures.astype(np.int64), np.array(_LUMA))
    rounded: np.ndarray = (weighted + (1 << _LUMA_SHIFT - 1)) >> _LUMA_SHIFT
    return rounded[:, None].astype(np.float64)


def _band_masks(hashes: np.ndarray, count: int) -> list[np.uint64]:
    """The masks of the bands; bits go to them in turn, the most evenly distributed ones first."""
    positions = np.arange(_BITS, dtype=np.uint64)
    share = np.array([(hashes >> position & np.uint64(1)).mean() for position in positions])
    order = positions[np.argsort(np.abs(share - 0.5), kind="stable")]
    return [
        np.bitwise_or.reduce(np.uint64(1) << order[band::count], initial=np.uint64(0))
        for band in range(count)
    ]


def _equal_pairs(
    keys: np.ndarray, positions: np.ndarray, reach: float
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """The pairs of rows with equal keys and near positions, each once, in blocks of some pairs.

    In the order of the keys, then of the positions, the partners of a row are those that follow it
    up to the last one in reach.
    """
    order = np.lexsort((positions, keys))
    run = np.cumsum(np.diff(keys[order], prepend=keys[order[:1]]) != 0)
    places = 4.0 * run + positions[order]  # rows with other keys are out of reach
    rows = np.arange(len(keys))
    ends = np.minimum(np.searchsorted(places, places + reach, side="right"), rows + 1 + PARTNERS)
    partners = ends - rows - 1
    total = np.concatenate([[0], np.cumsum(partners)])
    start = 0
    while start < len(keys):
        # Whole rows, which have at most PARTNERS pairs each.
        end = max(start + 1, int(np.searchsorted(total, total[start] + _BLOCK, side="right")) - 1)
        first = np.repeat(rows[start:end], partners[start:end])
        offset = np.arange(total[start], total[end]) - np.repeat(
            total[start:end], partners[start:end]
        )
        yield order[first], order[first + 1 + offset]
        start = end
