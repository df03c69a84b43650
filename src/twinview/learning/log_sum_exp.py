"""Log-sum-exp over all pairs, a tile at a time: what contrastive losses share.

They all need log sum_k exp(a_i . b_k / t) over the candidates k of each anchor i. A tile of
products lives until its rows' running maximum and sum have it; the backward pass computes it again
(as attention does in arXiv 2205.14135). So memory grows with n and not with n squared.
"""

import math
from collections.abc import Iterator
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd import Function

# Rows and columns of a tile. CPU: two of them stay in the caches; larger and smaller are slower.
# Elsewhere: enough work for one launch.
CPU_TILE = 512
TILE = 4096
# PyTorch's once_differentiable would drop the second derivative without a word.
_ONCE_DIFFERENTIABLE = (
    "log-sum-exp in tiles has a first derivative only: use it without create_graph"
)


def log_sum_exp(anchors: Tensor, candidates: Tensor, temperature: float) -> Tensor:
    """Log of the sum of exp(product / temperature) of each anchor with every candidate.

    anchors (n, d), candidates (k, d): float32 or float64, whatever autocast says -> (n,).
    No temperature overflows. Differentiable once, by whichever of the two asks for it.
    """
    found: Tensor = _Candidates.apply(anchors, candidates, temperature)
    return found


def log_sum_exp_of_others(rows: Tensor, temperature: float) -> Tensor:
    """Log of the sum of exp(product / temperature) of each row with every other row.

    rows (n, d), n > 1 -> (n,). As log_sum_exp, in half the time: a pair's product is computed once
    a pass and counts for both of its rows. The row itself is left out exactly.
    """
    assert len(rows) > 1, "no other row to sum over"
    found: Tensor = _Others.apply(rows, temperature)
    return found


def normalise(z: Tensor) -> Tensor:
    """Embeddings scaled to length 1, in float32 at least: halves overflow at low temperatures."""
    scaled: Tensor = F.normalize(upcast(z), dim=-1)
    return scaled


def upcast(z: Tensor) -> Tensor:
    """Embeddings in float32 at least: the squares and products of halves overflow."""
    return z.to(torch.promote_types(z.dtype, torch.float32))


def count_positives(labels: Tensor, views: int) -> Tensor:
    """How many other embeddings have the label of each one: (views * n,) int64, views first.

    Zero is possible with one view only: an anchor that has nothing to be drawn to.
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
        scale, scratch, pull = grad / ctx.temperature, _scratch(rows, rows), torch.zeros_like(rows)
        for here, there in _upper(rows):
            tile, spare = _products(rows[here], rows[there], scratch)
            shares = (level[here, None], scale[here, None], ctx.temperature)
            if here == there:
                _softmax(tile.fill_diagonal_(-math.inf), *shares, out=tile)
                torch.add(tile, tile.T, out=spare)
            else:
                _softmax(tile, *shares, out=spare)
                spare += _softmax(tile, level[there], scale[there], ctx.temperature, out=tile)
                pull[there].addmm_(spare.T, rows[here])
            pull[here].addmm_(spare, rows[there])
        return pull, None


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
        pulls = [
            torch.zeros_like(x) if asked else None
            for x, asked in zip((anchors, candidates), ctx.needs_input_grad, strict=False)
        ]
        for here, there in _all(anchors, candidates):
            tile, _ = _products(anchors[here], candidates[there], scratch)
            _softmax(tile, level[here, None], scale[here, None], ctx.temperature, out=tile)
            if pulls[0] is not None:
                pulls[0][here].addmm_(tile, candidates[there])
            if pulls[1] is not None:
                pulls[1][there].addmm_(tile.T, anchors[here])
        return pulls[0], pulls[1], None


def _blocks(rows: Tensor) -> list[slice]:
    edge = CPU_TILE if rows.device.type == "cpu" else TILE
    return [slice(start, min(start + edge, len(rows))) for start in range(0, len(rows), edge)]


def _upper(rows: Tensor) -> Iterator[tuple[slice, slice]]:
    """The tiles on and above the diagonal; the others are their mirror images."""
    blocks = _blocks(rows)
    return ((here, there) for i, here in enumerate(blocks) for there in blocks[i:])


def _all(anchors: Tensor, candidates: Tensor) -> Iterator[tuple[slice, slice]]:
    return ((here, there) for here in _blocks(anchors) for there in _blocks(candidates))


def _scratch(a: Tensor, b: Tensor) -> Tensor:
    """Room for two tiles, used by all in turn: fresh memory costs as much as the exponential."""
    return a.new_empty(2, _blocks(a)[0].stop * _blocks(b)[0].stop)


def _products(a: Tensor, b: Tensor, scratch: Tensor) -> tuple[Tensor, Tensor]:
    """The products of two blocks, and as much room. Autocast leaves alone what has an `out`."""
    tile, spare = (room[: len(a) * len(b)].view(len(a), len(b)) for room in scratch)
    return torch.mm(a, b.T, out=tile), spare


def _no_sums(rows: Tensor) -> Tensor:
    """(2, n): a running maximum, and a sum relative to it. Finite: inf - inf is not a number."""
    sums = rows.new_zeros(2, len(rows))
    sums[0] = torch.finfo(rows.dtype).min
    return sums


def _add(tile: Tensor, axis: int, sums: Tensor, temperature: float, spare: Tensor) -> None:
    """Sums a tile along an axis into the running sums, whose maximum it may raise."""
    peak, total = sums.unbind()
    raised = torch.maximum(peak, tile.amax(axis))
    total *= _exp(peak - raised, temperature)
    total += _exp(torch.sub(tile, raised.unsqueeze(axis), out=spare), temperature).sum(axis)
    peak.copy_(raised)


def _level(sums: Tensor, temperature: float) -> Tensor:
    """The log-sum-exp times the temperature, that is on the scale of the products."""
    peak, total = sums.unbind()
    return peak + total.log() * temperature


def _softmax(
    tile: Tensor, level: Tensor, scale: Tensor, temperature: float, *, out: Tensor
) -> Tensor:
    return _exp(torch.sub(tile, level, out=out), temperature).mul_(scale)


def _exp(x: Tensor, temperature: float) -> Tensor:
    """exp(x / temperature), in place. As a power of two: PyTorch's exp takes 2.5 times as long."""
    return x.mul_(math.log2(math.e) / temperature).exp2_()
