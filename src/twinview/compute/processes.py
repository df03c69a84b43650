"""The processes of one training, and what they exchange.

torchrun starts the processes, and they share each batch. Every process encodes and projects its
contiguous rows of the batch; it then gathers the projections of all processes, and computes from
them the loss of the whole batch. The launcher of stages, the training loop and batch norm use this.
"""

import contextlib
import math
import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed.rendezvous import rendezvous

from twinview.core.errors import ConfigError, ProcessLostError
from twinview.core.types import Projections

T = TypeVar("T")

# An environment variable: the path of the file by which the processes of one machine find each
# other. Without it, torchrun's address is used.
RENDEZVOUS_FILE = "TWINVIEW_RENDEZVOUS_FILE"

# The first process may wait for a training of equal settings in another copy of the project, and
# the other processes wait for the first one meanwhile. PyTorch's own limit is 30 minutes.
TIMEOUT = timedelta(days=7)


@contextlib.contextmanager
def process_group() -> Iterator[Callable[..., bool]]:
    """Joins the processes that torchrun started; without torchrun, this process stays alone.

    Yields a function `claim_first(claim=True)`. It returns True to the process that calls it first
    and False to all others. With claim=False it returns True as long as no process has claimed.
    Tensors on GPUs are exchanged by NCCL, which has not been tried on hardware yet.
    """
    if "RANK" not in os.environ:
        yield lambda claim=True: True
        return
    with _lost_peers_reported():
        store, process_rank, size = _rendezvous()
        backend = "cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo"
        dist.init_process_group(
            backend, timeout=TIMEOUT, store=store, rank=process_rank, world_size=size
        )
    try:
        yield partial(_claim_first, store)
    finally:
        dist.destroy_process_group()


def world_size() -> int:
    """The number of processes that share a batch."""
    return dist.get_world_size() if dist.is_initialized() else 1


def rank() -> int:
    """The number of this process, from 0. Only process 0 writes files and shows progress."""
    return dist.get_rank() if dist.is_initialized() else 0


def broadcast(value: T) -> T:
    """The value of process 0, on every process."""
    values = [value]
    if world_size() > 1:
        with _lost_peers_reported():
            dist.broadcast_object_list(values)
    return values[0]


def gather_lists(values: list[T]) -> list[T]:
    """On process 0 the lists of all processes, joined in order of rank; elsewhere an empty list."""
    if world_size() == 1:
        return values
    parts: list[Any] | None = [None] * world_size() if rank() == 0 else None
    with _lost_peers_reported():
        dist.gather_object(values, parts)
    return [value for part in parts or [] for value in part]


def any_process(claim: bool) -> bool:
    """Whether the claim is true on at least one process. Every process has to call this."""
    return bool(all_reduce(torch.tensor(float(claim))))


def local_micro_batch(batch_size: int, micro_batch: int | None) -> int:
    """The number of examples that this process encodes at a time.

    It is `micro_batch`, or the process's whole part of the batch when `micro_batch` is None or
    larger than that part. Raises ConfigError when the processes cannot share a batch evenly, or
    when `micro_batch` does not divide a process's part.
    """
    part, rest = divmod(batch_size, world_size())
    if rest:
        raise ConfigError.at(
            "pretrain.batch_size",
            f"is {batch_size}, which {world_size()} processes cannot share evenly",
            f"set it to {batch_size - rest or world_size()}",
        )
    if micro_batch is None or micro_batch >= part:
        return part
    if part % micro_batch:
        raise ConfigError.at(
            "pretrain.micro_batch",
            f"is {micro_batch}, which does not divide the {part} examples of each of "
            f"{world_size()} processes",
            f"set it to {math.gcd(part, micro_batch)}",
        )
    return micro_batch


def local_rows(rows: Tensor) -> Tensor:
    """This process's contiguous part of the rows; joined in order of rank, the parts are `rows`."""
    return rows.tensor_split(world_size())[rank()]


def gather_projections(projections: Projections) -> Projections:
    """The projections of all processes, in order of rank, on every process.

    The gradient of a row goes back to the process that projected the row.
    """
    if world_size() == 1:
        return projections
    labels = projections.labels
    return replace(
        projections.map(lambda x: all_gather(x, dim=1)),
        labels=None if labels is None else all_gather(labels, dim=0),
    )


def all_gather(x: Tensor, dim: int) -> Tensor:
    """The tensors of all processes, concatenated along `dim` in order of rank, with gradient.

    This is an all-reduce of blocks that are zero but for the process's own block, so that
    `all_reduce` alone defines how gradients go back.
    """
    blank = torch.zeros_like(x)
    blocks = [x if number == rank() else blank for number in range(world_size())]
    return all_reduce(torch.cat(blocks, dim))


def all_reduce(x: Tensor) -> Tensor:
    """The sum of the processes' tensors, on every process, with gradient."""
    return _AllReduce.apply(x) if world_size() > 1 else x


def average_gradients(parameters: Iterable[nn.Parameter]) -> None:
    """Replaces every gradient by its mean over all processes.

    Each process computes the same loss of the whole batch, and the backward pass of
    `gather_projections` adds up what all these losses say of one projection. So the gradient of
    that loss is the mean over processes, and not the sum.
    """
    gradients = [p.grad for p in parameters if p.grad is not None]
    if world_size() == 1:
        return
    bucket = torch.cat([gradient.flatten() for gradient in gradients])
    _all_reduce_in_place(bucket)
    means = (bucket / world_size()).split([gradient.numel() for gradient in gradients])
    for gradient, mean in zip(gradients, means, strict=True):
        gradient.copy_(mean.view(gradient.shape))


class _AllReduce(torch.autograd.Function):
    """An all-reduce whose gradient is all-reduced too: the sum enters the loss of every process."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        x = x.clone(memory_format=torch.contiguous_format)
        _all_reduce_in_place(x)
        return x

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        return all_reduce(gradient)


def _all_reduce_in_place(x: Tensor) -> None:
    with _lost_peers_reported():
        dist.all_reduce(x)


def _rendezvous() -> tuple[Any, int, int]:
    """The store that the processes share, the rank of this process, and the world size."""
    if RENDEZVOUS_FILE not in os.environ:
        store, process_rank, size = next(rendezvous("env://"))
        return store, process_rank, size
    process_rank, size = (int(os.environ[name]) for name in ("RANK", "WORLD_SIZE"))
    store = dist.FileStore(os.environ[RENDEZVOUS_FILE], size)  # type: ignore[attr-defined]
    return store, process_rank, size


def _claim_first(store: Any, claim: bool = True) -> bool:
    try:
        return bool(store.add("calls", int(claim)) == int(claim))
    except RuntimeError:  # torchrun keeps the store, and torchrun has ended
        return True


@contextlib.contextmanager
def _lost_peers_reported() -> Iterator[None]:
    """Raises ProcessLostError when an exchange inside the block fails.

    The backends share no error that is narrower than RuntimeError.
    """
    try:
        yield
    except RuntimeError as error:
        raise ProcessLostError(
            "this process has lost the others: one of them has ended or cannot be reached "
            f"({str(error).splitlines()[0]}); run the stage again, and the training continues from "
            "its last checkpoint"
        ) from error
