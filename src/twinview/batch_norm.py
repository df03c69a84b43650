"""Batch norm over the batches of all processes (torch's SyncBatchNorm refuses CPU tensors)."""

from typing import final

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from twinview import engine

Plain = nn.BatchNorm1d | nn.BatchNorm2d


def synchronise(module: nn.Module) -> None:
    """Puts a SyncedBatchNorm in every batch norm's place below module; alone, changes nothing.

    Weights, buffers and their names stay, so that what is saved does not tell the difference.
    """
    if engine.processes() == 1:
        return
    for name, child in module.named_children():
        if isinstance(child, Plain):
            setattr(module, name, SyncedBatchNorm(child))
        else:
            synchronise(child)


@final
class SyncedBatchNorm(nn.Module):
    """The batch norm it is made from, with mean and variance of all processes' equal batches."""

    def __init__(self, plain: Plain) -> None:
        super().__init__()
        assert plain.track_running_stats and plain.momentum is not None
        self.eps, self.momentum = plain.eps, plain.momentum
        self.weight, self.bias = plain.weight, plain.bias
        for name, buffer in plain.named_buffers():
            self.register_buffer(name, buffer)
        self.train(plain.training)

    def forward(self, x: Tensor) -> Tensor:
        """(n, d) or (n, d, h, w), normalised."""
        mean, variance = self.get_buffer("running_mean"), self.get_buffer("running_var")
        if not self.training:
            return F.batch_norm(x, mean, variance, self.weight, self.bias, eps=self.eps)
        dtype = x.dtype
        x = x.to(torch.promote_types(dtype, torch.float32))
        axes, shape = (0, *range(2, x.ndim)), (-1, *[1] * (x.ndim - 2))
        world = engine.processes()
        batch_mean = engine.total(x.mean(axes)) / world
        centred = x - batch_mean.view(shape)
        # After the mean, and not from sums of squares, which cancel in float32.
        batch_variance = engine.total(centred.square().mean(axes)) / world
        self._remember(batch_mean, batch_variance, x.numel() // x.shape[1] * world)
        scale = torch.rsqrt(batch_variance + self.eps)
        if self.weight is None:
            return (centred * scale.view(shape)).to(dtype)
        scaled = centred * (scale * self.weight).view(shape) + self.bias.view(shape)
        return scaled.to(dtype)

    @torch.no_grad()
    def _remember(self, mean: Tensor, variance: Tensor, count: int) -> None:
        """Running statistics; of the variance the unbiased one, as in torch's."""
        self.get_buffer("running_mean").lerp_(mean, self.momentum)
        self.get_buffer("running_var").lerp_(variance * count / (count - 1), self.momentum)
        self.get_buffer("num_batches_tracked").add_(1)
