"""Values of series between their steps, by which augmentations stretch and warp them."""

from torch import Tensor


def sample(x: Tensor, positions: Tensor) -> Tensor:
    """The values at positions in time, linear between steps: (n, c, k).

    Between a measured and a missing value, and outside of the series, the value is missing.

    Parameters
    ----------
    x : (n, c, t), NaN where nothing was measured.
    positions : (n, k), in steps from the first one; all channels are sampled alike.
    """
    last = x.shape[2] - 1
    before = positions.floor().clamp(0, last)
    share = (positions - before)[:, None]
    low = before.long()[:, None].expand(-1, x.shape[1], -1)
    left = x.gather(2, low)
    right = x.gather(2, (low + 1).clamp(max=last))
    # A share of 0 takes the left value alone, since 0 * NaN is NaN.
    between = left + (right - left) * share
    values = left.where(share == 0, between)
    return values.masked_fill(((positions < 0) | (positions > last))[:, None], float("nan"))
