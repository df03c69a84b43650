"""What is written down of a training: rows of the curves, epochs' means, the verdict."""

import pytest
import torch
from torch import Tensor, nn

from twinview import monitors
from twinview.loop import Step
from twinview.methods.simclr import simclr
from twinview.parts import Method, Siamese
from twinview.splits import Prepared
from twinview.training import ROWS_PER_EPOCH, Watch
from twinview.views import Renderer, ViewPlan

CHAIN = (("brightness", 1.0, {"strength": 0.4}),)


class Floats(nn.Module):
    """The simplest encoder: pixels as numbers."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.tensor(1 / 255))

    def forward(self, x: Tensor) -> Tensor:
        return x.flatten(-3).float() * self.scale


def render(prepared: Prepared) -> Renderer:
    return ViewPlan(0, CHAIN).renderer(prepared.modality)


def watch(prepared: Prepared, per_epoch: int, method: Method | None = None) -> Watch:
    method = method or simclr(Floats(), nn.BatchNorm1d(144), temperature=0.5)
    return Watch(method, prepared.splits["validation"], render(prepared), per_epoch, 8)


def steps(per_epoch: int, epochs: int) -> list[Step]:
    """Losses 1, 2, 3 ... and rates a hundredth of them."""
    return [
        Step(k, (k - 1) // per_epoch, k % per_epoch == 0, float(k), k / 100)
        for k in range(1, per_epoch * epochs + 1)
    ]


def test_a_row_is_the_mean_loss_since_the_last_row(shapes: Prepared) -> None:
    own = watch(shapes, per_epoch=3 * ROWS_PER_EPOCH)
    for step in steps(3 * ROWS_PER_EPOCH, 1):
        own.see(step)
    assert [row["step"] for row in own.steps] == list(range(3, 61, 3))
    assert [row["loss"] for row in own.steps] == [k - 1.0 for k in range(3, 61, 3)]
    assert own.steps[0]["learning_rate"] == 0.03


def test_short_epochs_have_a_row_each_step(shapes: Prepared) -> None:
    own = watch(shapes, per_epoch=4)
    for step in steps(4, 2):
        own.see(step)
    assert [row["loss"] for row in own.steps] == [1, 2, 3, 4, 5, 6, 7, 8]


def test_every_row_has_chance_beside_the_loss(shapes: Prepared) -> None:
    own = watch(shapes, per_epoch=2)
    for step in steps(2, 1):
        own.see(step)
    # Two views of batches of 8.
    assert [row["chance"] for row in own.steps] == pytest.approx([2.70805] * 2, abs=1e-5)


def test_an_epoch_s_row_is_the_mean_of_all_its_losses(shapes: Prepared) -> None:
    own = watch(shapes, per_epoch=4)
    for step in steps(4, 2):
        own.see(step)
    assert [(row["epoch"], row["loss"]) for row in own.epochs] == [(1, 2.5), (2, 6.5)]
    assert set(own.epochs[0]) == {"epoch", "loss", *monitors.Monitors.__annotations__}


def test_see_tells_what_is_new_and_nothing_else(shapes: Prepared) -> None:
    own = watch(shapes, per_epoch=2 * ROWS_PER_EPOCH)
    new = [own.see(step) for step in steps(2 * ROWS_PER_EPOCH, 1)]
    assert new[0] == {} and set(new[1]) == {"loss", "chance", "learning_rate"}
    assert set(new[-1]) == {"loss", "chance", "learning_rate", *monitors.Monitors.__annotations__}


def test_monitors_measure_two_different_views_of_the_given_examples(shapes: Prepared) -> None:
    method = simclr(Floats(), nn.Identity(), temperature=0.5)
    own = watch(shapes, 1, method)
    own.see(steps(1, 1)[0])
    split = shapes.splits["validation"]
    views = [render(shapes)(split.inputs, split.ids, torch.full_like(split.ids, v)) for v in (0, 1)]
    expected = monitors.measure(torch.stack([method.encoder(view) for view in views]))
    assert expected.alignment > 0
    measured = {key: own.epochs[0][key] for key in vars(expected)}
    assert measured == pytest.approx(vars(expected))


def test_measuring_neither_trains_nor_leaves_evaluation_mode_on(shapes: Prepared) -> None:
    norm = nn.BatchNorm1d(144)
    method = simclr(Floats(), norm, temperature=0.5).train()
    own = watch(shapes, 1, method)
    own.see(steps(1, 1)[0])
    assert method.training and norm.training
    assert norm.num_batches_tracked is not None and norm.num_batches_tracked.item() == 0


def test_the_summary_is_the_last_epoch_s(shapes: Prepared) -> None:
    own = watch(shapes, per_epoch=2)
    for step in steps(2, 2):
        own.see(step)
    summary = own.summary()
    assert summary["loss"] == 3.5 and "epoch" not in summary
    assert summary["chance"] == own.chance and summary["effective_rank"] > 2


@pytest.mark.parametrize(("loss", "word"), [(1.0, "learning"), (2.6, "slow")])
def test_the_verdict_looks_at_the_last_epoch_s_mean_loss(
    loss: float, word: str, shapes: Prepared
) -> None:
    own = watch(shapes, per_epoch=2)
    for number, value in enumerate((9.0, 9.0, loss - 0.05, loss + 0.05)):
        own.see(Step(number + 1, number // 2, number % 2 == 1, value, 0.1))
    assert own.verdict() == own.summary()["verdict"] == word


def test_one_answer_for_all_examples_is_called_collapsed(shapes: Prepared) -> None:
    class Constant(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.answer = nn.Parameter(torch.ones(4))

        def forward(self, x: Tensor) -> Tensor:
            return self.answer.expand(*x.shape[:2], 4)

    method = Siamese(Constant(), nn.Identity(), lambda z, labels: z.sum(), lambda n: 5.0, views=2)
    own = watch(shapes, 1, method)
    own.see(steps(1, 1)[0])
    assert own.verdict() == "collapsed"
