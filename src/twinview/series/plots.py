"""Small plots of series, as pictures."""

import torch
import torch.nn.functional as F
from torch import Tensor

HEIGHT, WIDTH = 48, 64
_REACH = 3.0  # standard deviations above and below the mean that a plot shows
_BLOCK = 256  # series that are drawn at a time
# Of Okabe and Ito, which people with colour blindness tell apart.
_COLOURS = (
    (0, 114, 178),
    (213, 94, 0),
    (0, 158, 115),
    (204, 121, 167),
    (230, 159, 0),
    (86, 180, 233),
)


def plots(x: Tensor, mean: Tensor, std: Tensor) -> Tensor:
    """Pictures (n, 3, 48, 64) uint8 of series: a line for each channel, none where it is missing.

    Parameters
    ----------
    x : (n, c, t), NaN where nothing was measured.
    mean, std : (c,), which all plots have as their scale; the lines of more than 6 channels share
        colours.
    """
    parts = [_draw((part - mean[:, None]) / std[:, None]) for part in x.split(_BLOCK)]
    return torch.cat(parts) if parts else torch.empty(0, 3, HEIGHT, WIDTH, dtype=torch.uint8)


def _draw(x: Tensor) -> Tensor:
    columns = torch.linspace(0, x.shape[2] - 1, WIDTH).round().long()
    heights = (_REACH - x[..., columns]).clamp(0, 2 * _REACH) * ((HEIGHT - 1) / (2 * _REACH))
    # A column's line reaches halfway to its neighbours, so that steep lines have no gaps.
    padded = F.pad(heights, (1, 1), value=float("nan"))
    low, high = heights.clone(), heights.clone()
    for other in (padded[..., :-2], padded[..., 2:]):
        middle = ((heights + other) / 2).where(~other.isnan(), heights)
        low, high = low.minimum(middle), high.maximum(middle)
    rows = torch.arange(HEIGHT)[:, None]
    sheet = torch.full((len(x), 3, HEIGHT, WIDTH), 255, dtype=torch.uint8)
    for channel in range(x.shape[1]):
        line = (rows >= low[:, channel, None].round()) & (rows <= high[:, channel, None].round())
        colour = torch.tensor(_COLOURS[channel % len(_COLOURS)], dtype=torch.uint8)
        sheet = colour[:, None, None].where(line[:, None], sheet)
    return sheet
