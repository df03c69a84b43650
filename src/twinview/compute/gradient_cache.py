"""The gradient of a large batch in the memory of a small one (gradient cache, arXiv 2101.06983).

The encoder runs on chunks of a few examples, without a graph, and only its outputs h are kept.
Heads and objective see all of h. When their gradient comes back to h, each chunk is encoded again,
with the random numbers of the first time, and the gradient continues to the encoder's weights.
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
    """An encoder as methods call it: it maps views (v, n, ...) to h (v, n, d).

    `micro_batch` is the number of examples that are encoded at a time, with all views of each. h
    and its gradient do not depend on it unless the encoder has batch norm: then, in training, the
    statistics are those of a chunk, and the running statistics take in each chunk once.
    """

    def __init__(self, encoder: nn.Module, micro_batch: int) -> None:
        super().__init__()
        self.encoder = encoder
        self.micro_batch = micro_batch

    def forward(self, views: Tensor) -> Tensor:
        """h (v, n, d) of the views (v, n, ...)."""
        if views.shape[1] <= self.micro_batch:
            return _encode(self.encoder, views)
        weights = [weight for weight in self.encoder.parameters() if weight.requires_grad]
        return _Chunks.apply(self.encoder, self.micro_batch, views, *weights)  # type: ignore[no-any-return]


class _Chunks(torch.autograd.Function):
    """The encoder, chunk by chunk.

    This is not torch's checkpoint, whose graph nodes stay between the chunks and fragment glibc's
    heap.
    """

    @staticmethod
    def forward(
        ctx: Any, encoder: nn.Module, micro_batch: int, views: Tensor, *weights: Tensor
    ) -> Tensor:
        ctx.encoder, ctx.micro_batch, ctx.random = encoder, micro_batch, []
        ctx.autocast = _autocast_state(views.device.type)
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
                with torch.enable_grad(), torch.autocast(**ctx.autocast), _random_state(*random):
                    h = _encode(ctx.encoder, views[:, rows])
                gradients = torch.autograd.grad(h, weights, gradient[:, rows], allow_unused=True)
                sums = [_sum(*parts) for parts in zip(sums, gradients, strict=True)]
        return None, None, None, *sums


def _encode(encoder: nn.Module, views: Tensor) -> Tensor:
    """h (v, n, d). All views go through in one pass, so that batch norm sees them together."""
    h: Tensor = encoder(views.flatten(0, 1)).unflatten(0, views.shape[:2])
    return h


def _chunks(views: Tensor, micro_batch: int) -> list[slice]:
    """The rows of each chunk."""
    return [slice(start, start + micro_batch) for start in range(0, views.shape[1], micro_batch)]


def _sum(first: Tensor | None, second: Tensor | None) -> Tensor | None:
    """The sum of two gradients; None is the gradient of a weight that was not used."""
    return second if first is None else first if second is None else first + second


def _autocast_state(device_type: str) -> dict[str, Any]:
    """The arguments with which torch.autocast restores its present state."""
    return {
        "device_type": device_type,
        "dtype": torch.get_autocast_dtype(device_type),
        "enabled": torch.is_autocast_enabled(device_type),
    }


@contextlib.contextmanager
def _random_state(cpu: Tensor, devices: list[int], states: list[Tensor]) -> Iterator[None]:
    """Restores an earlier random state inside the block, and the present one after it."""
    with torch.random.fork_rng(devices):
        torch.set_rng_state(cpu)
        set_device_states(devices, states)
        yield


@contextlib.contextmanager
def _restored_buffers(module: nn.Module) -> Iterator[None]:
    """Restores all buffers after the block, so that running statistics count each chunk once."""
    before = [(buffer, buffer.clone()) for buffer in module.buffers()]
    try:
        yield
    finally:
        for buffer, value in before:
            buffer.copy_(value)
