"""Log-sum-exp over all pairs, which contrastive losses share, computed one tile at a time.

These losses need log sum_k exp(a_i . b_k / t) over the candidates k of each anchor i. A tile of
products is dropped once the running maximum and sum of its rows include it, and the backward pass
computes it again (as attention does in arXiv 2205.14135). So memory grows with n, not n squared.
"""

import math
from collections.abc import Iterator
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd import Function

# Rows and columns of a tile. On a CPU two tiles of this size stay in the caches, and larger and
# smaller tiles are slower. A GPU needs larger tiles, so that a kernel has enough work.
CPU_TILE = 512
TILE = 4096
# once_differentiable of PyTorch would silently drop the second derivative.
_ONCE_DIFFERENTIABLE = (
    "log-sum-exp in tiles has a first derivative only: use it without create_graph"
)


def log_sum_exp(anchors: Tensor, candidates: Tensor, temperature: float) -> Tensor:
    """The log of the sum over candidates of exp(product / temperature), for each anchor: (n,).

    No temperature overflows. The result can be differentiated once, by anchors and candidates.

    Parameters
    ----------
    anchors : (n, d), float32 or float64; autocast does not change the precision.
    candidates : (k, d), of the same dtype.
    temperature : divides the products.
    """
    values: Tensor = _Candidates.apply(anchors, candidates, temperature)
    return values


def log_sum_exp_of_others(rows: Tensor, temperature: float) -> Tensor:
    """The log of the sum over the other rows of exp(product / temperature), for each row: (n,).

    rows: (n, d), n > 1. This takes half the time of log_sum_exp, since each pass computes the
    product of a pair once for both of its rows. The row itself is left out exactly.
    """
    assert len(rows) > 1, "no other row to sum over"
    values: Tensor = _Others.apply(rows, temperature)
    return values


def normalise(z: Tensor) -> Tensor:
    """The embeddings at length 1, in float32 at least, since half precision overflows."""
    scaled: Tensor = F.normalize(upcast(z), dim=-1)
    return scaled


def upcast(z: Tensor) -> Tensor:
    """The embeddings in float32 at least, since squares and products in half precision overflow."""
    return z.to(torch.promote_types(z.dtype, torch.float32))


def count_positives(labels: Tensor, views: int) -> Tensor:
    """How many other embeddings have the same label as each embedding: (views * n,) int64.

    The result is in the order views, examples. It can be zero for a single view only.
    """
    _, classes, sizes = labels.unique(return_inverse=True, return_counts=True)
    others: Tensor = views * sizes[classes] - 1
    return others.repeat(views)


class _Others(Function):
    @staticmethod
    def forward(ctx: Any, rows: Tensor, temperature: float) -> Tensor:
        sums, scratch = _no_sums(rows), _scratch(rows, rows)
        for here, there in _upper(rows):
            tile, spare = _products(rows[here], rows[there], scratch)
            if here == there:
                tile.fill_diagonal_(-math.inf)
            else:
                _add(tile, 0, sums[:, there], temperature, spare)
            _add(tile, 1, sums[:, here], temperature, spare)
        level = _level(sums, temperature)
        ctx.temperature = temperature
        ctx.save_for_backward(rows, level)
        return level / temperature

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        assert not torch.is_grad_enabled(), _ONCE_DIFFERENTIABLE
        rows, level = ctx.saved_tensors
        scale, scratch = grad / ctx.temperature, _scratch(rows, rows)
        gradient = torch.zeros_like(rows)
        for here, there in _upper(rows):
            tile, spare = _products(rows[here], rows[there], scratch)
            shares = (level[here, None], scale[here, None], ctx.temperature)
            if here == there:
                _softmax(tile.fill_diagonal_(-math.inf), *shares, out=tile)
                torch.add(tile, tile.T, out=spare)
            else:
                _softmax(tile, *shares, out=spare)
                spare += _softmax(tile, level[there], scale[there], ctx.temperature, out=tile)
                gradient[there].addmm_(spare.T, rows[here])
            gradient[here].addmm_(spare, rows[there])
        return gradient, None


