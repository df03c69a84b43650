"""The rows of an epoch's batches: shuffled, one of a unit, or several of each of some classes."""

import torch
from torch import Tensor

from twinview.core.counts import counted
from twinview.core.errors import ConfigError, DataError


def shuffled_batches(examples: int, batch_size: int, generator: torch.Generator) -> Tensor:
    """The rows of each batch, in random order: (batches, batch_size) int64.

    Each row comes at most once. Rows that do not fill a batch are left out.
    """
    order = torch.randperm(examples, generator=generator)
    return order[: examples // batch_size * batch_size].view(-1, batch_size)


def batches_apart(units: Tensor, batch_size: int, generator: torch.Generator) -> Tensor:
    """Random batches of which none has two rows of a unit.

    There are as many batches as `shuffled_batches` gives, and each row comes at most once. A unit
    with more rows than there are batches leaves out some, at random. The rows of a unit go to the
    batches that have the most room, so all of them find one if that is possible at all (the
    theorem of Havel and Hakimi, for bipartite graphs).

    Parameters
    ----------
    units : (n,) int64, which `fit_apart` accepts.
    batch_size : the number of rows of a batch.
    generator : draws the rows and their order.

    Returns
    -------
    The rows of each batch, in random order: (batches, batch_size) int64.
    """
    count = len(units) // batch_size
    kept = _at_most(count, units, generator)[: count * batch_size]
    _, unit, sizes = units[kept].unique(return_inverse=True, return_counts=True)
    order = torch.randperm(len(sizes), generator=generator)
    rows, ends = kept[order.argsort()[unit].argsort(stable=True)], sizes[order].cumsum(0)
    room, batch = torch.full((count,), batch_size), torch.empty_like(rows)
    start = 0
    while start < len(rows):
        # The next units, which together have no more rows than there are batches.
        end = int(ends[torch.searchsorted(ends, start + count, right=True) - 1])
        ties = torch.rand(count, generator=generator, dtype=torch.float64)
        batch[start:end] = (room + ties).argsort(descending=True)[: end - start]
        room[batch[start:end]] -= 1
        start = end
    order = torch.rand(count, batch_size, generator=generator).argsort(1)
    return rows[batch.argsort(stable=True)].view(count, batch_size).gather(1, order)


def fit_apart(units: Tensor, batch_size: int) -> bool:
    """Whether there are as many batches without two rows of a unit as shuffled ones."""
    count = len(units) // batch_size
    _, sizes = units.unique(return_counts=True)
    return int(sizes.clamp(max=count).sum()) >= count * batch_size


def balanced_batches(
    labels: Tensor | None, per_class: int, batch_size: int, generator: torch.Generator
) -> Tensor:
    """Batches of batch_size / per_class random classes, with `per_class` different rows of each.

    There are as many batches as `shuffled_batches` gives. A class gives its rows in rounds, and a
    row comes at most once in a round. So all classes come equally often on average; rows of a
    small class come more often than those of a large one, of which some may not come in an epoch.
    A row that comes again in an epoch has the same views.

    Parameters
    ----------
    labels : (n,) int64, all of rows that have a label; or None.
    per_class : the number of rows of each class in a batch; it divides batch_size.
    batch_size : the number of rows of a batch.
    generator : draws the classes, the rows and their order.

    Returns
    -------
    The rows of each batch, in random order: (batches, batch_size) int64.

    Raises
    ------
    DataError : there are no labels.
    ConfigError : there are too few classes, or a class has too few rows.
    """
    if labels is None:
        raise DataError.at(
            "pretrain.examples_per_class",
            "balances classes, and this data has no labels",
            "set it to null",
        )
    names, classes, sizes = labels.unique(return_inverse=True, return_counts=True)
    _require_enough(names, sizes, per_class, batch_size)
    count, per_batch = len(labels) // batch_size, batch_size // per_class
    drawn = torch.rand(count, len(names), generator=generator).argsort(1)[:, :per_batch]
    rows = torch.empty(count, per_batch, per_class, dtype=torch.int64)
    for number in range(len(names)):
        is_drawn = drawn == number
        members = (classes == number).nonzero().squeeze(1)
        rows[is_drawn] = _rows_in_rounds(members, int(is_drawn.sum()), per_class, generator)
    # Without this order each chunk of a batch would hold few classes, and batch norm would leak
    # them.
    order = torch.rand(count, batch_size, generator=generator).argsort(1)
    return rows.flatten(1).gather(1, order)


def _at_most(most: int, units: Tensor, generator: torch.Generator) -> Tensor:
    """All rows in random order, but of each unit no more than `most`."""
    order = torch.randperm(len(units), generator=generator)
    by_unit = units[order].argsort(stable=True)
    _, sizes = units.unique(return_counts=True)
    first = (sizes.cumsum(0) - sizes).repeat_interleave(sizes)
    number = torch.empty_like(order)  # of each row of `order` among those of its unit
    number[by_unit] = torch.arange(len(units)) - first
    return order[number < most]


def _rows_in_rounds(rows: Tensor, count: int, size: int, generator: torch.Generator) -> Tensor:
    """Groups of `size` different rows: (count, size). The rest of a round is left out."""
    per_round = len(rows) // size
    rounds = [
        rows[torch.randperm(len(rows), generator=generator)][: per_round * size].view(-1, size)
        for _ in range(-(-count // per_round))
    ]
    return torch.cat([rows.new_empty(0, size), *rounds])[:count]


def _require_enough(names: Tensor, sizes: Tensor, per_class: int, batch_size: int) -> None:
    if batch_size // per_class > len(names):
        enough = range(-(-batch_size // len(names)), batch_size + 1)
        divisor = next(size for size in enough if batch_size % size == 0)
        raise ConfigError.at(
            "pretrain.examples_per_class",
            f"is {per_class}, and a batch of {batch_size} then takes {batch_size // per_class} "
            f"classes, where the train split has {len(names)}",
            f"set it to {divisor}, or lower pretrain.batch_size",
        )
    if int(sizes.min()) < per_class:
        raise ConfigError.at(
            "pretrain.examples_per_class",
            f"is {per_class}, and class {names[sizes.argmin()]} has only "
            f"{counted(int(sizes.min()), 'example')} in the train split",
            f"lower it to {sizes.min()} or less",
        )
