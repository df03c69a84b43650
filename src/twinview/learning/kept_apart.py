"""Which examples never share a batch, since they must not be negatives of each other."""

import torch
from torch import Tensor

from twinview.core import declare, registry
from twinview.core.components import connected
from twinview.core.counts import counted
from twinview.core.errors import ConfigError
from twinview.core.types import apart_without
from twinview.data import sampling
from twinview.data.splits import Prepared
from twinview.settings.params import Params
from twinview.settings.sections import NONE


def units_kept_apart(settings: Params, prepared: Prepared) -> tuple[Tensor | None, str]:
    """The units (n,) of which a batch has one row each, and what to print about them.

    A unit is a group, where views.positives is group, or all copies of an example, or several of
    these that share an example; texts of which one is equal are copies. The units are None where
    batches need none: the method compares no examples with each other, or all units have one row.
    So are those of copies where there are so many that no batches keep them apart; the copies are
    then negatives of each other.

    Raises ConfigError when groups do not leave enough rows for the batches.
    """
    if not _has_negatives(settings):
        return None, ""
    batch_size, groups, train = settings.pretrain.batch_size, None, prepared.splits["train"]
    if settings.views.positives == "group" and train.groups is not None:
        groups = apart_without(train.groups)
        _require_fit(groups, batch_size)
    copies = prepared.modality.copies(train.inputs)
    count = len(copies) - int((copies.unique(return_counts=True)[1] == 1).sum())
    if not count:
        return groups, ""
    units = copies if groups is None else _joined(groups, copies)
    note = f"{count:,} train examples {prepared.declared_modality.copies}"
    if sampling.fit_apart(units, batch_size):
        return units, f"{note}; no batch has two that are alike"
    return groups, f"{note}, too many to keep them out of each other's batches"


def _has_negatives(settings: Params) -> bool:
    """Whether the method, or the objective by which it learns, compares different examples."""
    objective = settings.pretrain.objective
    kind, name = ("methods", settings.pretrain.method)
    if objective != NONE:
        kind, name = ("objectives", objective)
    declared = registry.declaration(kind, name)
    assert isinstance(declared, declare.Method | declare.Objective)
    return declared.negatives is not None


def _require_fit(groups: Tensor, batch_size: int) -> None:
    if sampling.fit_apart(groups, batch_size):
        return
    _, sizes = groups.unique(return_counts=True)
    fitting = (size for size in range(batch_size, 1, -1) if sampling.fit_apart(groups, size))
    size = next(fitting, None)
    method = "choose a method without negatives, such as byol"
    raise ConfigError.at(
        "pretrain.batch_size",
        f"is {batch_size}, but with views.positives: group no batch has two examples of a group, "
        f"and {len(groups):,} train examples in {counted(len(sizes), 'group')}, "
        f"{int(sizes.max()):,} of them in the largest, do not fill such batches",
        method if size is None else f"lower it to {size} or less, or {method}",
    )


def _joined(first: Tensor, second: Tensor) -> Tensor:
    """Units (n,) that are equal wherever first or second are, by chains of rows."""
    (names, one), (others, other) = (x.unique(return_inverse=True) for x in (first, second))
    ends = one.numpy(), len(names) + other.numpy()
    units = connected(len(names) + len(others), *ends)
    return torch.from_numpy(units[one.numpy()])