class _Candidates(Function):
    @staticmethod
    def forward(ctx: Any, anchors: Tensor, candidates: Tensor, temperature: float) -> Tensor:
        sums, scratch = _no_sums(anchors), _scratch(anchors, candidates)
        for here, there in _all(anchors, candidates):
            tile, spare = _products(anchors[here], candidates[there], scratch)
            _add(tile, 1, sums[:, here], temperature, spare)
        level = _level(sums, temperature)
        ctx.temperature = temperature
        ctx.save_for_backward(anchors, candidates, level)
        return level / temperature

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, Tensor | None, None]:
        assert not torch.is_grad_enabled(), _ONCE_DIFFERENTIABLE
        anchors, candidates, level = ctx.saved_tensors
        scale, scratch = grad / ctx.temperature, _scratch(anchors, candidates)
        gradients = [
            torch.zeros_like(x) if needed else None
            for x, needed in zip((anchors, candidates), ctx.needs_input_grad, strict=False)
        ]
        for here, there in _all(anchors, candidates):
            tile, _ = _products(anchors[here], candidates[there], scratch)
            _softmax(tile, level[here, None], scale[here, None], ctx.temperature, out=tile)
            if gradients[0] is not None:
                gradients[0][here].addmm_(tile, candidates[there])
            if gradients[1] is not None:
                gradients[1][there].addmm_(tile.T, anchors[here])
        return gradients[0], gradients[1], None


def _blocks(rows: Tensor) -> list[slice]:
    edge = CPU_TILE if rows.device.type == "cpu" else TILE
    return [slice(start, min(start + edge, len(rows))) for start in range(0, len(rows), edge)]


def _upper(rows: Tensor) -> Iterator[tuple[slice, slice]]:
    """The tiles on and above the diagonal, since the other tiles are their transposes."""
    blocks = _blocks(rows)
    return ((here, there) for i, here in enumerate(blocks) for there in blocks[i:])


def _all(anchors: Tensor, candidates: Tensor) -> Iterator[tuple[slice, slice]]:
    return ((here, there) for here in _blocks(anchors) for there in _blocks(candidates))


def _scratch(a: Tensor, b: Tensor) -> Tensor:
    """Memory for two tiles, which all tiles reuse: new memory takes as long as the exponential."""
    return a.new_empty(2, _blocks(a)[0].stop * _blocks(b)[0].stop)


def _products(a: Tensor, b: Tensor, scratch: Tensor) -> tuple[Tensor, Tensor]:
    """The products of two blocks, and a spare tile. `out` keeps autocast from lower precision."""
    tile, spare = (memory[: len(a) * len(b)].view(len(a), len(b)) for memory in scratch)
    return torch.mm(a, b.T, out=tile), spare


def _no_sums(rows: Tensor) -> Tensor:
    """(2, n): the running maximum, finite since inf - inf is NaN, and the sum relative to it."""
    sums = rows.new_zeros(2, len(rows))
    sums[0] = torch.finfo(rows.dtype).min
    return sums


def _add(tile: Tensor, axis: int, sums: Tensor, temperature: float, spare: Tensor) -> None:
    """Adds a tile, summed along an axis, to the running sums; it may raise their maximum."""
    peak, total = sums.unbind()
    raised = torch.maximum(peak, tile.amax(axis))
    total *= _exp(peak - raised, temperature)
    total += _exp(torch.sub(tile, raised.unsqueeze(axis), out=spare), temperature).sum(axis)
    peak.copy_(raised)


def _level(sums: Tensor, temperature: float) -> Tensor:
    """The log-sum-exp times the temperature, which is on the scale of the products."""
    peak, total = sums.unbind()
    return peak + total.log() * temperature


def _softmax(
    tile: Tensor, level: Tensor, scale: Tensor, temperature: float, *, out: Tensor
) -> Tensor:
    return _exp(torch.sub(tile, level, out=out), temperature).mul_(scale)


def _exp(x: Tensor, temperature: float) -> Tensor:
    """exp(x / temperature), in place, as a power of two: PyTorch's exp takes 2.5 times as long."""
    return x.mul_(math.log2(math.e) / temperature).exp2_()
