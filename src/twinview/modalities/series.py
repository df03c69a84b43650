"""Time series: float32 values in their own units, of which NaN is one that was not measured."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, final

import torch
from torch import Tensor, nn

from twinview.core import declare
from twinview.core.errors import ConfigError, DataError
from twinview.core.types import Learned, Modality, Statistics
from twinview.pictures.duplicates import exact_clusters
from twinview.series import plots, statistics


def series() -> Modality:
    """The modality of time series: float32 (n, channels, steps)."""
    return Series()


@final
class Series(Modality):
    """Each channel is standardised by its values in train, never by those of a single series."""

    def check(self, inputs: Tensor) -> None:
        """Raises DataError unless inputs are finite or missing values (n, channels, steps)."""
        if inputs.dtype != torch.float32 or inputs.ndim != 3:
            raise DataError(
                f"series are {inputs.dtype} with shape {tuple(inputs.shape)}; they must be "
                "float32, (n, channels, steps)"
            )
        if inputs.isinf().any():
            raise DataError.at("the series", "have infinite values", "write them as missing ones")

    def check_chain(self, names: Sequence[str], shape: tuple[int, ...]) -> None:
        """Raises ConfigError when the only channel is to be left out."""
        if "channel_drop" in names and shape[0] == 1:
            raise ConfigError.at(
                "views.chain",
                "has channel_drop, which would not change series of one channel",
                "take it out",
            )

    def statistics(self, inputs: Tensor) -> Statistics:
        """The mean and population standard deviation of each channel's measured values."""
        has = ~inputs.isnan()
        count = has.sum((0, 2))
        if missing := (count == 0).nonzero().flatten().tolist():
            raise DataError.at(
                f"channel {missing[0]} of train", "has no value at all", "leave the channel out"
            )
        values = inputs.double().nan_to_num()
        mean = values.sum((0, 2)) / count
        deviation = ((values - mean[:, None]) * has).square().sum((0, 2)) / count
        std = deviation.sqrt().clamp(min=1e-6)
        return Statistics(tuple(mean.tolist()), tuple(std.tolist()))

    def learned(self, value: Mapping[str, Any]) -> Learned:
        """The means and deviations that a JSON file holds."""
        return Statistics.from_json(value)

    def describe(self, statistics: Learned) -> dict[str, Any]:
        """The means and deviations of the channels."""
        return dataclasses.asdict(statistics)

    def encoder_shape(self, shape: tuple[int, ...], statistics: Learned) -> tuple[int, ...]:
        """(the channels, and as many that say what was measured; the steps)."""
        return (2 * shape[0], shape[1])

    def words(self, stored: Tensor, statistics: Learned) -> list[str] | None:
        """None, since series are shown as plots."""
        return None

    def drawn(self, stored: Tensor, statistics: Learned) -> Tensor:
        """A small plot of each series."""
        mean, std = _scale(statistics)
        return plots.plots(stored, mean, std)

    def copies(self, stored: Tensor) -> Tensor:
        """The first row with the same values, of each series."""
        return torch.from_numpy(exact_clusters(stored.numpy()))

    def view(self, stored: Tensor, numbers: Tensor) -> Tensor:
        """The whole series, whatever the number."""
        return stored

    def unpack(self, stored: Tensor) -> Tensor:
        """The values, as a new tensor."""
        return stored.clone()

    def fit_raw(self, stored: Tensor, statistics: Learned) -> Mapping[str, Tensor]:
        """The mean and the deviation of each channel."""
        mean, std = _scale(statistics)
        return {"mean": mean, "std": std}

    def words_of(self, stored: Tensor, statistics: Learned) -> Tensor | None:
        """None, since series have no words."""
        return None

    def raw(self, stored: Tensor, fitted: Mapping[str, Tensor]) -> Tensor:
        """Statistics and frequencies of each channel, of standardised values."""
        return statistics.features((stored - fitted["mean"][:, None]) / fitted["std"][:, None])

    def pack(self, x: Tensor) -> Tensor:
        """The values themselves."""
        return x

    def shrink(self, stored: Tensor, scale: float) -> Tensor:
        """The settings refuse it: series are no pictures."""
        raise AssertionError("series cannot be shrunk")

    def standardise(self, statistics: Learned) -> nn.Module:
        """A layer that maps stored series to float32 (n, 2 * channels, steps), without NaN."""
        return Standardise(*_scale(statistics))


DECLARES = declare.Modality(
    are_pictures=False,
    called="recording",
    made_of="values",
    raw="statistics",
    copies="are exact copies of each other",
)


def _scale(statistics: Learned) -> tuple[Tensor, Tensor]:
    assert isinstance(statistics, Statistics), "series have channels"
    return torch.tensor(statistics.mean), torch.tensor(statistics.std)


@final
class Standardise(nn.Module):
    """(x - mean) / std for each channel, 0 where x is missing; and a channel of 1 and 0 for each.

    The further channels say what was measured (1) and what is missing (0).
    """

    mean: Tensor
    std: Tensor

    def __init__(self, mean: Tensor, std: Tensor) -> None:
        super().__init__()
        # The buffers are not saved as weights, since the encoder's JSON file holds the statistics.
        self.register_buffer("mean", mean[:, None], persistent=False)
        self.register_buffer("std", std[:, None], persistent=False)

    def forward(self, stored: Tensor) -> Tensor:
        """The channels (n, 2c, t) of series (n, c, t)."""
        values = (stored - self.mean) / self.std
        return torch.cat([values.nan_to_num(), (~stored.isnan()).to(values.dtype)], dim=1)
