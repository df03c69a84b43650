"""Blur, Sobel and noise against closed forms and torchvision."""

import math

import pytest
import torch
from torch import Tensor
from torchvision.transforms.v2 import functional as torchvision  # type: ignore[import-untyped]

from twinview.augmentations.gaussian_blur import gaussian_blur
from twinview.augmentations.noise import noise
from twinview.augmentations.sobel import sobel
from twinview.core.randomness import Draws

ROUNDING = 1e-6


def draws(n: int) -> Draws:
    return Draws.for_examples(0, torch.arange(n), torch.zeros(n, dtype=torch.int64), 0)


def pictures(h: int, w: int) -> Tensor:
    return torch.rand(20, 3, h, w, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize(("kernel", "window"), [(0.1, 3), (0.25, 5), (1.0, 21)])
def test_blur_equals_torchvision_with_each_pictures_own_sigma(kernel: float, window: int) -> None:
    x = pictures(20, 31)
    sigmas = draws(20).uniform(low=0.1, high=2.0).tolist()
    expected = [
        torchvision.gaussian_blur(picture, [window, window], [sigma, sigma])
        for picture, sigma in zip(x, sigmas, strict=True)
    ]
    blurred = gaussian_blur(x, draws(20), sigma=(0.1, 2.0), kernel=kernel)
    # Up to 84 products in another order, and 8e-7 beyond the reach.
    torch.testing.assert_close(blurred, torch.stack(expected), rtol=0, atol=4e-6)


def test_blur_leaves_a_constant_alone() -> None:
    x = torch.full((20, 1, 12, 12), 0.7)
    blurred = gaussian_blur(x, draws(20), sigma=(0.1, 2.0), kernel=0.5)
    torch.testing.assert_close(blurred, x, rtol=0, atol=1e-6)


def test_blur_within_a_fifth_of_a_pixel_changes_nothing() -> None:
    x = pictures(12, 12)
    blurred = gaussian_blur(x, draws(20), sigma=(0.1, 0.19), kernel=1.0)
    torch.testing.assert_close(blurred, x, rtol=0, atol=ROUNDING)


def test_sobel_of_a_constant_is_zero() -> None:
    assert sobel(torch.full((2, 3, 9, 9), 0.7), draws(2)).abs().max() <= ROUNDING


@pytest.mark.parametrize("height", [1.0, 0.25])
@pytest.mark.parametrize("side", [2, 3])
def test_sobel_of_a_step_is_its_height_on_both_sides_of_the_edge(height: float, side: int) -> None:
    x = torch.zeros(1, 1, 8, 8)
    x.narrow(side, 4, 4).fill_(height)
    expected = torch.zeros_like(x)
    expected.narrow(side, 3, 2).fill_(4 * height / math.sqrt(20))
    torch.testing.assert_close(sobel(x, draws(1)), expected)


def test_sobel_reaches_one_for_the_steepest_pictures_only() -> None:
    bits = torch.arange(512)[:, None] >> torch.arange(9) & 1
    middle = sobel(bits.float().reshape(512, 1, 3, 3), draws(512))[:, 0, 1, 1]
    # Gradients (+-4, +-2) and (+-2, +-4), each with a dark and a bright middle; next is (3, 3).
    steepest = middle.sort(descending=True).values
    assert (steepest[:16] > 1 - 1e-6).all()
    torch.testing.assert_close(steepest[16], torch.tensor(math.sqrt(18 / 20)))


def test_sobel_keeps_channels_apart() -> None:
    x = pictures(9, 11)
    alone = torch.cat([sobel(channel, draws(20)) for channel in x.chunk(3, dim=1)], dim=1)
    torch.testing.assert_close(sobel(x, draws(20)), alone, rtol=0, atol=ROUNDING)


@pytest.mark.parametrize("deviation", [0.01, 0.1])
def test_noise_is_normal_with_the_stated_deviation(deviation: float) -> None:
    x = torch.full((100, 3, 20, 20), 0.5)
    z = (noise(x, draws(100), strength=(deviation, deviation)) - x) / deviation
    # Standard errors over 120,000 numbers: .003, .002 and, for the fourth moment, .03.
    assert abs(z.mean()) < 0.012 and abs(z.std() - 1) < 0.01
    assert abs(z.pow(4).mean() - 3) < 0.15


def test_noise_draws_a_deviation_for_each_picture_between_the_two() -> None:
    x = torch.full((300, 1, 32, 32), 0.5)
    deviations = noise(x, draws(300), strength=(0.02, 0.1)).std((1, 2, 3))
    # One deviation is known to 2.2 % from 1024 pixels; the mean of 300 uniform ones to .0014.
    assert 0.018 < deviations.min() < 0.023 and 0.095 < deviations.max() < 0.11
    assert abs(deviations.mean() - 0.06) < 0.006
