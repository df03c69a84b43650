"""A compact convolutional network for small pictures, which is fast on a CPU."""

import math
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal, final

import torch
from annotated_types import Ge, Len
from torch import Tensor, nn

from twinview.core import declare
from twinview.settings.params import Params

Width = Annotated[int, Ge(1)]


def convnet(
    shape: tuple[int, ...],
    *,
    widths: Annotated[tuple[Width, ...], Len(1, 8)],
    strides: Annotated[tuple[Width, ...], Len(1, 8)],
    pool_size: Annotated[int, Ge(1)],
    pooled_layers: Width,
    norm: Literal["batch", "group"],
) -> nn.Module:
    """Layers of a 3x3 convolution, a norm and ReLU, pooled to a pool_size x pool_size raster.

    The raster keeps the layout that a global average (pool_size 1) loses. The features have
    sum(widths[-pooled_layers:]) * pool_size**2 dimensions.

    Parameters
    ----------
    shape : (c, h, w) of one picture.
    widths, strides : one number for each layer.
    pool_size : the number of cells of the raster along each side.
    pooled_layers : the number of layers, counted from the last, whose maps are pooled to features.
    norm : batch norm, or group norm (arXiv 1803.08494) over up to 8 groups of channels, under
        which
        features never depend on the batch.

    Raises
    ------
    ValueError : widths and strides differ in length, or more layers are pooled than there are.
    """
    if len(widths) != len(strides):
        raise ValueError(f"there are {len(widths)} widths and {len(strides)} strides")
    if pooled_layers > len(widths):
        raise ValueError(f"pooled_layers is {pooled_layers}, and there are {len(widths)} layers")
    return ConvNet(shape, widths, strides, pool_size, pooled_layers, norm)


def _check(options: Mapping[str, Any], settings: Params) -> Iterator[str]:
    widths, strides = len(options["widths"]), len(options["strides"])
    if widths != strides:
        yield (
            f"encoders.convnet: has {widths} widths and {strides} strides; each layer needs one of "
            "both"
        )


DECLARES = declare.Encoder(
    check=_check, quick={"widths": [6, 8], "strides": [2, 1], "pool_size": 2}
)


@final
class ConvNet(nn.Module):
    """Maps pictures to the last layer's maps (`features`) and to pooled features (`forward`).

    pooled_positions: the number of positions of a map that stay apart when it is pooled.
    """

    def __init__(
        self,
        shape: tuple[int, ...],
        widths: tuple[int, ...],
        strides: tuple[int, ...],
        pool_size: int,
        pooled_layers: int,
        norm: str,
    ) -> None:
        super().__init__()
        channels = [shape[0], *widths[:-1]]
        layers = [
            nn.Sequential(
                nn.Conv2d(before, width, 3, stride, padding=1, bias=False),
                _norm(norm, width),
                nn.ReLU(),
            )
            for before, width, stride in zip(channels, widths, strides, strict=True)
        ]
        self.layers = nn.Sequential(*layers).to(memory_format=torch.channels_last)
        self.pool = nn.AdaptiveAvgPool2d(pool_size)
        self.pooled_layers = pooled_layers
        self.pooled_positions = pool_size**2
        self.dim = sum(widths[-pooled_layers:]) * self.pooled_positions

    def features(self, x: Tensor) -> Tensor:
        """The last layer's maps (n, width, h', w') of pictures (n, c, h, w)."""
        return self._maps(x)[-1]

    def forward(self, x: Tensor) -> Tensor:
        """The features (n, dim) of pictures (n, c, h, w)."""
        maps = self._maps(x)[-self.pooled_layers :]
        return torch.cat([self.pool(layer).flatten(1) for layer in maps], dim=1)

    def _maps(self, x: Tensor) -> list[Tensor]:
        """The pictures, and the maps of each layer."""
        maps = [x.contiguous(memory_format=torch.channels_last)]
        for layer in self.layers:
            maps.append(layer(maps[-1]))
        return maps


def _norm(name: str, width: int) -> nn.Module:
    if name == "batch":
        return nn.BatchNorm2d(width)
    return nn.GroupNorm(math.gcd(8, width), width)
