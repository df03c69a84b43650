"""What is written down of a training: rows of the curves, epochs' means, the verdict."""

import json
import math
from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from tests.support.watched import Floats, render, watch
from twinview.core.errors import TrainingError
from twinview.core.types import NO_LABEL
from twinview.data.splits import Prepared
from twinview.learning import collapse
from twinview.learning.curves import ROWS_PER_EPOCH, Curves
from twinview.learning.loop import Step
from twinview.learning.monitors import Observation, evenly_spaced, validation_knn
from twinview.learning.parts import Siamese
from twinview.methods.simclr import simclr

OF_EPOCHS = {*collapse.Measures.__annotations__, "validation_knn", "negatives"}


def steps(per_epoch: int, epochs: int) -> list[Step]:
    """Losses 1, 2, 3 ... and rates a hundredth of them."""
    return [
        Step(k, (k - 1) // per_epoch, k % per_epoch == 0, float(k), k / 100, {"negatives": k + 0.5})
        for k in range(1, per_epoch * epochs + 1)
    ]


def test_a_row_is_the_mean_loss_since_the_last_row(shapes: Prepared) -> None:
    own = watch(shapes, per_epoch=3 * ROWS_PER_EPOCH)
    for step in steps(3 * ROWS_PER_EPOCH, 1):
        own.add_step(step)
    assert [row["step"] for row in own.curves.steps] == list(range(3, 61, 3))
    assert [row["loss"] for row in own.curves.steps] == [k - 1.0 for k in range(3, 61, 3)]
    assert own.curves.steps[0]["learning_rate"] == 0.03


def test_short_epochs_have_a_row_each_step(shapes: Prepared) -> None:
    own = watch(shapes, per_epoch=4)
    for step in steps(4, 2):
        own.add_step(step)
    assert [row["loss"] for row in own.curves.steps] == [1, 2, 3, 4, 5, 6, 7, 8]


def test_every_row_has_chance_beside_the_loss(shapes: Prepared) -> None:
    own = watch(shapes, per_epoch=2)
    for step in steps(2, 1):
        own.add_step(step)
    # Two views of batches of 8.
    assert [row["chance"] for row in own.curves.steps] == pytest.approx([2.70805] * 2, abs=1e-5)


def test_an_epoch_s_row_is_the_mean_of_all_its_losses(shapes: Prepared) -> None:
    own = watch(shapes, per_epoch=4)
    for step in steps(4, 2):
        own.add_step(step)
    assert [(row["epoch"], row["loss"]) for row in own.curves.epochs] == [(1, 2.5), (2, 6.5)]
    assert set(own.curves.epochs[0]) == {"epoch", "loss", *OF_EPOCHS}


def test_an_epoch_s_row_has_the_means_of_its_counts(shapes: Prepared) -> None:
    own = watch(shapes, per_epoch=4)
    told = [own.add_step(step) for step in steps(4, 2)]
    assert [row["negatives"] for row in own.curves.epochs] == [3, 7]
    assert [new.get("negatives") for new in told] == [None, None, None, 3, None, None, None, 7]


def test_see_tells_what_is_new_and_nothing_else(shapes: Prepared) -> None:
    own = watch(shapes, per_epoch=2 * ROWS_PER_EPOCH)
    new = [own.add_step(step) for step in steps(2 * ROWS_PER_EPOCH, 1)]
    assert new[0] == {} and set(new[1]) == {"loss", "chance", "learning_rate"}
    assert set(new[-1]) == {"loss", "chance", "learning_rate", *OF_EPOCHS}


def test_monitors_measure_two_different_views_of_the_given_examples(shapes: Prepared) -> None:
    method = simclr(Floats(), nn.Identity(), temperature=0.5, views=2)
    own = watch(shapes, 1, method)
    own.add_step(steps(1, 1)[0])
    split = shapes.splits["validation"]
    views = [render(shapes)(split.inputs, split.ids, torch.full_like(split.ids, v)) for v in (0, 1)]
    expected = collapse.measure(torch.stack([method.encoder(view) for view in views]))
    assert expected.alignment > 0
    measured = {key: own.curves.epochs[0][key] for key in vars(expected)}
    assert measured == pytest.approx(vars(expected))


def test_the_features_of_train_examples_tell_those_of_validation(shapes: Prepared) -> None:
    """As they are, not augmented; the head, which would make them all alike, has no part."""
    own = watch(shapes, 1, simclr(Floats(), nn.Linear(144, 1), temperature=0.5, views=2))
    told = own.add_step(steps(1, 1)[0])
    train, validation = (shapes.splits[name] for name in ("train", "validation"))
    assert train.labels is not None and validation.labels is not None
    pixels = (split.inputs.flatten(1).float() for split in (train, validation))
    expected = collapse.knn_accuracy(next(pixels), train.labels, next(pixels), validation.labels)
    assert told["validation_knn"] == own.curves.epochs[0]["validation_knn"] == expected > 0.5


@pytest.mark.parametrize("unlabelled", ["train", "validation"])
def test_without_labels_there_is_no_such_curve(unlabelled: str, shapes: Prepared) -> None:
    bare = replace(shapes.splits[unlabelled], labels=None)
    own = watch(replace(shapes, splits={**shapes.splits, unlabelled: bare}), per_epoch=1)
    assert "validation_knn" not in own.add_step(steps(1, 1)[0]) and own.curves.verdict == "healthy"


def test_examples_without_a_label_neither_vote_nor_are_asked(shapes: Prepared) -> None:
    some = {
        name: replace(part, labels=torch.where(part.ids % 3 == 0, NO_LABEL, part.labels))  # type: ignore[call-overload]
        for name, part in shapes.splits.items()
    }
    chosen = {
        name: evenly_spaced(some[name], 20, labelled=True) for name in ("validation", "train")
    }
    for name, part in chosen.items():
        assert len(part) == 20 and part.labels is not None and (part.labels != NO_LABEL).all()
        assert set(part.ids.tolist()) <= set(shapes.splits[name].ids.tolist())
    assert validation_knn(chosen["validation"], chosen["train"])
    bare = replace(some["train"], labels=torch.full_like(some["train"].ids, NO_LABEL))
    assert validation_knn(chosen["validation"], evenly_spaced(bare, 20, labelled=True)) == []


def test_measuring_neither_trains_nor_leaves_evaluation_mode_on(shapes: Prepared) -> None:
    norm = nn.BatchNorm1d(144)
    method = simclr(Floats(), norm, temperature=0.5, views=2).train()
    own = watch(shapes, 1, method)
    own.add_step(steps(1, 1)[0])
    assert method.training and norm.training
    assert norm.num_batches_tracked is not None and norm.num_batches_tracked.item() == 0


def test_the_summary_is_the_last_epoch_s(shapes: Prepared) -> None:
    own = watch(shapes, per_epoch=2)
    for step in steps(2, 2):
        own.add_step(step)
    summary = own.curves.summary()
    assert summary["loss"] == 3.5 and "epoch" not in summary
    assert summary["chance"] == own.curves.chance and summary["effective_rank"] > 2


@pytest.mark.parametrize(("loss", "word"), [(1.0, "healthy"), (2.6, "slow")])
def test_the_verdict_looks_at_the_last_epoch_s_mean_loss(
    loss: float, word: str, shapes: Prepared
) -> None:
    own = watch(shapes, per_epoch=2)
    for number, value in enumerate((9.0, 9.0, loss - 0.05, loss + 0.05)):
        own.add_step(Step(number + 1, number // 2, number % 2 == 1, value, 0.1, {}))
    assert own.curves.verdict == own.curves.summary()["verdict"] == word


class Told(nn.Module):
    """One direction for all examples; each goes as far along it as its place says."""

    def __init__(self, lengths: list[float]) -> None:
        super().__init__()
        self.direction = nn.Parameter(torch.ones(4))
        self.lengths = torch.tensor(lengths)

    def forward(self, x: Tensor) -> Tensor:
        own = self.lengths[torch.arange(x.shape[1]) % len(self.lengths)]
        return (own[:, None] * self.direction).expand(len(x), -1, -1)


@pytest.mark.parametrize(
    ("lengths", "supervised", "word"),
    [
        ([1.0], False, "collapsed"),
        ([1.0], True, "collapsed"),
        ([1.0, -1.0], False, "collapsed"),
        ([1.0, -1.0], True, "healthy"),
    ],
)
def test_one_answer_is_a_collapse_and_two_are_unless_labels_say_what_is_alike(
    lengths: list[float], supervised: bool, word: str, shapes: Prepared
) -> None:
    method = Siamese(
        Told(lengths), nn.Identity(), lambda z, labels: z.sum(), lambda n: 5.0, 2, supervised
    )
    own = watch(shapes, 1, method)
    own.add_step(steps(1, 1)[0])
    assert own.curves.verdict == word


@pytest.mark.parametrize("width", [1, 2, 3])
def test_a_head_of_few_outputs_has_a_verdict_of_its_loss(width: int, shapes: Prepared) -> None:
    """Its embeddings lie all around the circle: no collapse, though they have two directions."""
    head = nn.Sequential(nn.BatchNorm1d(144), nn.Linear(144, width), nn.BatchNorm1d(width))
    own = watch(shapes, 1, simclr(Floats(), head.train(), temperature=0.5, views=2))
    for step in steps(1, 1):
        own.add_step(step)
    assert own.curves.verdict == "healthy"


@pytest.mark.parametrize(
    ("words", "warmup", "count"),
    [
        ("", 0, 0),
        ("ll", 0, 0),
        ("cl", 0, 0),
        ("lc", 0, 1),
        ("lsc", 0, 1),
        ("clcc", 0, 2),
        ("ccc", 1, 2),
        ("cc", 1.5, 1),
        ("cc", 2, 0),
    ],
)
def test_collapsed_epochs_count_in_a_row_and_after_the_warm_up(
    words: str, warmup: float, count: int
) -> None:
    meaning: dict[str, collapse.Verdict] = {"l": "healthy", "s": "slow", "c": "collapsed"}
    own = Curves(2, chance=1.0)
    own.verdicts = [meaning[word] for word in words]
    assert own.collapsed_epochs(warmup) == count


def test_curves_are_what_see_told_by_step(shapes: Prepared) -> None:
    own = watch(shapes, per_epoch=2 * ROWS_PER_EPOCH + 1)
    told = {s.number: new for s in steps(2 * ROWS_PER_EPOCH + 1, 2) if (new := own.add_step(s))}
    assert own.curves.by_step() == told and 2 * ROWS_PER_EPOCH + 1 in told


@pytest.mark.parametrize("cut", [0, 3, 7, 8])
def test_a_watch_goes_on_from_a_saved_state(cut: int, shapes: Prepared) -> None:
    through, before, after = (watch(shapes, per_epoch=4) for _ in range(3))
    for step in steps(4, 3):
        through.add_step(step)
    for step in steps(4, 3)[:cut]:
        before.add_step(step)
    after.curves.load_state_dict(json.loads(json.dumps(before.curves.state_dict())))
    for step in steps(4, 3)[cut:]:
        after.add_step(step)
    assert after.curves.state_dict() == through.curves.state_dict()


def test_a_monitor_s_values_are_columns_of_the_epochs(shapes: Prepared) -> None:
    own = watch(shapes, 1)
    seen: list[Observation] = []

    def width(observed: Observation) -> dict[str, float]:
        seen.append(observed)
        return {"width": observed.z.shape[2]}

    more = replace(own, monitors=[*own.monitors, width])
    assert more.add_step(steps(1, 1)[0])["width"] == more.curves.epochs[0]["width"] == 144
    assert seen[0].method is own.method and seen[0].directions == 48
    assert not seen[0].z.requires_grad


def test_embeddings_that_are_no_numbers_end_the_training(shapes: Prepared) -> None:
    method = simclr(Floats(), nn.BatchNorm1d(144), temperature=0.5, views=2)
    own = watch(shapes, 1, method)
    method.encoder.scale.data.fill_(math.nan)  # type: ignore[union-attr]
    with pytest.raises(TrainingError, match="embeddings are no longer finite after step 1"):
        own.add_step(steps(1, 1)[0])
