"""Statistics and frequencies of each channel: the features that an encoder has to beat.

They need no training. Logistic regression on them is a strong baseline for recordings of movement.
"""

import torch
from torch import Tensor

_BANDS = 8  # of frequencies, each twice as wide as the one below
_LEAST = 1e-6  # of an amplitude, before its logarithm


def features(x: Tensor) -> Tensor:
    """(n, c * 16) float32 of series (n, c, t), in which NaN is a missing value.

    Of each channel: mean, standard deviation, minimum, maximum, median, mean size of a change, the
    share of steps that cross the mean, the share of steps with a value, and the logarithms of the
    amplitudes in 8 bands of frequencies. A missing value counts as the mean of its channel in the
    series, and a channel without values as 0.
    """
    has = ~x.isnan()
    count = has.sum(2, keepdim=True)
    mean = x.nan_to_num().sum(2, keepdim=True) / count.clamp(min=1)
    filled = x.where(has, mean)
    centred = filled - mean
    crossings = ((centred[..., 1:] > 0) != (centred[..., :-1] > 0)).float().mean(2)
    found = [
        mean.squeeze(2),
        centred.square().mean(2).sqrt(),
        filled.amin(2),
        filled.amax(2),
        filled.median(2).values,
        filled.diff(dim=2).abs().mean(2),
        crossings,
        has.float().mean(2),
        *_bands(centred),
    ]
    return torch.stack(found, dim=2).flatten(1)


def _bands(centred: Tensor) -> list[Tensor]:
    """The logarithm of the amplitude in each band: 8 of (n, c)."""
    length = centred.shape[2]
    power = torch.fft.rfft(centred).abs().square()[..., 1:]
    ends = [max(1, round(power.shape[2] * 2.0**-k)) for k in range(_BANDS)][::-1]
    starts = [0, *ends[:-1]]
    sums = [power[..., start:end].sum(2) for start, end in zip(starts, ends, strict=True)]
    return [(total.sqrt() / length + _LEAST).log() for total in sums]
