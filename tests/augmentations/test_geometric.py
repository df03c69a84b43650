"""Crop, flip, rotation and cutout against closed forms."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor
from torchvision.transforms.v2 import functional as torchvision  # type: ignore[import-untyped]

from twinview.augmentations.cutout import cutout
from twinview.augmentations.horizontal_flip import horizontal_flip
from twinview.augmentations.random_resized_crop import random_resized_crop
from twinview.augmentations.rotation import rotation
from twinview.core.randomness import Draws
from twinview.pictures.warp import crop

# Where pixels are looked up: a coordinate near 20 is known to 2e-6, a weight to about as much.
LOOKUP = 2e-5


class Extreme(Draws):
    """Draws the given share of the way from low to high, always."""

    share = 1.0

    def uniform(self, *shape: int, low: float = 0.0, high: float = 1.0) -> Tensor:
        return torch.full((len(self.keys), *shape), low + (high - low) * self.share)


class Lowest(Extreme):
    share = 0.0


class Middle(Extreme):
    share = 0.5


def keys(n: int) -> Tensor:
    return Draws.for_examples(0, torch.arange(n), torch.zeros(n, dtype=torch.int64), 0).keys


def pictures(h: int, w: int, n: int = 20) -> Tensor:
    return torch.rand(n, 3, h, w, generator=torch.Generator().manual_seed(0))


def test_flip_mirrors_and_undoes_itself() -> None:
    x, draws = pictures(5, 4), Draws(keys(20))
    assert torch.equal(horizontal_flip(x, draws)[..., 0], x[..., -1])
    assert torch.equal(horizontal_flip(horizontal_flip(x, draws), draws), x)


@pytest.mark.parametrize(("draws", "quarters"), [(Extreme, 1), (Lowest, -1)])
@pytest.mark.parametrize("side", [16, 17])
def test_rotation_by_90_degrees_is_rot90(draws: type[Draws], quarters: int, side: int) -> None:
    x = pictures(side, side)
    expected = torch.rot90(x, quarters, (2, 3))
    torch.testing.assert_close(
        rotation(x, draws(keys(20)), degrees=90.0), expected, rtol=0, atol=LOOKUP
    )


@pytest.mark.parametrize("degrees", [20.0, 75.0])
def test_rotation_of_oblongs_equals_torchvision(degrees: float) -> None:
    x = pictures(13, 21)
    bilinear = torchvision.InterpolationMode.BILINEAR
    expected = torchvision.rotate(x, degrees, interpolation=bilinear)
    turned = rotation(x, Extreme(keys(20)), degrees=degrees)
    # torchvision fades its outermost ring with a mask of its own; inside, the same bilinear sums.
    inside = torchvision.rotate(torch.ones_like(x), degrees, interpolation=bilinear) > 0.9999
    torch.testing.assert_close(turned[inside], expected[inside], rtol=0, atol=LOOKUP)


def test_rotation_angles_are_uniform_between_both_ends() -> None:
    # A dot right of the middle; where it went tells its angle.
    x = torch.zeros(2000, 1, 41, 41)
    x[:, :, 20, 40] = 1
    y = rotation(x, Draws(keys(2000)), degrees=40.0)[:, 0]
    height = (y.sum(2) * torch.arange(20.0, -21, -1)).sum(1) / y.sum((1, 2))
    angles = torch.asin(height / 20).rad2deg()
    # Standard errors: .5 for the mean, .23 for the deviation, which is 40 / sqrt(3) = 23.1.
    assert abs(angles.mean()) < 2 and abs(angles.std() - 23.1) < 1
    assert -41 < angles.min() < -39 and 39 < angles.max() < 41


def test_the_whole_window_is_the_picture() -> None:
    x = pictures(17, 17)
    whole = random_resized_crop(x, Draws(keys(20)), scale=(1.0, 1.0), ratio=(1.0, 1.0))
    torch.testing.assert_close(whole, x, rtol=0, atol=LOOKUP)


@pytest.mark.parametrize("draws", [Extreme, Lowest])
def test_a_quarter_window_equals_torchvisions_resized_corner(draws: type[Draws]) -> None:
    x, corner = pictures(16, 16), 0 if draws is Lowest else 8
    expected = torchvision.resized_crop(x, corner, corner, 8, 8, [16, 16], antialias=True)
    crop = random_resized_crop(x, draws(keys(20)), scale=(0.25, 0.25), ratio=(1.0, 1.0))
    # The window's own edge: torchvision repeats it, where ours still sees the neighbours inside.
    inner = (..., slice(1, -1), slice(1, -1))
    torch.testing.assert_close(crop[inner], expected[inner], rtol=0, atol=LOOKUP)
    if draws is Lowest:
        torch.testing.assert_close(crop[..., 0, 0], expected[..., 0, 0], rtol=0, atol=LOOKUP)


@pytest.mark.parametrize(("h", "w"), [(16, 16), (12, 20)])
def test_half_the_size_is_the_mean_of_four_pixels(h: int, w: int) -> None:
    x = pictures(h, w)
    halved = crop(x, torch.rand(20, 4), (1.0, 1.0), (1.0, 1.0), min(h, w) // 2)
    torch.testing.assert_close(halved, F.avg_pool2d(x, 2), rtol=0, atol=LOOKUP)


def windows(
    n: int, h: int, w: int, scale: tuple[float, float], ratio: tuple[float, float]
) -> tuple[Tensor, Tensor]:
    """(n, 2) each: how tall and wide the windows are, in pixels, and where their middles are."""
    # On a ramp, a crop shows where it looked; the inner pixels do, which no edge repeats.
    ramps = torch.stack(torch.meshgrid(torch.arange(h), torch.arange(w), indexing="ij")) / 64
    crop = random_resized_crop(ramps.repeat(n, 1, 1, 1), Draws(keys(n)), scale=scale, ratio=ratio)
    down, across = 64 * crop[:, 0, :, w // 2], 64 * crop[:, 1, h // 2, :]
    ends = torch.stack([down[:, [8, h - 9]], across[:, [8, w - 9]]], dim=1)
    steps = (ends[:, :, 1] - ends[:, :, 0]) / torch.tensor([h - 17, w - 17])
    return steps * torch.tensor([h, w]), ends.mean(2) + 0.5


@pytest.mark.parametrize("ratio", [(0.5, 2.0), (1.5, 2.0)])
def test_window_areas_are_uniform_over_the_scale(ratio: tuple[float, float]) -> None:
    sides, _ = windows(2000, 64, 48, (0.2, 0.9), ratio)
    area = sides.prod(1) / (64 * 48)
    # Uniform on (.2, .9): mean .55 and deviation .202, standard errors .0045 and .002.
    assert abs(area.mean() - 0.55) < 0.02 and abs(area.std() - 0.202) < 0.01
    assert area.min() > 0.199 and area.max() < 0.901


def test_windows_stay_inside_and_reach_every_edge() -> None:
    sides, middles = windows(2000, 64, 48, (0.2, 0.9), (0.5, 2.0))
    first, last = middles - sides / 2, torch.tensor([64, 48]) - middles - sides / 2
    for margin in (first, last):
        assert margin.min() > -0.01
        assert (margin.amin(0) < 0.1).all() and (margin.amax(0) > 20).all()


def test_window_ratios_are_log_uniform_in_pixels() -> None:
    sides, _ = windows(2000, 64, 50, (0.1, 0.2), (0.5, 2.0))
    logs = torch.log(sides[:, 1] / sides[:, 0])
    # Uniform on (-log 2, log 2): deviation .400, standard errors .009 and .004.
    assert abs(logs.mean()) < 0.04 and abs(logs.std() - 0.4) < 0.015
    assert abs(logs.min() + 0.693) < 0.02 and abs(logs.max() - 0.693) < 0.02


@pytest.mark.parametrize(("size", "side"), [(0.5, 8), (0.3, 5), (0.01, 1)])
def test_cutout_hides_exactly_its_square_in_the_middle(size: float, side: int) -> None:
    x = pictures(16, 20) * 0.5
    hidden = cutout(x, Middle(keys(20)), size=size, fill=1.0) == 1
    first = (8 - side // 2, 10 - side // 2)
    expected = torch.zeros(16, 20, dtype=torch.bool)
    expected[first[0] : first[0] + side, first[1] : first[1] + side] = True
    assert torch.equal(hidden, expected.expand_as(hidden))


def test_cutout_keeps_every_other_pixel_and_cuts_its_square_at_the_edge() -> None:
    x = pictures(16, 16, 500)
    y = cutout(x, Draws(keys(500)), size=0.5, fill=0.0)
    hidden = (y == 0) & (x != 0)
    assert torch.equal(y[~hidden], x[~hidden])
    areas = hidden[:, 0].sum((1, 2))
    assert areas.max() == 64 and areas.min() == 16  # in the first corner 4 by 4


def test_cutout_middles_are_uniform_over_the_pixels() -> None:
    x = torch.ones(16000, 1, 4, 4)
    counts = (1 - cutout(x, Draws(keys(16000)), size=0.01, fill=0.0)).sum((0, 1))
    # 1000 expected in each of 16 pixels, with a deviation of 31.
    assert (counts - 1000).abs().max() < 125
