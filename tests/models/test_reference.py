"""Distances to the train features, and the limit that validation's distances give."""

import torch

from twinview.models import reference

RANDOM = torch.Generator().manual_seed(0)


def test_a_distance_is_one_minus_the_best_cosine() -> None:
    train = torch.tensor([[2.0, 0.0], [0.0, 3.0]])
    near = reference.fit(train, train)
    asked = torch.tensor([[5.0, 0.0], [1.0, 1.0], [-1.0, 0.0]])
    expected = torch.tensor([0.0, 1 - 0.5**0.5, 1.0])
    assert torch.allclose(near.distances(asked), expected, atol=1e-6)


def test_one_in_a_hundred_validation_examples_is_beyond_the_limit() -> None:
    train, validation = (
        torch.randn(500, 8, generator=RANDOM),
        torch.randn(1000, 8, generator=RANDOM),
    )
    near = reference.fit(train, validation)
    # Rows are kept as float16.
    exact = 1 - torch.nn.functional.cosine_similarity(validation[:, None], train[None], dim=2).amax(
        1
    )
    assert torch.allclose(near.distances(validation), exact, atol=1e-3)
    assert int((near.distances(validation) > near.limit).sum()) == 10
    assert len(near.percentiles) == 101 and near.percentiles.diff().min() >= 0


def test_of_many_train_examples_2000_are_kept_from_first_to_last() -> None:
    angles = torch.linspace(0, 3, 7001)
    train = torch.stack([angles.cos(), angles.sin()], 1)
    near = reference.fit(train, train[:10])
    kept = torch.atan2(near.rows[:, 1].float(), near.rows[:, 0].float())
    assert len(kept) == 2000 and kept.diff().max() < 0.005 and kept[-1] > 2.99
