"""What an embedding takes for alike: the train examples nearest to some test examples."""

import torch.nn.functional as F
from torch import Tensor


def nearest(queries: Tensor, bank: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """Cosines and row numbers, both (m, count), of each query's nearest rows of bank, best first.

    queries: (m, d), bank: (n, d). With fewer than `count` rows in the bank, all of them.
    """
    # Dividing by lengths afterwards spares a second copy of the bank, the largest tensor here.
    lengths = bank.norm(dim=1).clamp(min=1e-12)
    cosines, rows = (F.normalize(queries, dim=1) @ bank.T / lengths).topk(min(count, len(bank)))
    return cosines, rows
