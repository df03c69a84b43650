"""The colour augmentations against torchvision's functions, picture by picture."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torchvision.transforms.v2 import functional as torchvision  # type: ignore[import-untyped]

from twinview.augmentations.brightness import brightness
from twinview.augmentations.contrast import contrast
from twinview.augmentations.grey import grey
from twinview.augmentations.hue import hue
from twinview.augmentations.saturation import saturation
from twinview.core.randomness import Draws
from twinview.pictures.colour import random_factors

# torchvision's red is .2989, ours .299: greys differ by 1e-4, times a factor of 2.
LUMA_GAP = 2.1e-4
ROUNDING = 1e-6
JITTERS = [
    (brightness, torchvision.adjust_brightness, ROUNDING),
    (contrast, torchvision.adjust_contrast, LUMA_GAP),
    (saturation, torchvision.adjust_saturation, LUMA_GAP),
]


def pictures(channels: int = 3) -> Tensor:
    return torch.rand(20, channels, 13, 17, generator=torch.Generator().manual_seed(0))


def draws() -> Draws:
    return Draws.for_examples(0, torch.arange(20), torch.zeros(20, dtype=torch.int64), 0)


@pytest.mark.parametrize(("ours", "theirs", "gap"), JITTERS)
def test_jitter_equals_torchvision(
    ours: Callable[..., Tensor], theirs: Callable[..., Tensor], gap: float
) -> None:
    x = pictures()
    amounts = random_factors(draws(), 0.8).flatten().tolist()
    expected = torch.stack([theirs(*pair) for pair in zip(x, amounts, strict=True)])
    torch.testing.assert_close(ours(x, draws(), strength=0.8), expected, rtol=0, atol=gap)


@pytest.mark.parametrize("ours", [brightness, contrast, saturation])
def test_factors_reach_both_sides_of_one(ours: Callable[..., Tensor]) -> None:
    x = torch.full((20, 3, 4, 4), 0.5) + 0.1 * torch.tensor([-1.0, 0, 1]).reshape(3, 1, 1)
    ratio = ours(x, draws(), strength=0.4)[:, 2].sub(ours(x, draws(), strength=1e-6)[:, 2])
    assert ratio.min() < -0.01 and ratio.max() > 0.01


def test_contrast_of_one_channel_is_about_its_mean() -> None:
    x = pictures(1) * 0.2 + 0.4
    mean, factor = x.mean((1, 2, 3), keepdim=True), random_factors(draws(), 0.8)
    expected = mean + factor * (x - mean)
    torch.testing.assert_close(contrast(x, draws(), strength=0.8), expected, rtol=0, atol=ROUNDING)


@pytest.mark.parametrize("side", [1, 2, 3, 7, 16, 33])
def test_contrast_is_about_the_mean_of_every_pixel(side: int) -> None:
    x = 0.4 + 0.2 * torch.rand(20, 1, side, side + 1, generator=torch.Generator().manual_seed(0))
    mean, factor = x.double().mean((1, 2, 3), keepdim=True), random_factors(draws(), 0.8)
    expected = mean + factor * (x - mean)
    seen = contrast(x, draws(), strength=0.8).double()
    torch.testing.assert_close(seen, expected, rtol=0, atol=ROUNDING)


def test_contrast_is_bit_identical_when_threads_share_out_one_large_picture() -> None:
    before, views = torch.get_num_threads(), []
    x = torch.rand(8, 1, 211, 223, generator=torch.Generator().manual_seed(0))
    for threads in (1, 2):
        torch.set_num_threads(threads)
        alone = [
            contrast(x[n : n + 1], Draws(draws().keys[n : n + 1]), strength=1.0) for n in range(8)
        ]
        views.append(torch.cat(alone))
    torch.set_num_threads(before)
    assert torch.equal(*views)


def test_hue_equals_torchvision() -> None:
    x = pictures()
    x[0], x[1], x[2] = x[0].round(), x[1, :1], 0  # ties of channels; grey; black
    turns = draws().uniform(low=-0.5, high=0.5).tolist()
    expected = torch.stack([torchvision.adjust_hue(*p) for p in zip(x, turns, strict=True)])
    # Their hue is divided by 6 and multiplied again: rounding of about ten operations.
    torch.testing.assert_close(hue(x, draws(), strength=0.5), expected, rtol=0, atol=5e-6)


class ThirdTurn(Draws):
    def uniform(self, *shape: int, low: float = 0.0, high: float = 1.0) -> Tensor:
        return torch.full((len(self.keys), *shape), 1 / 3)


def test_a_third_of_the_circle_passes_the_channels_on() -> None:
    x = pictures()
    turned = hue(x, ThirdTurn(draws().keys), strength=0.5)
    torch.testing.assert_close(turned, x.roll(1, dims=1), rtol=0, atol=ROUNDING)


def test_hue_leaves_grey_and_the_largest_and_smallest_channel_alone() -> None:
    x = pictures()
    turned = hue(x, draws(), strength=0.5)
    torch.testing.assert_close(turned.amax(1), x.amax(1), rtol=0, atol=ROUNDING)
    torch.testing.assert_close(turned.amin(1), x.amin(1), rtol=0, atol=ROUNDING)
    flat = x[:, :1].expand_as(x)
    torch.testing.assert_close(hue(flat, draws(), strength=0.5), flat, rtol=0, atol=ROUNDING)


def test_grey_has_three_equal_channels_of_torchvisions_luma() -> None:
    x = pictures()
    expected = torchvision.rgb_to_grayscale(x, num_output_channels=3)
    torch.testing.assert_close(grey(x, draws()), expected, rtol=0, atol=1.1e-4)
    assert torch.equal(grey(x, draws())[:, 0], grey(x, draws())[:, 2])


@pytest.mark.parametrize("level", [0.0, 1.0])
def test_grey_leaves_black_and_white_alone(level: float) -> None:
    x = torch.full((20, 3, 4, 4), level)
    torch.testing.assert_close(grey(x, draws()), x, rtol=0, atol=ROUNDING)


def test_grey_of_one_channel_is_itself() -> None:
    assert torch.equal(grey(pictures(1), draws()), pictures(1))
