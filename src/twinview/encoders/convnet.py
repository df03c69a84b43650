"""A compact convolutional network for small pictures, quick on a CPU."""

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
    grid: Annotated[int, Ge(1)],
    pooled: Width,
    norm: Literal["batch", "group"],
) -> nn.Module:
    """3x3 convolutions with a norm and ReLU, averaged over a grid x grid raster.

    shape: (c, h, w) of one input. widths, strides: one each a layer. The raster keeps the layout
    that a global average (grid 1) throws away. pooled: how many layers, counted from the last, are
    averaged to features side by side; they have sum(widths[-pooled:]) * grid**2 dimensions.
    norm: over the batch, or over up to 8 groups of an input's own channels (arXiv 1803.08494),
    so that its features never depend on its batch. Raises ValueError when widths and strides
    differ in length, or fewer layers exist than are pooled.
    """
    if len(widths) != len(strides):
        raise ValueError(f"there are {len(widths)} widths and {len(strides)} strides")
    if pooled > len(widths):
        raise ValueError(f"pooled is {pooled}, and there are {len(widths)} layers")
    return ConvNet(shape, widths, strides, grid, pooled, norm)


def _check(options: Mapping[str, Any], settings: Params) -> Iterator[str]:
    widths, strides = len(options["widths"]), len(options["strides"])
    if widths != strides:
        yield (
            f"encoders.convnet: has {widths} widths and {strides} strides; each layer needs one of "
            "both"
        )


DECLARES = declare.Declaration(check=_check, quick={"widths": [6, 8], "strides": [2, 1], "grid": 2})


@final
class ConvNet(nn.Module):
    """Maps by `features`, pooled and flattened by `forward`. places: how many stay apart."""

    def __init__(
        self,
        shape: tuple[int, ...],
        widths: tuple[int, ...],
        strides: tuple[int, ...],
        grid: int,
        pooled: int,
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
        self.pool = nn.AdaptiveAvgPool2d(grid)
        self.pooled = pooled
        self.places = grid**2
        self.dim = sum(widths[-pooled:]) * self.places

    def features(self, x: Tensor) -> Tensor:
        """(n, c, h, w) to the last layer's maps (n, width, h', w')."""
        return self._maps(x)[-1]

    def forward(self, x: Tensor) -> Tensor:
        """(n, c, h, w) to (n, dim)."""
        maps = self._maps(x)[-self.pooled :]
        return torch.cat([self.pool(of).flatten(1) for of in maps], dim=1)

    def _maps(self, x: Tensor) -> list[Tensor]:
        """Each layer's."""
        maps = [x.contiguous(memory_format=torch.channels_last)]
        for layer in self.layers:
            maps.append(layer(maps[-1]))
        return maps


def _norm(name: str, width: int) -> nn.Module:
    if name == "batch":
        return nn.BatchNorm2d(width)
    return nn.GroupNorm(math.gcd(8, width), width)
