"""What lives in optimizer time: each part in closed form."""

import math
from typing import Literal, final

import pytest
import torch
from torch import Tensor, nn

from tests.support.training import CPU, Recorder, adamw, budget, rows
from twinview.compute.gradient_cache import GradientCache
from twinview.core.errors import ConfigError
from twinview.core.types import Batch, Projections
from twinview.heads.identity import identity
from twinview.learning.loop import State, fit
from twinview.learning.parts import Method, Momentum, Part, Prototypes, Queue, output_width


def numbered(*numbers: int) -> Tensor:
    """One row for each number, all of it that number."""
    return torch.tensor(numbers).float()[:, None].expand(-1, 3)


def queue_of(size: int, *offers: tuple[int, ...]) -> list[float]:
    """What a queue holds, oldest first, after these offers."""
    own = Queue(size, (3,), start=0)
    own.rows.zero_()
    for offer in offers:
        own.offer(numbered(*offer))
        own.after_step(0.5)
    return own.rows.roll(-int(own.seen) % size, dims=0)[:, 0].tolist()


def test_queue_keeps_the_newest_and_wraps() -> None:
    assert queue_of(4, (1, 2, 3)) == [0, 1, 2, 3]
    assert queue_of(4, (1, 2, 3), (4, 5, 6)) == [3, 4, 5, 6]
    assert queue_of(4, (1, 2, 3), (4, 5, 6), (7, 8, 9)) == [6, 7, 8, 9]


def test_queue_keeps_the_newest_of_an_offer_longer_than_itself() -> None:
    assert queue_of(4, (1,), (2, 3, 4, 5, 6, 7)) == [4, 5, 6, 7]


def test_queue_is_full_when_no_random_row_is_left() -> None:
    own = Queue(4, (3,), start=0)
    full = []
    for _ in range(3):
        own.offer(numbered(1, 2))
        full.append(own.full)
        own.after_step(0.5)
    assert full == [False, False, True]


def test_queue_s_first_rows_are_random_and_of_length_one() -> None:
    made = Queue(50, (2, 3), start=0).rows
    assert torch.allclose(made.norm(dim=-1), torch.ones(50, 2))
    assert len(made.flatten(1).unique(dim=0)) == 50


def test_queue_changes_once_a_step_and_not_before() -> None:
    own = Queue(4, (3,), start=0)
    before = own.rows.clone()
    own.offer(numbered(1, 2))
    own.offer(numbered(3, 4))
    assert torch.equal(own.rows, before) and own.seen == 0
    own.after_step(0.5)
    own.after_step(0.5)
    assert own.seen == 2 and torch.equal(own.rows[:2], numbered(3, 4))


def test_queue_takes_nothing_in_before_its_start() -> None:
    own = Queue(4, (3,), start=0.5)
    for progress, seen in ((0.4, 0), (0.5, 1), (0.6, 2)):
        own.offer(numbered(1))
        own.after_step(progress)
        assert own.seen == seen


def test_queue_holds_no_graph() -> None:
    own = Queue(4, (3,), start=0)
    own.offer(numbered(1).requires_grad_())
    own.after_step(0.5)
    assert not own.rows.requires_grad


def pair(decay: float, schedule: Literal["constant", "cosine"]) -> tuple[nn.Sequential, Momentum]:
    """A network whose values are all 1, and its slow copy."""
    encoder, head = nn.BatchNorm1d(2).double(), nn.Linear(2, 2).double()
    own = Momentum(GradientCache(encoder, 8), head, decay, schedule)
    fast = nn.Sequential(encoder, head)
    for value in (*fast.parameters(), *fast.buffers()):
        value.data.fill_(1)
    for value in own.parameters():
        value.fill_(0)
    return fast, own


def test_momentum_is_an_exponential_moving_average() -> None:
    _, own = pair(0.9, schedule="constant")
    for progress in (0.3, 0.6):
        own.after_step(progress)
    # 1 - .9^2, to float64's rounding.
    assert all(torch.allclose(p, torch.tensor(0.19).double()) for p in own.parameters())


@pytest.mark.parametrize("progress", [0.25, 0.5, 1.0])
def test_momentum_rises_along_half_a_cosine(progress: float) -> None:
    _, own = pair(0.9, schedule="cosine")
    own.after_step(progress)
    expected = 0.1 * (math.cos(math.pi * progress) + 1) / 2
    assert all(p.allclose(torch.tensor(expected).double()) for p in own.parameters())


