"""Batch norm over the batches of all processes, or over groups of a batch.

torch's SyncBatchNorm refuses CPU tensors, so that this module has one of its own. Stage pretrain
uses `synchronise`; MoCo uses `split` (arXiv 1911.05722, section 3.3, "shuffling BN").
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
    """Replaces every batch norm below `module` by a SyncedBatchNorm, if there are processes."""
    if processes.world_size() > 1:
        _replace(module, SyncedBatchNorm)


def split(module: nn.Module, size: int) -> None:
    """Replaces every batch norm below `module` by a SplitBatchNorm with groups of `size` rows."""
    _replace(module, lambda original: SplitBatchNorm(original, size))


@final
class SyncedBatchNorm(nn.Module):
    """A batch norm whose mean and variance are those of all processes' batches of equal size."""

    def __init__(self, original: BatchNorm) -> None:
        super().__init__()
        self.weight, self.bias = original.weight, original.bias
        self.eps, self.momentum = original.eps, _momentum(original)
        _take_over_buffers(self, original)

    def forward(self, x: Tensor) -> Tensor:
        """The normalised x, of the same shape: (n, d) or (n, d, h, w)."""
        if not self.training:
            mean, variance = self.get_buffer("running_mean"), self.get_buffer("running_var")
            return F.batch_norm(x, mean, variance, self.weight, self.bias, eps=self.eps)
        dtype = x.dtype
        x = x.to(torch.promote_types(dtype, torch.float32))
        axes, shape = (0, *range(2, x.ndim)), (-1, *[1] * (x.ndim - 2))
        size = processes.world_size()
        batch_mean = processes.all_reduce(x.mean(axes)) / size
        centred = x - batch_mean.view(shape)
        # The mean is subtracted first: a difference of sums of squares cancels in float32.
        batch_variance = processes.all_reduce(centred.square().mean(axes)) / size
        self._update_running(batch_mean, batch_variance, x.numel() // x.shape[1] * size)
        scale = torch.rsqrt(batch_variance + self.eps)
        if self.weight is None:
            return (centred * scale.view(shape)).to(dtype)
        scaled = centred * (scale * self.weight).view(shape) + self.bias.view(shape)
        return scaled.to(dtype)

    @torch.no_grad()
    def _update_running(self, mean: Tensor, variance: Tensor, count: int) -> None:
        """Updates the running statistics; as in torch, their variance is the unbiased one."""
        self.get_buffer("running_mean").lerp_(mean, self.momentum)
        self.get_buffer("running_var").lerp_(variance * count / (count - 1), self.momentum)
        self.get_buffer("num_batches_tracked").add_(1)


@final
class SplitBatchNorm(nn.Module):
    """A batch norm that normalises every group of `size` rows by the group's own statistics.

    Groups are contiguous. So neither the number of processes nor the number of chunks changes them,
    as long as `size` divides the rows that each call gets. The running statistics take in the mean
    over all groups. Calling it in training raises ConfigError for a number of rows that `size` does
    not divide.
    """

    def __init__(self, original: BatchNorm, size: int) -> None:
        super().__init__()
        self.weight, self.bias = original.weight, original.bias
        self.eps, self.momentum, self.size = original.eps, _momentum(original), size
        _take_over_buffers(self, original)

    def forward(self, x: Tensor) -> Tensor:
        """The normalised x, of the same shape: (n, d) or (n, d, h, w)."""
        mean, variance = self.get_buffer("running_mean"), self.get_buffer("running_var")
        if not self.training:
            return F.batch_norm(x, mean, variance, self.weight, self.bias, eps=self.eps)
        self._require_whole_groups(len(x))
        parts = x.split(self.size)
        # (2, groups, d), filled by batch_norm: under momentum 1 its running statistics become those
        # of the group. They start at zero, since 0 * NaN is NaN.
        statistics = mean.new_zeros(2, len(parts), len(mean))
        normalised = [
            F.batch_norm(part, m, v, self.weight, self.bias, True, 1.0, self.eps)
            for part, m, v in zip(parts, *statistics, strict=True)
        ]
        with torch.no_grad():
            recent = processes.all_reduce(statistics.mean(1)) / processes.world_size()
            mean.lerp_(recent[0], self.momentum)
            variance.lerp_(recent[1], self.momentum)
            self.get_buffer("num_batches_tracked").add_(1)
        return torch.cat(normalised)

    def _require_whole_groups(self, rows: int) -> None:
        if rows % self.size:
            raise ConfigError.at(
                "the method's option 'batch_norm_group'",
                f"is {self.size}, which does not divide the {rows} rows that batch norm gets at a "
                "time",
                "choose a group that divides pretrain.micro_batch and each process's part of "
                "pretrain.batch_size",
            )


def _replace(module: nn.Module, make: Callable[[BatchNorm], nn.Module]) -> None:
    """Replaces every batch norm below `module` by what `make` makes of it.

    Weights, buffers and their names stay, so that a saved state fits both. Raises ConfigError for
    a subclass of torch's batch norm that does more, as some of timm's networks have.
    """
    for name, child in module.named_children():
        if isinstance(child, BatchNorm):
            if type(child) not in get_args(BatchNorm):
                raise ConfigError.at(
                    "encoders.backbone.model",
                    f"has a {type(child).__name__}, which can neither be shared by processes nor "
                    "be split (methods.moco.batch_norm_group)",
                    "train in one process without groups, or choose another model",
                )
            setattr(module, name, make(child))
        else:
            _replace(child, make)


def _take_over_buffers(module: nn.Module, original: BatchNorm) -> None:
    for name, buffer in original.named_buffers():
        module.register_buffer(name, buffer)
    module.train(original.training)


def _momentum(original: BatchNorm) -> float:
    assert original.track_running_stats and original.momentum is not None
    return original.momentum
