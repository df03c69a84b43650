"""Residual convolutions over time, each layer of twice the reach (TS2Vec, arXiv 2106.10466)."""

from typing import final

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from twinview.core import declare
from twinview.settings.sections import Count


def dilated(shape: tuple[int, ...], *, width: Count, depth: Count) -> nn.Module:
    """The features are the mean and the maximum over the steps at which anything was measured.

    They have 2 * width dimensions. Steps at which nothing was measured stay 0 in every layer, so
    that a longer pad of missing values changes no feature.

    Parameters
    ----------
    shape : (2 * channels, steps), values and what was measured; see modalities/series.py.
    width : the channels of each layer.
    depth : the number of residual blocks of two convolutions over 3 steps, which stand 1, 2, 4, ...
        apart. So a map sees about 2**(depth + 2) steps. TS2Vec: width 64, depth 10.
    """
    return Dilated(shape[0], width, depth)


DECLARES = declare.Encoder(modality="series", quick={"width": 6, "depth": 2})


@final
class Dilated(nn.Module):
    """Maps (n, 2c, t) to maps (n, width, t) (`features`) and to their mean and maximum."""

    pooled_positions = 1

    def __init__(self, channels: int, width: int, depth: int) -> None:
        super().__init__()
        self.dim = 2 * width
        self.first = nn.Conv1d(channels, width, 1)
        self.blocks = nn.ModuleList(_Block(width, 2**number) for number in range(depth))
        self.norm = nn.LayerNorm(width)

    def features(self, x: Tensor) -> Tensor:
        """The last layer's maps (n, width, t), 0 at steps without any value."""
        has = _measured(x)
        maps = self.first(x) * has
        for block in self.blocks:
            maps = block(maps, has)
        return _normalised(maps, self.norm) * has

    def forward(self, x: Tensor) -> Tensor:
        """The features (n, 2 * width)."""
        maps, has = self.features(x), _measured(x)
        mean = maps.sum(2) / has.sum(2).clamp(min=1)
        largest = maps.masked_fill(has == 0, -torch.inf).amax(2)
        return torch.cat([mean, largest.masked_fill(largest.isinf(), 0)], dim=1)


@final
class _Block(nn.Module):
    """x + conv(gelu(norm(conv(gelu(norm(x)))))), where norm is over the channels of a step."""

    def __init__(self, width: int, dilation: int) -> None:
        super().__init__()
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(2))
        self.layers = nn.ModuleList(
            nn.Conv1d(width, width, 3, padding=dilation, dilation=dilation) for _ in range(2)
        )

    def forward(self, x: Tensor, has: Tensor) -> Tensor:
        """Maps of the same shape. has: (n, 1, t), 1 where anything was measured."""
        maps = x
        for norm, layer in zip(self.norms, self.layers, strict=True):
            maps = layer(F.gelu(_normalised(maps, norm)) * has) * has
        return x + maps


def _measured(x: Tensor) -> Tensor:
    """(n, 1, t): 1 at steps at which any channel was measured, else 0."""
    return x[:, x.shape[1] // 2 :].amax(1, keepdim=True)


def _normalised(maps: Tensor, norm: nn.Module) -> Tensor:
    normalised: Tensor = norm(maps.transpose(1, 2)).transpose(1, 2)
    return normalised
