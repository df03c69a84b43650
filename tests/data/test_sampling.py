"""Batches of classes x examples: what each holds, how often each example comes, what is refused."""

import pytest
import torch
from torch import Tensor

from twinview.core.errors import ConfigError, DataError
from twinview.data import sampling

# 50, 9, 30 and 7 examples of four classes, in no order; names are not numbered through.
SIZES = {3: 50, 0: 9, 7: 30, 8: 7}
LABELS = torch.tensor([name for name, size in SIZES.items() for _ in range(size)])
LABELS = LABELS[torch.randperm(96, generator=torch.Generator().manual_seed(0))]


def drawn(epoch: int, per_class: int = 4, batch_size: int = 12, labels: Tensor = LABELS) -> Tensor:
    generator = torch.Generator().manual_seed(epoch)
    return sampling.balanced_batches(labels, per_class, batch_size, generator)


def epochs(count: int, per_class: int = 4, batch_size: int = 12) -> Tensor:
    return torch.cat([drawn(epoch, per_class, batch_size) for epoch in range(count)])


@pytest.mark.parametrize(
    ("per_class", "batch_size"), [(1, 2), (1, 4), (4, 4), (4, 12), (7, 28), (5, 5)]
)
def test_a_batch_has_so_many_classes_and_so_many_different_examples_of_each(
    per_class: int, batch_size: int
) -> None:
    batches = epochs(20, per_class, batch_size)
    assert batches.shape == (20 * (96 // batch_size), batch_size)
    for rows in batches:
        assert len(rows.unique()) == batch_size
        _, counts = LABELS[rows].unique(return_counts=True)
        assert counts.tolist() == [per_class] * (batch_size // per_class)


def test_classes_come_equally_often() -> None:
    _, counts = LABELS[epochs(200).flatten()].unique(return_counts=True)
    shares = counts / counts.sum()
    # 1600 batches of three of four classes: the deviation of a share is .0036.
    assert torch.allclose(shares, torch.full((4,), 0.25), atol=0.015)


def test_an_example_comes_as_often_as_any_other_of_its_class() -> None:
    counts = torch.bincount(epochs(400).flatten(), minlength=96).double()
    for name, size in SIZES.items():
        own = counts[name == LABELS]
        assert len(own) == size and own.mean() > 0
        # Draws without replacement spread less than a Poisson distribution would.
        assert own.std() < 1.5 * own.mean().sqrt()


def test_an_example_comes_again_only_when_its_class_is_used_up() -> None:
    rows = drawn(0, per_class=3, batch_size=12, labels=torch.arange(96) % 4)
    # 24 of each class, 8 batches of three: each exactly once.
    assert sorted(rows.flatten().tolist()) == list(range(96))


def test_a_class_does_not_lie_together_in_a_batch() -> None:
    batches = LABELS[epochs(20)]
    firsts = torch.stack([batch[:4] for batch in batches])
    alike = (firsts == firsts[:, :1]).all(1).double().mean()
    # Of 12 in random order, the first four are of one class once in 165 times.
    assert alike < 0.05


def test_the_order_is_the_generator_s() -> None:
    assert torch.equal(drawn(0), drawn(0)) and not torch.equal(drawn(0), drawn(1))


def test_shuffled_batches_hold_every_example_at_most_once() -> None:
    batches = sampling.shuffled_batches(11, 4, torch.Generator().manual_seed(0))
    assert batches.shape == (2, 4) and len(batches.unique()) == 8


def test_unlabelled_data_is_refused() -> None:
    with pytest.raises(DataError, match=r"examples_per_class.*no labels; set it to null"):
        sampling.balanced_batches(None, 4, 12, torch.Generator())


def test_more_classes_than_there_are_are_refused() -> None:
    with pytest.raises(ConfigError) as caught:
        drawn(0, per_class=1, batch_size=10)
    assert str(caught.value) == (
        "pretrain.examples_per_class is 1, and a batch of 10 then takes 10 classes, where the "
        "train split has 4; set it to 5, or lower pretrain.batch_size"
    )


def test_a_class_that_is_too_small_is_refused_by_name() -> None:
    with pytest.raises(ConfigError, match=r"class 8 has only 7 examples.*lower it to 7 or less"):
        drawn(0, per_class=8, batch_size=16)