def test_momentum_copies_buffers_as_they_are() -> None:
    fast, own = pair(0.9, schedule="constant")
    own.after_step(0.5)
    assert all(torch.equal(a, b) for a, b in zip(fast.buffers(), own.buffers(), strict=True))
    assert len(list(own.buffers())) == 3


def test_momentum_starts_as_a_copy_and_learns_nothing_by_gradient() -> None:
    encoder, head = GradientCache(nn.Linear(3, 4), 8), nn.Linear(4, 2)
    own = Momentum(encoder, head, 0.9, decay_schedule="constant")
    x = torch.randn(2, 5, 3)
    assert torch.equal(own(x), head(encoder(x).flatten(0, 1)).unflatten(0, (2, 5)))
    assert not own(x).requires_grad and not any(p.requires_grad for p in own.parameters())


def test_momentum_saves_its_own_weights_only() -> None:
    own = Momentum(nn.Linear(3, 4), nn.Linear(4, 2), 0.9, decay_schedule="constant")
    assert sorted(own.state_dict()) == [
        "encoder.bias",
        "encoder.weight",
        "head.bias",
        "head.weight",
    ]


def test_prototypes_have_length_one_from_the_first_and_after_each_step() -> None:
    own = Prototypes(5, 3, frozen_until=0)
    assert torch.allclose(own.weight.norm(dim=1), torch.ones(5))
    own.weight.data *= torch.arange(1, 6)[:, None]
    before = own.weight.clone()
    own.after_step(0.5)
    assert torch.allclose(own.weight, before / before.norm(dim=1, keepdim=True))


def test_prototypes_learn_only_when_they_have_thawed() -> None:
    own = Prototypes(5, 3, frozen_until=0.5)
    learns = []
    for progress in (0.25, 0.5, 0.75):
        learns.append(own(torch.ones(2, 3)).requires_grad)
        own.after_step(progress)
    assert learns == [False, False, True]
    assert Prototypes(5, 3, frozen_until=0)(torch.ones(2, 3)).requires_grad


def test_frozen_prototypes_do_not_decay_either() -> None:
    own = Prototypes(5, 3, frozen_until=1)
    before = own.weight.clone()
    optimizer = adamw(0.5)([own.weight], [])
    optimizer.param_groups[0]["lr"] = 0.5
    (own(torch.ones(2, 3)).sum() * torch.ones((), requires_grad=True)).backward()
    optimizer.step()
    assert torch.equal(own.weight, before)


def test_a_head_without_outputs_of_its_own_is_refused() -> None:
    assert output_width(nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 7)), "moco") == 7
    with pytest.raises(ConfigError, match=r"moco needs a head.*pretrain\.head to linear"):
        output_width(identity(6), "moco")


@final
class Clock(Part):
    """Remembers what it was told, and the weight at that time."""

    def __init__(self, weight: nn.Parameter) -> None:
        super().__init__()
        self.told: list[float] = []
        self.weights: list[float] = []
        self._weight = (weight,)

    def after_step(self, progress: float) -> None:
        self.told.append(progress)
        self.weights.append(self._weight[0].item())


@final
class Clocked(Method):
    """Has a part within a part of it."""

    views = 1

    def __init__(self) -> None:
        super().__init__()
        self.encoder = GradientCache(nn.Linear(1, 1), 2)
        self.clock = Clock(self.encoder.encoder.weight)  # type: ignore[arg-type]
        self.inner = nn.Sequential(self.clock, Queue(8, (1,), start=0))

    def project(self, batch: Batch) -> Projections:
        return Projections(self.encoder(batch.views), None)

    def terms(self, projections: Projections) -> dict[str, Tensor]:
        return {"loss": projections.z.square().mean()}

    def chance(self, n: int) -> float:
        return 1.0


def test_parts_move_on_once_a_step_after_it_however_many_chunks_it_had() -> None:
    method, weights = Clocked(), []
    for _ in fit(method, rows(8), Recorder(), adamw(), budget(), CPU):
        weights.append(method.encoder.encoder.weight.item())  # type: ignore[operator,union-attr]
    assert method.clock.told == [0.25, 0.5, 0.75, 1.0]
    assert method.clock.weights == weights


def test_a_queue_longer_than_the_split_is_refused_before_the_first_step() -> None:
    method = Clocked()
    state = State.initial(method, adamw(), CPU)
    with pytest.raises(
        ConfigError, match=r"'queue' is 8, but .* 7\s+examples.*set it to 7 or less"
    ):
        next(fit(method, rows(7), Recorder(), adamw(), budget(), CPU))
    assert state.number == 0 and method.clock.told == []
    next(fit(method, rows(8), Recorder(), adamw(), budget(), CPU))
