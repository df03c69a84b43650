"""Which examples an epoch's batches hold: all of them shuffled, or classes x examples."""

import torch
from torch import Tensor

from twinview.core.errors import ConfigError, DataError


def shuffled_batches(examples: int, batch_size: int, generator: torch.Generator) -> Tensor:
    """Every row at most once, in random order: (batches, batch_size). An uneven rest is dropped."""
    order = torch.randperm(examples, generator=generator)
    return order[: examples // batch_size * batch_size].view(-1, batch_size)


def balanced_batches(
    labels: Tensor | None, per_class: int, batch_size: int, generator: torch.Generator
) -> Tensor:
    """Batches of batch_size / per_class random classes, per_class different rows of each.

    labels: (n,). (batches, batch_size) rows in random order, as many batches as if shuffled. A
    class has its rows in rounds, in each of which a row comes at most once; so classes come equally
    often on average, and the rows of a small class more often than those of a large one: some of
    these may not come in an epoch. A row that comes again in an epoch has the same views. Raises
    DataError for unlabelled data, ConfigError where classes are too few or too small.
    """
    if labels is None:
        raise DataError(
            "pretrain.examples_per_class balances classes, and this data has no labels; "
            "set it to null"
        )
    names, classes, sizes = labels.unique(return_inverse=True, return_counts=True)
    _require_enough(names, sizes, per_class, batch_size)
    count, per_batch = len(labels) // batch_size, batch_size // per_class
    drawn = torch.rand(count, len(names), generator=generator).argsort(1)[:, :per_batch]
    rows = torch.empty(count, per_batch, per_class, dtype=torch.int64)
    for place in range(len(names)):
        mine = drawn == place
        own = (classes == place).nonzero().squeeze(1)
        rows[mine] = _rows_in_rounds(own, int(mine.sum()), per_class, generator)
    # Else each chunk of a batch would hold classes of its own, and batch norm would tell them.
    order = torch.rand(count, batch_size, generator=generator).argsort(1)
    return rows.flatten(1).gather(1, order)


def _rows_in_rounds(rows: Tensor, count: int, size: int, generator: torch.Generator) -> Tensor:
    """Rows in groups of different ones: (count, size). What a round leaves over is dropped."""
    per_round = len(rows) // size
    rounds = [
        rows[torch.randperm(len(rows), generator=generator)][: per_round * size].view(-1, size)
        for _ in range(-(-count // per_round))
    ]
    return torch.cat([rows.new_empty(0, size), *rounds])[:count]


def _require_enough(names: Tensor, sizes: Tensor, per_class: int, batch_size: int) -> None:
    place = f"pretrain.examples_per_class: is {per_class}, "
    if batch_size // per_class > len(names):
        enough = range(-(-batch_size // len(names)), batch_size + 1)
        raise ConfigError(
            f"{place}and a batch of {batch_size} then takes {batch_size // per_class} classes, "
            f"where the train split has {len(names)}; set it to "
            f"{next(size for size in enough if batch_size % size == 0)}, or lower "
            "pretrain.batch_size"
        )
    if int(sizes.min()) < per_class:
        raise ConfigError(
            f"{place}and class {names[sizes.argmin()]} has only {sizes.min()} examples in the "
            f"train split; lower it to {sizes.min()} or less"
        )
