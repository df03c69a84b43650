"""A compact convolutional network for small pictures, quick on a CPU."""

import math
from typing import Annotated, Literal, final

import torch
from annotated_types import Ge, Len
from torch import Tensor, nn

Width = Annotated[int, Ge(1)]


def convnet(
    shape: tuple[int, ...],
    *,
    widths: Annotated[tuple[Width, ...], Len(1, 8)],
    strides: Annotated[tuple[Width, ...], Len(1, 8)],
    grid: Annotated[int, Ge(1)],
    norm: Literal["batch", "group"],
) -> nn.Module:
    """3x3 convolutions with a norm and ReLU, averaged over a grid x grid raster.

    shape: (c, h, w) of one input. widths, strides: one each a layer. The raster keeps the layout
    that a global average (grid 1) throws away; features have widths[-1] * grid**2 dimensions.
    norm: over the batch, or over up to 8 groups of an input's own channels (arXiv 1803.08494),
    so that its features never depend on its batch. Raises ValueError when widths and strides
    differ in length.
    """
    return ConvNet(shape, widths, strides, grid, norm)


@final
class ConvNet(nn.Module):
    """Maps by `features`, pooled and flattened by `forward`."""

    def __init__(
        self,
        shape: tuple[int, ...],
        widths: tuple[int, ...],
        strides: tuple[int, ...],
        grid: int,
        norm: str,
    ) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        channels = shape[0]
        for width, stride in zip(widths, strides, strict=True):
            layers += [
                nn.Conv2d(channels, width, 3, stride, padding=1, bias=False),
                _norm(norm, width),
                nn.ReLU(),
            ]
            channels = width
        self.dim = channels * grid**2
        self.layers = nn.Sequential(*layers).to(memory_format=torch.channels_last)
        self.pool = nn.AdaptiveAvgPool2d(grid)

    def features(self, x: Tensor) -> Tensor:
        """(n, c, h, w) to the last layer's maps (n, width, h', w')."""
        maps: Tensor = self.layers(x.contiguous(memory_format=torch.channels_last))
        return maps

    def forward(self, x: Tensor) -> Tensor:
        """(n, c, h, w) to (n, dim)."""
        pooled: Tensor = self.pool(self.features(x))
        return pooled.flatten(1)


def _norm(name: str, width: int) -> nn.Module:
    if name == "batch":
        return nn.BatchNorm2d(width)
    return nn.GroupNorm(math.gcd(8, width), width)
