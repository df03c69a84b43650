"""The gradient of a large batch in the memory of a small one (gradient cache, arXiv 2101.06983).

The encoder runs on a few examples at a time, without a graph, and only its outputs h are kept.
Heads and objective see all of them; when their gradient comes back to h, each chunk is encoded once
more, under the random numbers of its first time, and hands the gradient on to the weights.
"""

import contextlib
from collections.abc import Iterator
from typing import Any, final

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.utils.checkpoint import get_device_states, set_device_states


@final
class GradientCache(nn.Module):
    """An encoder as methods call it: views (v, n, ...) in, h (v, n, d) out.

    micro_batch: how many of the n examples are encoded at a time, all views of one together. h and
    its gradient do not depend on it, but for batch norm: in training, an encoder's statistics are
    those of a chunk, and the running ones take in each chunk once.
    """

    def __init__(self, encoder: nn.Module, micro_batch: int) -> None:
        super().__init__()
        self.encoder = encoder
        self.micro_batch = micro_batch

    def forward(self, views: Tensor) -> Tensor:
        """(v, n, ...) to (v, n, d)."""
        if views.shape[1] <= self.micro_batch:
            return _encode(self.encoder, views)
        weights = [weight for weight in self.encoder.parameters() if weight.requires_grad]
        return _Chunks.apply(self.encoder, self.micro_batch, views, *weights)  # type: ignore[no-any-return]


class _Chunks(torch.autograd.Function):
    """Not torch's checkpoint: its graph's nodes, left between the chunks, shred glibc's heap."""

    @staticmethod
    def forward(
        ctx: Any, encoder: nn.Module, micro_batch: int, views: Tensor, *weights: Tensor
    ) -> Tensor:
        ctx.encoder, ctx.micro_batch, ctx.random = encoder, micro_batch, []
        ctx.arithmetic = _autocast_state(views.device.type)
        ctx.save_for_backward(views, *weights)
        whole = None
        for rows in _chunks(views, micro_batch):
            ctx.random.append((torch.get_rng_state(), *get_device_states(views)))
            h = _encode(encoder, views[:, rows])
            if whole is None:
                whole = h.new_empty(*views.shape[:2], *h.shape[2:])
            whole[:, rows] = h
        assert whole is not None
        return whole

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        views, *weights = ctx.saved_tensors
        sums: list[Tensor | None] = [None] * len(weights)
        chunks = zip(_chunks(views, ctx.micro_batch), ctx.random, strict=True)
        with _restored_buffers(ctx.encoder):
            for rows, random in chunks:
                with torch.enable_grad(), torch.autocast(**ctx.arithmetic), _random_state(*random):
                    h = _encode(ctx.encoder, views[:, rows])
                own = torch.autograd.grad(h, weights, gradient[:, rows], allow_unused=True)
                sums = [_sum(*parts) for parts in zip(sums, own, strict=True)]
        return None, None, None, *sums


def _encode(encoder: nn.Module, views: Tensor) -> Tensor:
    """All views in one pass, so that batch norm sees them together."""
    h: Tensor = encoder(views.flatten(0, 1)).unflatten(0, views.shape[:2])
    return h


def _chunks(views: Tensor, micro_batch: int) -> list[slice]:
    """The examples of each chunk."""
    return [slice(start, start + micro_batch) for start in range(0, views.shape[1], micro_batch)]


def _sum(first: Tensor | None, second: Tensor | None) -> Tensor | None:
    """None is the gradient of a weight that was not used."""
    return second if first is None else first if second is None else first + second


def _autocast_state(device_type: str) -> dict[str, Any]:
    """What autocast says now, to say it again."""
    return {
        "device_type": device_type,
        "dtype": torch.get_autocast_dtype(device_type),
        "enabled": torch.is_autocast_enabled(device_type),
    }


@contextlib.contextmanager
def _random_state(cpu: Tensor, devices: list[int], states: list[Tensor]) -> Iterator[None]:
    """The random numbers of an earlier time; afterwards, those that would have come now."""
    with torch.random.fork_rng(devices):
        torch.set_rng_state(cpu)
        set_device_states(devices, states)
        yield


@contextlib.contextmanager
def _restored_buffers(module: nn.Module) -> Iterator[None]:
    """Running statistics are afterwards what they were before: each chunk counts once."""
    before = [(buffer, buffer.clone()) for buffer in module.buffers()]
    try:
        yield
    finally:
        for buffer, value in before:
            buffer.copy_(value)
