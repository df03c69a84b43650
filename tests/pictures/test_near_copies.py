"""Near copies: altered copies are found, similar pictures are not, beside a loop over all pairs."""

import io
import itertools

import numpy as np
import pytest
from PIL import Image as Picture

from twinview.pictures import near_copies
from twinview.pictures.duplicates import DISTANCE, difference_hashes, exact_clusters
from twinview.pictures.near_copies import CORRELATION, SIDE, near_clusters


def scenes(n: int, channels: int, side: int, seed: int = 0) -> np.ndarray:
    """Smooth random pictures: noise of 6 x 6 values, enlarged."""
    random = np.random.default_rng(seed)
    small = random.integers(20, 200, (n, channels, 6, 6), dtype=np.uint8)
    size = (side, side)
    enlarged = [
        [
            np.asarray(Picture.fromarray(plane).resize(size, Picture.Resampling.BICUBIC))
            for plane in of
        ]
        for of in small
    ]
    return np.array(enlarged)


def compressed(picture: np.ndarray) -> np.ndarray:
    file = io.BytesIO()
    Picture.fromarray(picture.transpose(1, 2, 0)).save(file, format="jpeg", quality=60)
    return np.asarray(Picture.open(file)).transpose(2, 0, 1)


def clusters(pictures: np.ndarray) -> list[int]:
    found: list[int] = near_clusters(pictures.__getitem__, exact_clusters(pictures)).tolist()
    return found


def chains(pictures: np.ndarray) -> list[int]:
    """The clusters by a loop over all pairs."""
    hashes = [int(of) for of in difference_hashes(pictures)]
    root = list(range(len(pictures)))
    for i, j in itertools.combinations(root.copy(), 2):
        near = (hashes[i] ^ hashes[j]).bit_count() <= DISTANCE
        if near and np.corrcoef(pictures[i].ravel(), pictures[j].ravel())[0, 1] >= CORRELATION:
            root = [min(root[i], root[j]) if of in (root[i], root[j]) else of for of in root]
    return root


def blurred_families(n: int, each: int) -> np.ndarray:
    """Pictures with noise of several strengths, so that some pairs of a family are near."""
    random = np.random.default_rng(1)
    base = scenes(n, 1, 24, seed=1).repeat(each, axis=0).astype(float)
    strength = random.uniform(0, 12, (len(base), 1, 1, 1))
    noisy = (base + random.normal(size=base.shape) * strength).clip(0, 255).astype(np.uint8)
    return random.permutation(noisy)


def test_clusters_are_those_of_a_loop_over_all_pairs() -> None:
    x = blurred_families(12, 8)
    found = clusters(x)
    assert found == chains(x)
    assert 12 < len(set(found)) < len(x), "some pairs of a family are near, and some are not"


def test_blocks_change_no_cluster(monkeypatch: pytest.MonkeyPatch) -> None:
    x = blurred_families(12, 8)
    whole = clusters(x)
    monkeypatch.setattr(near_copies, "_VALUES", 10 * 24 * 24)
    assert clusters(x) == whole


def test_a_copy_that_is_compressed_darker_or_noisy_is_near() -> None:
    x = scenes(8, 3, 80)
    darker = (x * 0.7).astype(np.uint8)
    noise = np.random.default_rng(0).integers(0, 6, x.shape, dtype=np.uint8)
    altered = np.concatenate([x, darker, x + noise, np.stack([compressed(of) for of in x])])
    assert SIDE < 80
    assert clusters(altered) == [*range(8)] * 4
    assert exact_clusters(altered).tolist() == [*range(32)]


def test_pictures_with_one_hash_and_other_pixels_are_not_near() -> None:
    ramp = np.linspace(0, 1, 32)
    x = np.stack([np.tile(of, (1, 32, 1)) for of in (ramp, ramp**9, 1 - (1 - ramp) ** 9)])
    pictures = (x * 255).astype(np.uint8)
    assert len(set(difference_hashes(pictures[:, :, :, ::-1]).tolist())) == 1
    assert clusters(pictures[:, :, :, ::-1]) == [0, 1, 2]


def test_pictures_of_one_colour_have_exact_copies_only() -> None:
    x = np.broadcast_to(np.array([7, 7, 8, 200], np.uint8)[:, None, None, None], (4, 1, 37, 50))
    assert clusters(np.ascontiguousarray(x)) == [0, 0, 2, 3]


def test_exact_copies_share_the_cluster_of_their_original() -> None:
    x = scenes(3, 3, 40)
    pictures = np.stack([x[0], x[1], x[0] // 2, x[1], x[0] // 2, x[2]])
    assert clusters(pictures) == [0, 1, 0, 1, 0, 5]


@pytest.mark.parametrize("count", [0, 1])
def test_fewer_than_two_pictures_have_no_near_copies(count: int) -> None:
    assert clusters(scenes(2, 1, 20)[:count]) == [*range(count)]


@pytest.mark.parametrize(("rows", "values", "rank"), [(50, 40, 40), (40, 300, 40), (20, 64, 3)])
def test_the_directions_are_orthonormal_and_hold_what_the_singular_vectors_hold(
    rows: int, values: int, rank: int
) -> None:
    """Distances along orthonormal directions are never above those of the pictures."""
    random = np.random.default_rng(0)
    x = (random.normal(size=(rows, rank)) * 0.8 ** np.arange(rank)) @ random.normal(
        size=(rank, values)
    )
    x = x.astype(np.float32)
    directions = near_copies._principal_directions(x, 8)
    centred = x - x.mean(axis=0)
    held = np.square(centred @ directions).sum()
    best = np.square(np.linalg.svd(centred, compute_uv=False)[:8]).sum()
    assert np.allclose(directions.T @ directions, np.eye(8), atol=1e-5)
    assert held == pytest.approx(best, rel=1e-4)
