"""A small Vision Transformer (ViT; Dosovitskiy et al., arXiv 2010.11929)."""

import math
from collections.abc import Iterator, Mapping
from typing import Any, final

import torch
from torch import Tensor, nn

from twinview.core import declare
from twinview.core.errors import ConfigError
from twinview.pictures.shrinking import shrunk_side
from twinview.settings.params import Params
from twinview.settings.sections import Count


def vit(
    shape: tuple[int, ...], *, patch: Count, width: Count, depth: Count, heads: Count
) -> nn.Module:
    """Transformer layers over the patches of a picture; the features are the mean over patches.

    The features have `width` dimensions. Positions are fixed, so that pictures of other sizes,
    such as small crops, need no other weights. There is neither a class token nor a norm after the
    last layer: in MoCo v3 (arXiv 2104.02057, section 5.3) the mean of the last layer is as good as
    a class token (76.3 and 76.5 %), and the mean behind a norm is worse (69.7 %).

    Parameters
    ----------
    shape : (c, h, w) of one picture.
    patch : the side of a patch in pixels; h and w are multiples of it.
    width : the dimensions of a patch's vector, a multiple of 4 and of `heads`.
    depth : the number of layers.
    heads : the number of attention heads of each layer.

    Raises
    ------
    ValueError : the width is no such multiple.
    ConfigError : the sides of the picture are no such multiples.
    """
    for fault in _faults(width, heads):
        raise ValueError(fault)
    _require_whole_patches(shape, patch)
    return ViT(shape[0], patch, width, depth, heads)


def _check(options: Mapping[str, Any], settings: Params) -> Iterator[str]:
    for fault in _faults(options["width"], options["heads"]):
        yield f"encoders.vit: {fault}"
    # A source may give pictures of another size than data.size: `vit` compares theirs with patch.
    scale, size, patch = settings.pretrain.early_view_scale, settings.data.size, options["patch"]
    if size % patch == 0 and (side := shrunk_side(size, scale)) % patch:
        yield (
            f"encoders.vit.patch: is {patch}, which does not divide early views of {side}x{side}, "
            f"as pretrain.early_view_scale is {scale:g}; set that to 1"
        )


def _faults(width: int, heads: int) -> Iterator[str]:
    least = math.lcm(4, heads)  # 4: sine and cosine, of row and column
    if width % least:
        yield f"width is {width}; set it to a multiple of {least}, for {heads} heads"


DECLARES = declare.Encoder(check=_check, quick={"patch": 1, "width": 8, "depth": 2, "heads": 2})


@final
class ViT(nn.Module):
    """Maps pictures to the last layer's maps (`features`) and to the maps' mean (`forward`)."""

    pooled_positions = 1

    def __init__(self, channels: int, patch: int, width: int, depth: int, heads: int) -> None:
        super().__init__()
        self.patch, self.dim = patch, width
        self.project = nn.Conv2d(channels, width, patch, stride=patch)
        # nn.TransformerEncoder would copy one layer, so that all start with equal weights.
        self.layers = nn.Sequential(*(_layer(width, heads) for _ in range(depth)))
        self.apply(_initialise)

    def features(self, x: Tensor) -> Tensor:
        """The last layer's maps (n, width, h / patch, w / patch) of pictures (n, c, h, w)."""
        _require_whole_patches(x.shape[1:], self.patch)
        maps: Tensor = self.project(x)
        rows, columns = maps.shape[2:]
        places = _positions(rows, columns, self.dim, x.device).to(self.project.weight.dtype)
        patches: Tensor = self.layers((maps + places).flatten(2).transpose(1, 2))
        features: Tensor = patches.transpose(1, 2).unflatten(2, (rows, columns))
        return features

    def forward(self, x: Tensor) -> Tensor:
        """The features (n, width) of pictures (n, c, h, w)."""
        pooled: Tensor = self.features(x).mean((2, 3))
        return pooled


def _layer(width: int, heads: int) -> nn.Module:
    """A layer as in the paper: norms come first, and the hidden width is 4 times the width."""
    return nn.TransformerEncoderLayer(
        width, heads, 4 * width, dropout=0.0, activation="gelu",
        layer_norm_eps=1e-6, batch_first=True, norm_first=True,
    )  # fmt: skip


def _positions(rows: int, columns: int, width: int, device: torch.device | None = None) -> Tensor:
    """(width, rows, columns): sines and cosines of the column, then of the row (MoCo v3).

    A place has the same values in pictures of any size.
    """
    exact: Any = {"dtype": torch.float64, "device": device}
    places = torch.arange(max(rows, columns), **exact)
    angles = torch.outer(10000 ** (-4 / width * torch.arange(width // 4, **exact)), places)
    waves = torch.cat([angles.sin(), angles.cos()])
    across = waves[:, None, :columns].expand(-1, rows, -1)
    down = waves[:, :rows, None].expand(-1, -1, columns)
    return torch.cat([across, down])


def _initialise(module: nn.Module) -> None:
    """Xavier's uniform weights for every matrix, and no biases, as in MoCo v3."""
    if isinstance(module, nn.MultiheadAttention):
        for matrix in module.in_proj_weight.chunk(3):  # of queries, keys and values
            nn.init.xavier_uniform_(matrix)
    elif isinstance(module, nn.Linear | nn.Conv2d):
        nn.init.xavier_uniform_(module.weight.flatten(1))
        assert module.bias is not None
        nn.init.zeros_(module.bias)


def _require_whole_patches(shape: tuple[int, ...], patch: int) -> None:
    *_, rows, columns = shape
    if rows % patch or columns % patch:
        common = math.gcd(rows, columns)
        fitting = [str(side) for side in range(1, common + 1) if common % side == 0]
        raise ConfigError.at(
            "encoders.vit.patch",
            f"is {patch}, which does not divide pictures of {rows} x {columns}",
            f"set it to a divisor of both sides ({', '.join(fitting)}), or set "
            "pretrain.early_view_scale to 1 if these are smaller views",
        )
