"""Augmentations of series: what each of them does to time, channels and values."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from twinview.augmentations.channel_drop import channel_drop
from twinview.augmentations.permutation import permutation
from twinview.augmentations.scaling import scaling
from twinview.augmentations.time_mask import time_mask
from twinview.augmentations.time_warp import time_warp
from twinview.augmentations.window_crop import window_crop
from twinview.core.randomness import Draws
from twinview.series.sampling import sample

N, STEPS = 200, 50
RAMP = torch.arange(STEPS, dtype=torch.float32)  # a value that says at which step it was
X = torch.stack([RAMP, 1000 + 2 * RAMP]).expand(N, 2, STEPS).clone()


def draws(number: int = 0) -> Draws:
    return Draws.for_examples(0, torch.arange(N), torch.full((N,), number), 0)


def test_two_windows_of_more_than_half_share_time() -> None:
    views = [
        window_crop(X, draws(k), share=(0.55, 0.9), stretched=stretched)[:, 0]
        for k, stretched in ((0, True), (1, False))
    ]
    starts, ends = (
        [getattr(v.nan_to_num(nan=fill), of)(1) for v in views]
        for of, fill in (("amin", STEPS), ("amax", 0.0))
    )
    assert (torch.maximum(*starts) < torch.minimum(*ends)).all()


def test_a_window_that_is_not_stretched_keeps_its_pace_and_then_misses_values() -> None:
    seen = window_crop(X, draws(), share=(0.5, 0.5), stretched=False)
    assert seen[..., 25:].isnan().all() and (seen[:, 0, :25].diff(dim=1) == 1).all()
    assert len(seen[:, 0, 0].unique()) > 10


def test_a_stretched_window_is_a_straight_line_of_a_straight_line() -> None:
    seen = window_crop(X, draws(), share=(0.5, 0.5), stretched=True)[:, 0]
    # Float32 positions below 50, of some 1e-6.
    assert torch.allclose(seen.diff(dim=1), torch.tensor(24 / 49), atol=1e-5)


def test_scaling_has_one_factor_for_all_steps_of_a_channel() -> None:
    factors = scaling(X + 1, draws(), factor=(0.5, 2.0)) / (X + 1)
    # A rounding of float32.
    assert torch.allclose(factors, factors[..., :1].expand_as(factors), rtol=1e-6)
    assert not torch.allclose(factors[:, 0], factors[:, 1]) and factors.min() >= 0.49


def test_a_time_mask_is_one_gap_in_all_channels() -> None:
    missing = time_mask(X, draws(), share=0.2).isnan()
    assert torch.equal(missing[:, 0], missing[:, 1]) and (missing[:, 0].sum(1) == 10).all()
    assert (missing[:, 0].long().diff(dim=1).abs().sum(1) <= 2).all()


def test_channel_drop_takes_whole_channels_and_never_the_last_with_values() -> None:
    x = X.clone()
    x[: N // 2, 1] = torch.nan
    missing = channel_drop(x, draws(), share=0.5).isnan()
    assert torch.equal(missing.all(2), missing.any(2))
    assert not missing[: N // 2, 0].any() and missing[N // 2 :].any() and not missing.all(1).any()


def test_a_time_warp_keeps_the_order_of_time_and_its_ends() -> None:
    seen = time_warp(X, draws(), strength=0.5)[:, 0]
    assert (seen.diff(dim=1) > 0).all() and (seen[:, 0] == 0).all()
    assert torch.allclose(seen[:, -1], torch.tensor(49.0), atol=1e-4)  # float32 positions
    assert (seen - RAMP).abs().amax(1).median() > 1


def test_a_permutation_moves_whole_parts_of_all_channels_alike() -> None:
    seen = permutation(X, draws(), parts=5)
    assert torch.equal(seen[:, 1], 1000 + 2 * seen[:, 0])
    assert torch.equal(seen[:, 0].sort(1).values, X[:, 0])
    assert ((seen[:, 0].diff(dim=1) != 1).sum(1) <= 4).all()


@pytest.mark.parametrize("of", [lambda x: x, lambda x: x.flip(2)])
def test_between_a_value_and_a_missing_one_a_value_is_missing(
    of: Callable[[Tensor], Tensor],
) -> None:
    x = of(torch.tensor([[[1.0, 2.0, torch.nan]]]))
    seen = sample(x, torch.tensor([[0.0, 0.5, 1.0, 1.5, 2.0, -0.5, 2.5]]))[0, 0]
    expected = (
        [False, False, False, True, True] if of(X)[0, 0, 0] == 0 else [True, True] + [False] * 3
    )
    assert seen.isnan().tolist() == [*expected, True, True]
