"""Batches by class and by unit: what each holds, how often each example comes, what is refused."""

import numpy as np
import pytest
import torch
from scipy import sparse
from scipy.sparse.csgraph import maximum_flow
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


# Units of 1 to 6 rows; six batches of 10 leave two rows out.
UNITS = torch.repeat_interleave(torch.arange(20), torch.arange(20) % 6 + 1)[:62]
UNITS = UNITS[torch.randperm(62, generator=torch.Generator().manual_seed(1))]


def apart(epoch: int, units: Tensor = UNITS, batch_size: int = 10) -> Tensor:
    return sampling.batches_apart(units, batch_size, torch.Generator().manual_seed(epoch))


@pytest.mark.parametrize("epoch", range(20))
def test_no_batch_has_two_rows_of_a_unit_and_no_row_comes_twice(epoch: int) -> None:
    batches = apart(epoch)
    assert batches.shape == (6, 10) and len(batches.unique()) == 60
    assert all(len(UNITS[rows].unique()) == 10 for rows in batches)


def test_a_unit_that_fills_its_place_in_every_batch_gives_all_of_its_rows() -> None:
    units = torch.arange(60) % 10  # ten units of six: each has one row in each of six batches
    assert torch.equal(apart(0, units).flatten().sort().values, torch.arange(60))


def test_a_unit_of_more_rows_than_batches_gives_one_to_each_batch() -> None:
    units = torch.cat([torch.zeros(9), torch.arange(1, 55)]).long()  # 63 rows: nine for six batches
    batches = apart(0, units)
    assert ((units[batches] == 0).sum(1) == 1).all()


def test_rows_of_a_unit_come_equally_often_and_in_any_place_of_a_batch() -> None:
    units = torch.cat([torch.zeros(9), torch.arange(1, 58)]).long()
    batches = torch.stack([apart(epoch, units) for epoch in range(1000)])
    of_first = torch.bincount(batches.flatten(), minlength=66)[:9].double()
    # Draws of an epoch exclude each other, so that a Poisson distribution would be wider.
    assert of_first.std() < 1.5 * of_first.mean().sqrt()
    places = (units[batches] == 0).sum((0, 1)).double()
    assert (places - places.mean()).abs().max() < 5 * places.mean().sqrt()


def test_units_meet_any_others() -> None:
    units = torch.arange(24) // 2
    met = torch.zeros(12, 12)
    for epoch in range(1000):
        for rows in units[apart(epoch, units, batch_size=4)]:
            met[rows[:, None], rows] += 1
    others = met[~torch.eye(12, dtype=torch.bool)]
    # 1,000 epochs of six batches: a pair meets 6 * 4 * 3 / (12 * 11) times an epoch on average.
    assert (others / 1000 - 6 / 11).abs().max() < 0.12


def test_the_order_of_units_is_the_generator_s() -> None:
    assert torch.equal(apart(0), apart(0)) and not torch.equal(apart(0), apart(1))


def flow_fits(sizes: list[int], batches: int, batch_size: int) -> bool:
    """Whether a flow from units through batches fills all batches."""
    units, sink = len(sizes), 1 + len(sizes) + batches
    graph = np.zeros((sink + 1, sink + 1), dtype=np.int32)
    graph[0, 1 : units + 1] = sizes
    graph[1 : units + 1, units + 1 : sink] = 1
    graph[units + 1 : sink, sink] = batch_size
    flow = maximum_flow(sparse.csr_array(graph), 0, sink).flow_value
    return bool(flow == batches * batch_size)


def test_units_fit_wherever_a_flow_finds_their_places_and_then_batches_are_apart() -> None:
    generator, seen = torch.Generator().manual_seed(0), set()
    for _ in range(300):
        count, batch_size = torch.randint(2, 8, (2,), generator=generator).tolist()
        sizes = torch.randint(1, 9, (count,), generator=generator)
        units = torch.arange(count).repeat_interleave(sizes)
        if len(units) < batch_size:
            continue
        fits = sampling.fit_apart(units, batch_size)
        assert fits == flow_fits(sizes.tolist(), len(units) // batch_size, batch_size)
        seen.add(fits)
        if fits:
            batches = sampling.batches_apart(units, batch_size, generator)
            assert len(batches.unique()) == batches.numel()
            assert all(len(units[rows].unique()) == batch_size for rows in batches)
    assert seen == {False, True}
