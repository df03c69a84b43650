"""What is written down of a training: rows of the curves, epochs' means, the verdict."""

import json
import math
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from tests.support.watched import Alike, Floats, opened, render, run, session, watch
from twinview.compute import engine
from twinview.core.errors import StoppedError, TrainingError
from twinview.data.splits import Prepared
from twinview.learning import collapse
from twinview.learning.loop import Step
from twinview.learning.parts import Siamese
from twinview.learning.watch import ROWS_PER_EPOCH
from twinview.methods.simclr import simclr

OF_EPOCHS = {*collapse.Monitors.__annotations__, "validation_knn", "negatives"}


def steps(per_epoch: int, epochs: int) -> list[Step]:
    """Losses 1, 2, 3 ... and rates a hundredth of them."""
    return [
        Step(k, (k - 1) // per_epoch, k % per_epoch == 0, float(k), k / 100, {"negatives": k + 0.5})
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
    assert set(own.epochs[0]) == {"epoch", "loss", *OF_EPOCHS}


def test_an_epoch_s_row_has_the_means_of_its_counts(shapes: Prepared) -> None:
    own = watch(shapes, per_epoch=4)
    told = [own.see(step) for step in steps(4, 2)]
    assert [row["negatives"] for row in own.epochs] == [3, 7]
    assert [new.get("negatives") for new in told] == [None, None, None, 3, None, None, None, 7]


def test_see_tells_what_is_new_and_nothing_else(shapes: Prepared) -> None:
    own = watch(shapes, per_epoch=2 * ROWS_PER_EPOCH)
    new = [own.see(step) for step in steps(2 * ROWS_PER_EPOCH, 1)]
    assert new[0] == {} and set(new[1]) == {"loss", "chance", "learning_rate"}
    assert set(new[-1]) == {"loss", "chance", "learning_rate", *OF_EPOCHS}


def test_monitors_measure_two_different_views_of_the_given_examples(shapes: Prepared) -> None:
    method = simclr(Floats(), nn.Identity(), temperature=0.5)
    own = watch(shapes, 1, method)
    own.see(steps(1, 1)[0])
    split = shapes.splits["validation"]
    views = [render(shapes)(split.inputs, split.ids, torch.full_like(split.ids, v)) for v in (0, 1)]
    expected = collapse.measure(torch.stack([method.encoder(view) for view in views]))
    assert expected.alignment > 0
    measured = {key: own.epochs[0][key] for key in vars(expected)}
    assert measured == pytest.approx(vars(expected))


def test_the_features_of_train_examples_tell_those_of_validation(shapes: Prepared) -> None:
    """As they are, not augmented; the head, which would make them all alike, has no part."""
    own = watch(shapes, 1, simclr(Floats(), nn.Linear(144, 1), temperature=0.5))
    told = own.see(steps(1, 1)[0])
    train, validation = (shapes.splits[name] for name in ("train", "validation"))
    assert train.labels is not None and validation.labels is not None
    pixels = (split.inputs.flatten(1).float() for split in (train, validation))
    expected = collapse.knn_accuracy(next(pixels), train.labels, next(pixels), validation.labels)
    assert told["validation_knn"] == own.epochs[0]["validation_knn"] == expected > 0.5


@pytest.mark.parametrize("unlabelled", ["train", "validation"])
def test_without_labels_there_is_no_such_curve(unlabelled: str, shapes: Prepared) -> None:
    bare = replace(shapes.splits[unlabelled], labels=None)
    own = watch(replace(shapes, splits={**shapes.splits, unlabelled: bare}), per_epoch=1)
    assert "validation_knn" not in own.see(steps(1, 1)[0]) and own.verdict() == "learning"


def test_labels_that_are_watched_change_no_bit_of_the_training(
    folder: Path, shapes: Prepared
) -> None:
    bare = replace(shapes.splits["validation"], labels=None)
    weights = []
    for prepared in (shapes, replace(shapes, splits={**shapes.splits, "validation": bare})):
        torch.manual_seed(0)
        head = nn.Sequential(nn.Linear(144, 8), nn.BatchNorm1d(8), nn.Dropout(0.5))
        for own in session(prepared, simclr(Floats(), head, temperature=0.5)):
            run(own, prepared, every=99)
            weights.append(own.state.state_dict()["method"])
            shutil.rmtree(own.kept.folder)
    assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0])


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
        own.see(Step(number + 1, number // 2, number % 2 == 1, value, 0.1, {}))
    assert own.verdict() == own.summary()["verdict"] == word


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
        ([1.0, -1.0], True, "learning"),
    ],
)
def test_one_answer_is_a_collapse_and_two_are_unless_labels_say_what_is_alike(
    lengths: list[float], supervised: bool, word: str, shapes: Prepared
) -> None:
    method = Siamese(
        Told(lengths), nn.Identity(), lambda z, labels: z.sum(), lambda n: 5.0, 2, supervised
    )
    own = watch(shapes, 1, method)
    own.see(steps(1, 1)[0])
    assert own.verdict() == word


@pytest.mark.parametrize("width", [1, 2, 3])
def test_a_head_of_few_outputs_has_a_verdict_of_its_loss(width: int, shapes: Prepared) -> None:
    """Its embeddings lie all around the circle: no collapse, though they have two directions."""
    head = nn.Sequential(nn.BatchNorm1d(144), nn.Linear(144, width), nn.BatchNorm1d(width))
    own = watch(shapes, 1, simclr(Floats(), head.train(), temperature=0.5))
    for step in steps(1, 1):
        own.see(step)
    own.epochs[-1]["loss"] = 0.5 * own.chance
    assert own.verdict() == "learning"


