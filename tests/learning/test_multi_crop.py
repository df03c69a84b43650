"""Multi-crop: which view or crop predicts which target, and what batch norm sees."""

import pytest
import torch
from torch import Tensor, nn

from twinview.core.types import Batch
from twinview.learning import multi_crop


def random(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed)).double()


@pytest.mark.parametrize("small", [0, 1, 4])
def test_every_pair_of_a_target_and_another_view_or_crop_counts_alike(small: int) -> None:
    targets, log_p = random(2, 5, 3).softmax(2), random(2 + small, 5, 3, seed=1).log_softmax(2)
    pairs = [(i, j) for i in range(2) for j in range(2 + small) if i != j]
    terms = [-(targets[i, k] * log_p[j, k]).sum() for i, j in pairs for k in range(5)]
    found = multi_crop.cross_entropy(targets, log_p)
    assert len(pairs) == 2 * (1 + small) and torch.allclose(found, torch.stack(terms).mean())


def test_batch_norm_of_the_encoder_sees_each_size_alone_and_that_of_the_head_all() -> None:
    views, crops = random(2, 6, 4), random(3, 6, 4, seed=1)
    encoder, head = nn.BatchNorm1d(4).double(), nn.BatchNorm1d(4).double()

    def encode(x: Tensor) -> Tensor:
        h: Tensor = encoder(x.flatten(0, 1)).unflatten(0, x.shape[:2])
        return h

    batch = Batch(views, None, torch.arange(6), crops)
    found = multi_crop.project(encode, head, batch)  # type: ignore[arg-type]
    assert found.shape == (5, 6, 4)
    both = torch.cat([standard(views), standard(crops)])
    assert torch.allclose(found, standard(both))


def standard(x: Tensor) -> Tensor:
    """Each feature at mean 0 and deviation 1, but for batch norm's 1e-5."""
    rows = x.flatten(0, 1)
    return (x - rows.mean(0)) / (rows.var(0, correction=0) + 1e-5).sqrt()
