"""How near two views of an example are, or two texts of it, among those of all examples."""

import torch
import torch.nn.functional as F
from torch import Tensor

_ROWS = 1000  # the number of views that are compared at once, which bounds the memory


def ranks_of_partners(views: Tensor) -> Tensor:
    """The rank, from 1, of each view's partner among the other views of all examples: (2, n).

    views: (2, n, d), of any length. Of equally near views the partner is the last.
    """
    first, second = F.normalize(views, dim=2)
    return torch.stack([_ranks(first, second), _ranks(second, first)])


def ranks_of_targets(queries: Tensor, targets: Tensor) -> Tensor:
    """The rank, from 1, of each query's own target among all targets: (n,).

    queries, targets: (n, d), of any length. Of equally near targets the query's own is the last.
    """
    return _ranks(F.normalize(queries, dim=1), F.normalize(targets, dim=1))


def _ranks(queries: Tensor, bank: Tensor) -> Tensor:
    ranks = []
    for rows in torch.arange(len(queries)).split(_ROWS):
        cosines = queries[rows] @ bank.T
        partner = cosines.gather(1, rows[:, None])  # of the same product, so that it equals itself
        ranks.append((cosines >= partner).sum(1))
    return torch.cat(ranks)
