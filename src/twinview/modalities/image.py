"""Pictures: they are stored as bytes, augmented in [0, 1] and fed to encoders standardised."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, final

import torch
from torch import Tensor, nn
from torch.nn import functional

from twinview.core import declare, mapped, registry
from twinview.core.errors import ConfigError, DataError
from twinview.core.types import Learned, Modality, Statistics
from twinview.pictures.duplicates import exact_clusters
from twinview.pictures.shrinking import shrunk_side

# Raw pixels of larger pictures: some hundred thousand numbers would be no better, and no probe is
# fitted to so many. 32x32 is the size of CIFAR-10, for which the field reports raw pixels.
_RAW_SIDE = 32
_BLOCK = 1024  # pictures that are counted or unpacked at a time


def image() -> Modality:
    """The modality of pictures: uint8 (n, c, h, w) with 1 or 3 channels."""
    return Image()


@final
class Image(Modality):
    """Pictures are stored as bytes, and each channel is standardised by its own statistics."""

    def check(self, inputs: Tensor) -> None:
        """Raises DataError unless inputs are uint8 pictures with 1 or 3 channels."""
        if inputs.dtype != torch.uint8 or inputs.ndim != 4 or inputs.shape[1] not in (1, 3):
            raise DataError(
                f"pictures are {inputs.dtype} with shape {tuple(inputs.shape)}; "
                "they must be uint8, (n, c, h, w), with 1 or 3 channels"
            )

    def check_chain(self, names: Sequence[str], shape: tuple[int, ...]) -> None:
        """Raises ConfigError when pictures of one channel are to change their colours."""
        idle = [name for name in names if _needs_colour(name)]
        if idle and shape[0] == 1:
            raise ConfigError.at(
                "views.chain",
                f"has {', '.join(idle)}, which would not change pictures of one channel",
                "take it out",
            )

    def statistics(self, inputs: Tensor) -> Statistics:
        """The mean and population standard deviation of each channel, on the scale of [0, 1]."""
        # Blocks of rows: inputs may be mapped, and larger than the memory.
        counts = sum(_counts(block) for block in inputs.split(_BLOCK))
        assert isinstance(counts, Tensor), "there are pictures"
        share = counts.double() / counts.sum(1, keepdim=True)
        values = torch.arange(256, dtype=torch.float64) / 255
        mean = share @ values
        std = ((share * (values - mean[:, None]) ** 2).sum(1)).sqrt().clamp(min=1e-6)
        return Statistics(tuple(mean.tolist()), tuple(std.tolist()))

    def learned(self, value: Mapping[str, Any]) -> Learned:
        """The means and deviations that a JSON file holds."""
        return Statistics.from_json(value)

    def describe(self, statistics: Learned) -> dict[str, Any]:
        """The means and deviations of the channels."""
        return dataclasses.asdict(statistics)

    def encoder_shape(self, shape: tuple[int, ...], statistics: Learned) -> tuple[int, ...]:
        """The shape (c, h, w) itself."""
        return shape

    def words(self, stored: Tensor, statistics: Learned) -> list[str] | None:
        """None, since pictures are shown."""
        return None

    def drawn(self, stored: Tensor, statistics: Learned) -> Tensor:
        """The pictures themselves."""
        return stored

    def copies(self, stored: Tensor) -> Tensor:
        """The first row with the same pixels, of each picture."""
        return torch.from_numpy(exact_clusters(stored.numpy()))

    def view(self, stored: Tensor, numbers: Tensor) -> Tensor:
        """The whole picture, whatever the number."""
        return stored

    def unpack(self, stored: Tensor) -> Tensor:
        """Bytes as float32 in [0, 1]."""
        return stored.to(torch.float32).div_(255)

    def fit_raw(self, stored: Tensor, statistics: Learned) -> Mapping[str, Tensor]:
        """Nothing: pixels are features as they are."""
        return {}

    def words_of(self, stored: Tensor, statistics: Learned) -> Tensor | None:
        """None, since pictures have no words."""
        return None

    def raw(self, stored: Tensor, fitted: Mapping[str, Tensor]) -> Tensor:
        """The pixels in [0, 1], row by row; pictures of more than 32x32 are averaged to 32x32."""
        size = (min(stored.shape[2], _RAW_SIDE), min(stored.shape[3], _RAW_SIDE))
        # Pictures of that size stay as they are.
        return mapped.join(
            functional.adaptive_avg_pool2d(self.unpack(block), size).flatten(1)
            for block in stored.split(_BLOCK)
        )

    def pack(self, x: Tensor) -> Tensor:
        """Values in [0, 1] rounded to bytes."""
        # torch converts float32 to uint8 five times faster by way of int32.
        return (x * 255).round_().to(torch.int32).to(torch.uint8)

    def shrink(self, stored: Tensor, scale: float) -> Tensor:
        """Bytes (..., c, h, w) of smaller pictures, smoothed so that no pixel is skipped."""
        size = [shrunk_side(side, scale) for side in stored.shape[-2:]]
        pictures = self.unpack(stored.flatten(0, -4))
        smaller = functional.interpolate(pictures, size, mode="bilinear", antialias=True)
        packed: Tensor = self.pack(smaller).unflatten(0, stored.shape[:-3])
        return packed

    def standardise(self, statistics: Learned) -> nn.Module:
        """A layer that maps bytes (n, c, h, w) to float32 with mean 0 and deviation 1."""
        assert isinstance(statistics, Statistics), "pictures have channels"
        return Standardise(statistics)


DECLARES = declare.Modality(
    are_pictures=True,
    called="picture",
    made_of="pixels",
    raw="raw_pixels",
    copies="are exact copies of each other",
)


def _counts(pictures: Tensor) -> Tensor:
    """How often each byte occurs in each channel: (c, 256) int64."""
    return torch.stack([torch.bincount(c.flatten(), minlength=256) for c in pictures.unbind(1)])


def _needs_colour(augmentation: str) -> bool:
    declared = registry.declaration("augmentations", augmentation)
    return isinstance(declared, declare.Augmentation) and declared.needs_colour


@final
class Standardise(nn.Module):
    """(x / 255 - mean) / std for each channel."""

    mean: Tensor
    std: Tensor

    def __init__(self, statistics: Statistics) -> None:
        super().__init__()
        shape = (1, -1, 1, 1)
        # The buffers are not saved as weights, since the encoder's JSON file holds the statistics.
        self.register_buffer("mean", torch.tensor(statistics.mean).view(shape), persistent=False)
        self.register_buffer("std", torch.tensor(statistics.std).view(shape), persistent=False)

    def forward(self, stored: Tensor) -> Tensor:
        """The standardised float32 of uint8 (n, c, h, w); floats on that scale are taken too."""
        return stored.to(torch.float32, copy=True).div_(255).sub_(self.mean).div_(self.std)
