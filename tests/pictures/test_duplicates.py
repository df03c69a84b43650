"""Exact copies, and candidates for near ones beside a loop over all pairs."""

import itertools

import numpy as np
import pytest

from twinview.pictures import duplicates
from twinview.pictures.duplicates import (
    difference_hashes,
    exact_clusters,
    near_pairs,
)


def noise(n: int, *shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (n, *shape), dtype=np.uint8)


def hashes_in_families(seed: int, families: int = 30, each: int = 6) -> np.ndarray:
    """Distinct hashes, a few bits from those of their family; a quarter of all bits is constant."""
    random = np.random.default_rng(seed)
    free = np.uint64(0x0000FFFFFFFFFFFF)
    centres = random.integers(0, 2**63, families, dtype=np.uint64) & free
    changed = [
        np.bitwise_or.reduce(np.uint64(1) << random.integers(0, 48, flips, dtype=np.uint64))
        for flips in random.integers(1, 9, families * each)
    ]
    return random.permutation(np.unique(np.repeat(centres, each) ^ np.array(changed)))


def found_pairs(hashes: np.ndarray, distance: int) -> list[tuple[int, int]]:
    """What near_pairs gives where all positions are equal."""
    blocks = near_pairs(hashes, distance, np.zeros(len(hashes)), 0.0)
    return [tuple(pair) for block in blocks for pair in block.tolist()]


def all_pairs(hashes: np.ndarray, distance: int) -> list[tuple[int, int]]:
    values = [int(of) for of in hashes]
    return [
        (i, j)
        for i, j in itertools.combinations(range(len(values)), 2)
        if (values[i] ^ values[j]).bit_count() <= distance
    ]


@pytest.mark.parametrize("distance", [0, 1, 6, 20, 63])
def test_near_pairs_are_those_of_the_loop_over_all_pairs_each_once(distance: int) -> None:
    hashes = hashes_in_families(distance)
    found = found_pairs(hashes, distance)
    assert sorted(found) == all_pairs(hashes, distance)
    assert distance not in (6, 20) or 0 < len(found) < len(hashes) * (len(hashes) - 1) // 2


def test_blocks_change_no_pair_and_bound_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    hashes = hashes_in_families(1)
    monkeypatch.setattr(duplicates, "_BLOCK", 50)
    blocks = list(near_pairs(hashes, 6, np.zeros(len(hashes)), 0.0))
    assert max(map(len, blocks)) <= 50 and len(blocks) > 3
    assert sorted(tuple(pair) for block in blocks for pair in block.tolist()) == all_pairs(
        hashes, 6
    )


def test_equal_hashes_are_pairs_too() -> None:
    hashes = np.array([7, 3, 7, 2**63, 7], np.uint64)
    assert sorted(found_pairs(hashes, 0)) == [(0, 2), (0, 4), (2, 4)]


def test_pairs_out_of_reach_are_not_given() -> None:
    hashes = hashes_in_families(3)
    positions = np.random.default_rng(0).uniform(-1, 1, len(hashes))
    blocks = near_pairs(hashes, 6, positions, 0.25)
    found = [tuple(pair) for block in blocks for pair in block.tolist()]
    near = [(i, j) for i, j in all_pairs(hashes, 6) if abs(positions[i] - positions[j]) <= 0.25]
    assert sorted(found) == near
    assert 0 < len(near) < len(all_pairs(hashes, 6))


def test_where_all_are_alike_the_nearest_positions_are_paired(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(duplicates, "PARTNERS", 2)
    positions = np.linspace(0, 0.5, 6)
    (block,) = near_pairs(np.full(6, 7, np.uint64), 0, positions, 1.0)
    pairs = [tuple(pair) for pair in block.tolist()]
    assert sorted(pairs) == [(i, j) for i in range(6) for j in (i + 1, i + 2) if j < 6]


@pytest.mark.parametrize("count", [1, 2, 7, 64])
def test_each_bit_is_in_one_band(count: int) -> None:
    masks = [int(mask) for mask in duplicates._band_masks(hashes_in_families(0), count)]
    assert sum(masks) == 2**64 - 1 and sum(mask.bit_count() for mask in masks) == 64
    assert max(mask.bit_count() for mask in masks) - min(mask.bit_count() for mask in masks) <= 1


def test_bands_share_the_constant_bits() -> None:
    constant = 0xFFFF000000000000
    shared = [
        (int(mask) & constant).bit_count()
        for mask in duplicates._band_masks(hashes_in_families(0, families=200), 7)
    ]
    assert max(shared) - min(shared) <= 1


def test_exact_copies_have_the_same_bytes() -> None:
    x = noise(6, 3, 5, 4)
    x[4], x[5] = x[1], x[1]
    x[5, 2, 4, 3] ^= 1
    assert exact_clusters(x).tolist() == [0, 1, 2, 3, 1, 5]


def test_a_memory_map_is_read_as_an_array(tmp_path: object) -> None:
    path, x = f"{tmp_path}/x.npy", noise(4, 1, 9, 9)
    x[3] = x[0]
    np.save(path, x)
    mapped = np.load(path, mmap_mode="r")
    assert exact_clusters(mapped).tolist() == [0, 1, 2, 0]


def test_bits_say_whether_a_pixel_is_darker_than_its_right_neighbour() -> None:
    x = noise(20, 1, 8, 9)  # of this size, shrinking changes nothing
    for picture, found in zip(x[:, 0].tolist(), difference_hashes(x).tolist(), strict=True):
        bits = [row[k] < row[k + 1] for row in picture for k in range(8)]
        assert found == int("".join("01"[bit] for bit in bits), 2)


@pytest.mark.parametrize("scale", [2, 5])
def test_a_picture_in_a_multiple_of_its_size_has_the_same_hash(scale: int) -> None:
    x = noise(20, 3, 8, 9)
    large = x.repeat(scale, axis=2).repeat(scale, axis=3)
    assert difference_hashes(large).tolist() == difference_hashes(x).tolist()


def test_the_luma_is_pillow_s() -> None:
    image = pytest.importorskip("PIL.Image")
    x = noise(3, 3, 8, 9)
    grey = [np.asarray(image.fromarray(of.transpose(1, 2, 0)).convert("L")) for of in x]
    assert np.array_equal(duplicates._luma(x)[:, 0], np.stack(grey))


@pytest.mark.parametrize("shape", [(1, 28, 28), (3, 37, 50), (3, 5, 4)])
def test_pictures_of_one_colour_have_the_hash_zero(shape: tuple[int, ...]) -> None:
    x = np.broadcast_to(noise(9, shape[0], 1, 1), (9, *shape)).copy()
    assert difference_hashes(x).tolist() == [0] * 9


def test_blocks_change_no_hash(monkeypatch: pytest.MonkeyPatch) -> None:
    x = noise(11, 3, 20, 30)
    whole = difference_hashes(x)
    monkeypatch.setattr(duplicates, "_BLOCK", 4 * 3 * 20 * 30)
    assert difference_hashes(x).tolist() == whole.tolist()


def test_no_pictures_have_no_clusters() -> None:
    none = noise(0, 1, 9, 9)
    assert len(exact_clusters(none)) == 0
