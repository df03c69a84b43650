"""Views of a group: each view of an example is of another member of its group."""

import torch
from torch import Tensor

from twinview.core import randomness
from twinview.core.errors import DataError
from twinview.core.types import Split, apart_without
from twinview.views.live import ChosenViews, Views


def group_views(views: Views, groups: Tensor, seed: int) -> Views:
    """Views of which the first is of the example itself, and the others are of other members.

    In each epoch the members of a group stand in a circle in a new random order, and view k of an
    example is of the k-th member after it. So all are different members as long as there are
    enough, each member is shown equally often, and no view is shown twice. An example that is
    alone in its group has views of itself.

    Parameters
    ----------
    views : those of the single examples.
    groups : (n,) int64, the group of each example of the split, NO_GROUP where it has none.
    seed : of the orders.
    """
    circles = _Circles(groups, seed)

    def choose(rows: Tensor, epoch: int, count: int) -> Tensor:
        return torch.stack([circles.after(rows, epoch, view) for view in range(count)])

    return ChosenViews(views, choose)


def require_groups(train: Split) -> Tensor:
    """The groups of the train split.

    Raises DataError unless two train examples have the same group.
    """
    problem = "is group, and these data have no groups"
    if train.groups is not None:
        named = train.groups[train.groups >= 0]
        if len(named.unique()) < len(named):
            return train.groups
        problem = "is group, and no two train examples have the same group"
    raise DataError.at(
        "views.positives",
        problem,
        "set it to example, or give a table with a column of groups",
    )


class _Circles:
    """The members of each group in a random order, a new one in each epoch."""

    def __init__(self, groups: Tensor, seed: int) -> None:
        _, self._group, self._sizes = apart_without(groups).unique(
            return_inverse=True, return_counts=True
        )
        self._seed = seed
        self._epoch, self._order, self._place = -1, self._group, self._group

    def after(self, rows: Tensor, epoch: int, steps: int) -> Tensor:
        """The members that stand so many steps after the rows (n,) in their circles: (n,)."""
        if epoch != self._epoch:
            self._arrange(epoch)
        first = (self._sizes.cumsum(0) - self._sizes)[self._group[rows]]
        steps_from_first = (self._place[rows] - first + steps) % self._sizes[self._group[rows]]
        members: Tensor = self._order[first + steps_from_first]
        return members

    def _arrange(self, epoch: int) -> None:
        """Sets the order of all rows, group by group, and the place of each row in it."""
        generator = randomness.generator(self._seed, f"members/{epoch}")
        shuffled = torch.randperm(len(self._group), generator=generator)
        self._order = shuffled[self._group[shuffled].argsort(stable=True)]
        self._place = self._order.argsort()
        self._epoch = epoch
