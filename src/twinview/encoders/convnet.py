"""A compact convolutional network for small pictures, which is fast on a CPU."""

import math
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal, final

import torch
import torch.nn.functional as F
from annotated_types import Ge, Len
from torch import Tensor, nn

from twinview.core import declare
from twinview.settings.params import Params

Width = Annotated[int, Ge(1)]
_PATCH = 3  # the side of all filters
_POSITIONS = 28  # along a side of a picture, at some of which patches are taken
_LEAST = 1e-4  # added to the variances of patches, which are 1 for standardised pixels


def convnet(
    shape: tuple[int, ...],
    *,
    first_layer: Literal["learned", "whitening"],
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
    first_layer : learned, or whitening: its filters are the leading principal components of the
        train pictures' 3x3 patches, scaled to variance 1, and their negatives; they are computed
        before the training, and do not learn (Jordan, arXiv 2404.00498, section 3.2).
    widths, strides : one number for each layer.
    pool_size : the number of cells of the raster along each side.
    pooled_layers : the number of layers, counted from the last, whose maps are pooled to features.
    norm : batch norm, or group norm (arXiv 1803.08494) over up to 8 groups of channels, under
        which
        features never depend on the batch.

    Raises
    ------
    ValueError : widths and strides differ in length, more layers are pooled than there are, or a
        whitening layer's width is odd or above twice the values of a patch.
    """
    if len(widths) != len(strides):
        raise ValueError(f"there are {len(widths)} widths and {len(strides)} strides")
    if pooled_layers > len(widths):
        raise ValueError(f"pooled_layers is {pooled_layers}, and there are {len(widths)} layers")
    most = 2 * _PATCH**2 * shape[0]
    if first_layer == "whitening" and (widths[0] % 2 or widths[0] > most):
        raise ValueError(
            f"the first of widths is {widths[0]}, but a whitening layer has an even number of "
            f"channels, for these pictures at most {most}"
        )
    return ConvNet(shape, first_layer, widths, strides, pool_size, pooled_layers, norm)


def _check(options: Mapping[str, Any], settings: Params) -> Iterator[str]:
    widths, strides = len(options["widths"]), len(options["strides"])
    if widths != strides:
        yield (
            f"encoders.convnet: has {widths} widths and {strides} strides; each layer needs one of "
            "both"
        )


DECLARES = declare.Encoder(
    check=_check, quick={"widths": [6, 8], "strides": [2, 1], "pool_size": 2}, fitted=True
)


@final
class ConvNet(nn.Module):
    """Maps pictures to the last layer's maps (`features`) and to pooled features (`forward`).

    pooled_positions: the number of positions of a map that stay apart when it is pooled.
    """

    def __init__(
        self,
        shape: tuple[int, ...],
        first_layer: str,
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
                nn.Conv2d(before, width, _PATCH, stride, padding=_PATCH // 2, bias=False),
                _norm(norm, width),
                nn.ReLU(),
            )
            for before, width, stride in zip(channels, widths, strides, strict=True)
        ]
        if first_layer == "whitening":
            layers[0] = nn.Sequential(Whitening(shape[0], widths[0], strides[0]), nn.ReLU())
        self.layers = nn.Sequential(*layers).to(memory_format=torch.channels_last)
        self.pool_size = pool_size
        self.pooled_layers = pooled_layers
        self.pooled_positions = pool_size**2
        self.dim = sum(widths[-pooled_layers:]) * self.pooled_positions

    def fit(self, x: Tensor) -> None:
        """Computes the filters of a whitening layer from standardised pictures (n, c, h, w)."""
        for module in self.layers.modules():
            if isinstance(module, Whitening):
                module.fit(x)

    def features(self, x: Tensor) -> Tensor:
        """The last layer's maps (n, width, h', w') of pictures (n, c, h, w)."""
        return self._maps(x)[-1]

    def forward(self, x: Tensor) -> Tensor:
        """The features (n, dim) of pictures (n, c, h, w)."""
        maps = self._maps(x)[-self.pooled_layers :]
        return torch.cat([_cell_means(layer, self.pool_size) for layer in maps], dim=1)

    def _maps(self, x: Tensor) -> list[Tensor]:
        """The pictures, and the maps of each layer."""
        maps = [x.contiguous(memory_format=torch.channels_last)]
        for layer in self.layers:
            maps.append(layer(maps[-1]))
        return maps


@final
class Whitening(nn.Module):
    """A convolution whose filters whiten patches: it is fitted to pictures, and does not learn.

    Until it is fitted, its filters take the pixels themselves.
    """

    filters: Tensor

    def __init__(self, channels: int, width: int, stride: int) -> None:
        super().__init__()
        self.stride = stride
        values = channels * _PATCH**2
        self.register_buffer("filters", self._signed(torch.eye(values)[: width // 2], channels))

    def forward(self, x: Tensor) -> Tensor:
        """The whitened patches (n, width, h', w') of pictures (n, c, h, w)."""
        return F.conv2d(x, self.filters, stride=self.stride, padding=_PATCH // 2)

    @torch.no_grad()
    def fit(self, pictures: Tensor) -> None:
        """Computes the filters from the patches of pictures (n, c, h, w)."""
        step = max(1, min(pictures.shape[2:]) // _POSITIONS)
        patches = F.unfold(pictures, _PATCH, stride=step).transpose(1, 2).flatten(0, 1).double()
        patches -= patches.mean(0)
        variances, axes = torch.linalg.eigh(patches.T @ patches / len(patches))
        rows = axes.T.flip(0)[: len(self.filters) // 2]
        # The sign of an eigenvector is arbitrary: its largest value becomes positive.
        rows *= rows.gather(1, rows.abs().argmax(1, keepdim=True)).sign()
        scale = (variances.flip(0)[: len(rows), None] + _LEAST).rsqrt()
        self.filters.copy_(self._signed(rows * scale, pictures.shape[1]))

    @staticmethod
    def _signed(rows: Tensor, channels: int) -> Tensor:
        """The filters (2k, c, 3, 3) of rows (k, 9c) and of their negatives."""
        return torch.cat([rows, -rows]).view(-1, channels, _PATCH, _PATCH)


def _cell_means(maps: Tensor, count: int) -> Tensor:
    """The means (n, c * count**2) of maps (n, c, h, w) within the cells of a raster.

    They are those of nn.AdaptiveAvgPool2d, as a matrix product: on a CPU that function's gradient
    took a fifth of the training step.
    """
    height, width = (_cells(length, count, maps.device) for length in maps.shape[2:])
    pixels = maps.permute(0, 2, 3, 1).flatten(1, 2)  # (n, h * w, c): a view, as maps are stored
    means: Tensor = torch.kron(height, width).to(maps.dtype) @ pixels
    flat: Tensor = means.transpose(1, 2).flatten(1)
    return flat


def _cells(length: int, count: int, device: torch.device) -> Tensor:
    """The weights (count, length) of the positions of a side in the mean of each cell."""
    cell, position = (
        torch.arange(count, device=device)[:, None],
        torch.arange(length, device=device),
    )
    first, after = cell * length // count, ((cell + 1) * length + count - 1) // count
    inside = (position >= first) & (position < after)
    return inside / inside.sum(1, keepdim=True)


def _norm(name: str, width: int) -> nn.Module:
    if name == "batch":
        return nn.BatchNorm2d(width)
    return nn.GroupNorm(math.gcd(8, width), width)
