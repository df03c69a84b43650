"""The processes of one training, and what they exchange.

Processes that torchrun starts share each batch: every one projects its own, contiguous part, and
computes the loss of the whole from everyone's projections.
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

# Names the file by which the processes of one machine find each other, where there is one.
RENDEZVOUS_FILE = "TWINVIEW_MEETING"

# Others wait while the first waits for a training of equal settings in another copy of the project.
TIMEOUT = timedelta(days=7)


@contextlib.contextmanager
def process_group() -> Iterator[Callable[..., bool]]:
    """Together with the processes that torchrun started, or alone when it started none.

    Gives a function that is true for the one that calls it first, of all processes; with
    claim=False, while none has called it yet. What is on a GPU is exchanged by NCCL, which has not
    been tried on hardware yet.
    """
    if "RANK" not in os.environ:
        yield lambda claim=True: True
        return
    with _lost_peers_reported():
        store, place, world = _rendezvous()
        backend = "cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo"
        dist.init_process_group(backend, timeout=TIMEOUT, store=store, rank=place, world_size=world)
    try:
        yield partial(_claim_first, store)
    finally:
        dist.destroy_process_group()


def _rendezvous() -> tuple[Any, int, int]:
    """The store that the processes share, this one's place, and how many there are."""
    if RENDEZVOUS_FILE not in os.environ:
        store, place, world = next(rendezvous("env://"))
        return store, place, world
    place, world = (int(os.environ[name]) for name in ("RANK", "WORLD_SIZE"))
    store = dist.FileStore(os.environ[RENDEZVOUS_FILE], world)  # type: ignore[attr-defined]
    return store, place, world


def _claim_first(store: Any, claim: bool = True) -> bool:
    try:
        return bool(store.add("calls", int(claim)) == int(claim))
    except RuntimeError:  # torchrun, which keeps the store, is gone
        return True


@contextlib.contextmanager
def _lost_peers_reported() -> Iterator[None]:
    """Around every exchange. Backends have no narrower error in common for one that fails."""
    try:
        yield
    except RuntimeError as error:
        raise ProcessLostError(
            "this process has lost the others: one has ended, or cannot be reached "
            f"({str(error).splitlines()[0]}). Run the stage again: a training goes on from its "
            "last checkpoint"
        ) from error


def world_size() -> int:
    """How many share a batch."""
    return dist.get_world_size() if dist.is_initialized() else 1


def rank() -> int:
    """The place of this process among them; 0 is the one that writes files and shows progress."""
    return dist.get_rank() if dist.is_initialized() else 0


def broadcast(value: T) -> T:
    """The first process's value, on every process."""
    values = [value]
    if world_size() > 1:
        with _lost_peers_reported():
            dist.broadcast_object_list(values)
    return values[0]


def gather_lists(values: list[T]) -> list[T]:
    """The lists of all processes, put together in order of rank; elsewhere than on the first, []"""
    if world_size() == 1:
        return values
    parts: list[Any] | None = [None] * world_size() if rank() == 0 else None
    with _lost_peers_reported():
        dist.gather_object(values, parts)
    return [value for part in parts or [] for value in part]


def any_process(claim: bool) -> bool:
    """Whether it holds on any process. Each has to ask."""
    return bool(all_reduce(torch.tensor(float(claim))))


def local_micro_batch(batch_size: int, micro_batch: int | None) -> int:
    """How many examples this process encodes at a time: micro_batch, or its whole part.

    Raises ConfigError when a batch does not divide evenly among processes, or a part into chunks.
    """
    part, rest = divmod(batch_size, world_size())
    if rest:
        raise ConfigError(
            f"pretrain.batch_size: is {batch_size}, and {world_size()} processes cannot share it "
            f"evenly; set it to {batch_size - rest or world_size()}"
        )
    if micro_batch is None or micro_batch >= part:
        return part
    if part % micro_batch:
        raise ConfigError(
            f"pretrain.micro_batch: is {micro_batch}, which does not divide the {part} examples of "
            f"each of {world_size()} processes; set it to {math.gcd(part, micro_batch)}"
        )
    return micro_batch


def local_rows(rows: Tensor) -> Tensor:
    """This process's rows of a batch. Contiguous: in order of rank they are the batch again."""
    return rows.tensor_split(world_size())[rank()]


def gather_projections(projections: Projections) -> Projections:
    """Everyone's projections, the same on each process; gradients go back to whose they are."""
    if world_size() == 1:
        return projections
    labels = projections.labels
    return replace(
        projections.map(lambda x: all_gather(x, dim=1)),
        labels=None if labels is None else all_gather(labels, dim=0),
    )


def all_gather(x: Tensor, dim: int) -> Tensor:
    """The processes' parts along dim, put together in order of rank; gradients go back.

    All-gather, as the sum of blocks that are zero but for the own one: one law of gradients.
    """
    blank = torch.zeros_like(x)
    blocks = [x if place == rank() else blank for place in range(world_size())]
    return all_reduce(torch.cat(blocks, dim))


def all_reduce(x: Tensor) -> Tensor:
    """Sum over the processes, on each of them, with gradient."""
    return _AllReduce.apply(x) if world_size() > 1 else x


def average_gradients(parameters: Iterable[nn.Parameter]) -> None:
    """Gives every process the mean of all processes' gradients.

    Each process computes the same loss of the whole batch, and gather's backward adds up what all
    of these say of one projection: the mean, not the sum, is the gradient of that loss.
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
    """All-reduce; the gradient is all-reduced too, since the sum enters everyone's loss."""

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
