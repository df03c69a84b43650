"""Random numbers: their distributions, and what they may depend on."""

import pytest
import torch
from torch import Tensor

from twinview.core.randomness import Draws, generator

N = 100_000
# Five standard errors of a correlation between N pairs.
UNRELATED = 5 / N**0.5


def draws(seed: int = 0, view: int = 0, place: int = 0, first: int = 0, n: int = N) -> Draws:
    ids = torch.arange(first, first + n)
    return Draws.for_examples(seed, ids, torch.full_like(ids, view), place)


def correlation(a: Tensor, b: Tensor) -> float:
    return torch.corrcoef(torch.stack([a, b]).double())[0, 1].item()


def test_uniform_has_the_moments_of_its_range() -> None:
    x = draws().uniform(low=2.0, high=5.0).double()
    assert x.min() >= 2 and x.max() <= 5
    # Mean 3.5 and variance 9 / 12; standard errors .003 and .002.
    assert abs(x.mean() - 3.5) < 0.015 and abs(x.var() - 0.75) < 0.01


def test_uniform_fills_every_hundredth_of_its_range() -> None:
    counts = torch.histc(draws().uniform(), 100, 0, 1)
    # Chi-square with 99 degrees of freedom: mean 99, deviation 14.
    assert ((counts - N / 100) ** 2 / (N / 100)).sum() < 99 + 5 * 14


def test_normal_has_the_moments_of_the_normal() -> None:
    z = draws().normal().double()
    # Standard errors .003, .0045, .008 and .03.
    assert abs(z.mean()) < 0.015 and abs(z.var() - 1) < 0.02
    assert abs(z.pow(3).mean()) < 0.06 and abs(z.pow(4).mean() - 3) < 0.2
    assert z.isfinite().all()


def test_shapes_follow_the_examples() -> None:
    assert draws(n=5).uniform().shape == (5,)
    assert draws(n=5).uniform(2, 3).shape == draws(n=5).normal(2, 3).shape == (5, 2, 3)
    assert draws(n=5).permutation(4).shape == (5, 4)


def test_consecutive_calls_are_unrelated() -> None:
    own = draws()
    first, second = own.uniform(), own.uniform()
    assert abs(correlation(first, second)) < UNRELATED


def test_several_numbers_of_one_call_are_unrelated() -> None:
    for x in (draws().uniform(3), draws().normal(3)):
        assert abs(correlation(x[:, 0], x[:, 1])) < UNRELATED
        assert abs(correlation(x[:, 0] ** 2, x[:, 2] ** 2)) < UNRELATED


def test_one_call_gives_what_several_calls_give() -> None:
    own = draws(n=50)
    apart = torch.stack([own.uniform() for _ in range(6)], dim=1)
    assert torch.equal(draws(n=50).uniform(6), apart)


@pytest.mark.parametrize("other", [{"seed": 1}, {"view": 1}, {"place": 1}, {"place": -1}])
def test_seed_view_and_place_each_give_unrelated_numbers(other: dict[str, int]) -> None:
    assert abs(correlation(draws().uniform(), draws(**other).uniform())) < UNRELATED


def test_neighbouring_examples_are_unrelated() -> None:
    x = draws().uniform()
    assert abs(correlation(x[1:], x[:-1])) < UNRELATED


def test_id_view_and_place_cannot_stand_in_for_each_other() -> None:
    ids, views = torch.arange(49) // 7, torch.arange(49) % 7
    keys = torch.cat([Draws.for_examples(0, ids, views, place).keys for place in range(7)])
    assert len(set(keys.tolist())) == 343


def test_an_examples_numbers_do_not_depend_on_the_others() -> None:
    assert torch.equal(draws(first=40, n=3).uniform(4), draws(n=50).uniform(4)[40:43])
    assert torch.equal(draws(first=40, n=3).normal(4), draws(n=50).normal(4)[40:43])


@pytest.mark.parametrize("taken", [0, 3])
def test_rows_are_the_same_sequences_of_fewer_examples(taken: int) -> None:
    chosen = torch.tensor([7, 2, 2, 40])
    whole, part = draws(n=50), draws(n=50)
    whole.uniform(taken), part.uniform(taken)
    rows = part.select(chosen)
    assert torch.equal(rows.uniform(2), whole.uniform(2)[chosen])
    assert torch.equal(rows.normal(2), whole.normal(2)[chosen])


def test_permutation_orders_all_of_its_range() -> None:
    orders = draws(n=1000).permutation(6)
    assert torch.equal(orders.sort(dim=1).values, torch.arange(6).expand(1000, 6))


def test_every_permutation_is_as_likely() -> None:
    orders = draws(n=60_000).permutation(3) @ torch.tensor([9, 3, 1])
    counts = torch.bincount(orders)
    counts = counts[counts > 0]
    # 10,000 expected of each of six, with a deviation of 91.
    assert len(counts) == 6 and (counts - 10_000).abs().max() < 460


def test_generators_of_one_name_repeat() -> None:
    pair = [torch.rand(5, generator=generator(3, "queue")) for _ in range(2)]
    assert torch.equal(*pair)


@pytest.mark.parametrize(("seed", "name"), [(3, "order"), (4, "queue")])
def test_generators_of_another_name_or_seed_are_unrelated(seed: int, name: str) -> None:
    x = torch.rand(N, generator=generator(3, "queue"))
    assert abs(correlation(x, torch.rand(N, generator=generator(seed, name)))) < UNRELATED


def test_drawing_from_one_generator_does_not_move_another() -> None:
    first, second = generator(0, "a"), generator(0, "b")
    torch.rand(7, generator=first)
    assert torch.equal(torch.rand(5, generator=second), torch.rand(5, generator=generator(0, "b")))


def test_the_numbers_are_pinned() -> None:
    # Caches on disk hold views by these numbers: a change here makes every seed mean another run.
    ids = torch.tensor([0, 1])
    assert (Draws.for_examples(0, ids, ids, 0).uniform() * 2**24).tolist() == [13010779, 15221003]