def row(epoch: int, spread: float) -> dict[str, float]:
    monitored = {"cosine_spread": spread, "effective_rank": 9.0, "alignment": 0.5}
    return {"epoch": epoch, "loss": 1.0, **monitored, "uniformity": -2.0}


@pytest.mark.parametrize(
    ("spreads", "warmup", "count"),
    [
        ([], 0, 0),
        ([0.3, 0.3], 0, 0),
        ([0.0, 0.3], 0, 0),
        ([0.3, 0.0], 0, 1),
        ([0.0, 0.3, 0.0, 0.0], 0, 2),
        ([0.0, 0.0, 0.0], 1, 2),
        ([0.0, 0.0], 1.5, 1),
        ([0.0, 0.0], 2, 0),
    ],
)
def test_collapsed_epochs_count_in_a_row_and_after_the_warm_up(
    spreads: list[float], warmup: float, count: int, shapes: Prepared
) -> None:
    own = watch(shapes, per_epoch=2)
    own.epochs = [row(epoch + 1, spread) for epoch, spread in enumerate(spreads)]
    assert own.collapsed(warmup) == count


def test_curves_are_what_see_told_by_step(shapes: Prepared) -> None:
    own = watch(shapes, per_epoch=2 * ROWS_PER_EPOCH + 1)
    told = {s.number: new for s in steps(2 * ROWS_PER_EPOCH + 1, 2) if (new := own.see(s))}
    assert own.curves() == told and 2 * ROWS_PER_EPOCH + 1 in told


@pytest.mark.parametrize("cut", [0, 3, 7, 8])
def test_a_watch_goes_on_from_a_saved_state(cut: int, shapes: Prepared) -> None:
    through, before, after = (watch(shapes, per_epoch=4) for _ in range(3))
    for step in steps(4, 3):
        through.see(step)
    for step in steps(4, 3)[:cut]:
        before.see(step)
    after.load_state_dict(json.loads(json.dumps(before.state_dict())))
    for step in steps(4, 3)[cut:]:
        after.see(step)
    assert after.state_dict() == through.state_dict()


def test_embeddings_that_are_no_numbers_end_the_training(shapes: Prepared) -> None:
    method = simclr(Floats(), nn.BatchNorm1d(144), temperature=0.5)
    own = watch(shapes, 1, method)
    method.encoder.scale.data.fill_(math.nan)  # type: ignore[union-attr]
    with pytest.raises(TrainingError, match="embeddings are no longer finite after step 1"):
        own.see(steps(1, 1)[0])


def test_every_so_many_steps_and_the_last_one_are_saved(folder: Path, shapes: Prepared) -> None:
    with opened(shapes) as own:
        # Of the step before, since a step is handed over before it is saved.
        assert run(own, shapes) == [0, 0, 0, 0, 0, 5, 5, 5, 5, 5, 10, 10]
        assert own.kept.step() == 12


def test_a_finished_training_has_no_steps_left(folder: Path, shapes: Prepared) -> None:
    with opened(shapes) as own:
        run(own, shapes)
    with opened(shapes) as again:
        assert run(again, shapes) == []
    assert again.watch.summary() == own.watch.summary() and again.seconds == own.seconds > 0


def test_asked_to_stop_it_saves_the_step_and_stops(folder: Path, shapes: Prepared) -> None:
    asked = iter(["", "", "", "SIGTERM"])
    with opened(shapes) as own, pytest.raises(StoppedError) as caught:
        run(own, shapes, every=3, stop=lambda: next(asked))
    assert own.kept.step() == own.state.number == 4
    said = "stopped by SIGTERM after step 4 of 12; `dvc repro`, or the same `dvc exp run`"
    assert str(caught.value) == f"{said}, goes on from step 4"


def test_another_process_s_signal_stops_it_as_its_own_does(
    folder: Path, shapes: Prepared, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "anyone", lambda claim: True)
    said = "stopped by a signal to another process after step 1 of 12"
    with opened(shapes) as own, pytest.raises(StoppedError, match=said):
        run(own, shapes)
    assert own.kept.step() == 1


def test_a_collapse_ends_the_training_and_keeps_what_was_before(
    folder: Path, shapes: Prepared
) -> None:
    method = Siamese(Alike(), nn.Identity(), lambda z, labels: z.mean(), lambda n: 5.0, views=2)
    with pytest.raises(TrainingError) as caught, opened(shapes, method) as own:
        run(own, shapes, every=1)
    # Epochs of 4 steps: collapsed after the first and still after the second.
    assert own.state.number == 8 and own.kept.step() == 7
    assert "the checkpoint of step 3, from before, is /" in str(caught.value)
    assert "the training has collapsed: after epoch 2" in str(caught.value)
    assert "directions in use 1.8). Lower pretrain.learning_rate" in str(caught.value)


def test_weights_that_are_no_numbers_are_not_saved(folder: Path, shapes: Prepared) -> None:
    with opened(shapes) as own:
        own.state.method.encoder.scale.data.fill_(math.inf)  # type: ignore[union-attr]
        with pytest.raises(TrainingError, match=r"encoder\.scale is not finite after step 0"):
            own._save(doubtful=False)
        assert own.kept.step() == 0
