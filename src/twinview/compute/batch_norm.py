"""Batch norm over the batches of all processes, or over parts of a batch.

torch's SyncBatchNorm refuses CPU tensors.
"""

from collections.abc import Callable
from typing import final, get_args

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from twinview.compute import processes
from twinview.core.errors import ConfigError

BatchNorm = nn.BatchNorm1d | nn.BatchNorm2d


def synchronise(module: nn.Module) -> None:
    """Puts a SyncedBatchNorm in every batch norm's place below module; alone, changes nothing."""
    if processes.world_size() > 1:
        _replace(module, SyncedBatchNorm)


def split(module: nn.Module, size: int) -> None:
    """Puts a SplitBatchNorm in every batch norm's place below module."""
    _replace(module, lambda plain: SplitBatchNorm(plain, size))


@final
class SyncedBatchNorm(nn.Module):
    """The batch norm it is made from, with mean and variance of all processes' equal batches."""

    def __init__(self, plain: BatchNorm) -> None:
        super().__init__()
        self.weight, self.bias = plain.weight, plain.bias
        self.eps, self.momentum = plain.eps, _momentum(plain)
        _take_over_buffers(self, plain)

    def forward(self, x: Tensor) -> Tensor:
        """(n, d) or (n, d, h, w), normalised."""
        mean, variance = self.get_buffer("running_mean"), self.get_buffer("running_var")
        if not self.training:
            return F.batch_norm(x, mean, variance, self.weight, self.bias, eps=self.eps)
        dtype = x.dtype
        x = x.to(torch.promote_types(dtype, torch.float32))
        axes, shape = (0, *range(2, x.ndim)), (-1, *[1] * (x.ndim - 2))
        world = processes.world_size()
        batch_mean = processes.all_reduce(x.mean(axes)) / world
        centred = x - batch_mean.view(shape)
        # After the mean, and not from sums of squares, which cancel in float32.
        batch_variance = processes.all_reduce(centred.square().mean(axes)) / world
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


@final
class SplitBatchNorm(nn.Module):
    """The batch norm it is made from, with mean and variance of each `size` rows by themselves.

    Groups are contiguous, so neither the number of processes nor that of chunks changes them, as
    long as `size` divides what each gets. Running statistics take in the mean over all groups.
    Raises ConfigError for rows that do not divide.
    """

    def __init__(self, plain: BatchNorm, size: int) -> None:
        super().__init__()
        self.weight, self.bias = plain.weight, plain.bias
        self.eps, self.momentum, self.size = plain.eps, _momentum(plain), size
        _take_over_buffers(self, plain)

    def forward(self, x: Tensor) -> Tensor:
        """(n, d) or (n, d, h, w), normalised."""
        mean, variance = self.get_buffer("running_mean"), self.get_buffer("running_var")
        if not self.training:
            return F.batch_norm(x, mean, variance, self.weight, self.bias, eps=self.eps)
        if len(x) % self.size:
            raise ConfigError(
                f"batch norm in groups of {self.size} (the method's option 'norm_group') cannot "
                f"divide the {len(x)} rows that it gets at a time; choose a group that divides "
                "pretrain.micro_batch and each process's part of pretrain.batch_size"
            )
        parts = x.split(self.size)
        # (2, groups, d). With momentum 1 batch_norm remembers the group's own; 0 * NaN is NaN.
        own = mean.new_zeros(2, len(parts), len(mean))
        normed = [
            F.batch_norm(part, m, v, self.weight, self.bias, True, 1.0, self.eps)
            for part, m, v in zip(parts, *own, strict=True)
        ]
        with torch.no_grad():
            recent = processes.all_reduce(own.mean(1)) / processes.world_size()
            mean.lerp_(recent[0], self.momentum)
            variance.lerp_(recent[1], self.momentum)
            self.get_buffer("num_batches_tracked").add_(1)
        return torch.cat(normed)


def _replace(module: nn.Module, make: Callable[[BatchNorm], nn.Module]) -> None:
    """Weights, buffers and their names stay, so that what is saved does not tell the difference.

    Raises ConfigError for one that does more than torch's, as in some of timm's networks.
    """
    for name, child in module.named_children():
        if isinstance(child, BatchNorm):
            if type(child) not in get_args(BatchNorm):
                raise ConfigError(
                    f"the encoder's {type(child).__name__} can be neither shared by processes nor "
                    "split (methods.moco.norm_group); train in one process, without groups, or "
                    "choose another encoders.backbone.model"
                )
            setattr(module, name, make(child))
        else:
            _replace(child, make)


def _take_over_buffers(module: nn.Module, plain: BatchNorm) -> None:
    for name, buffer in plain.named_buffers():
        module.register_buffer(name, buffer)
    module.train(plain.training)


def _momentum(plain: BatchNorm) -> float:
    assert plain.track_running_stats and plain.momentum is not None
    return plain.momentum
