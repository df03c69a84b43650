"""A training under way: when it is saved, when it ends early, and what it goes on from."""

import math
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn

from tests.support.watched import Floats, NearlyConstant, opened, run, session
from twinview.compute import processes
from twinview.core.errors import StoppedError, TrainingError
from twinview.data.splits import Prepared
from twinview.learning.parts import Siamese
from twinview.methods.simclr import simclr


def test_labels_that_are_watched_change_no_bit_of_the_training(
    folder: Path, shapes: Prepared
) -> None:
    bare = replace(shapes.splits["validation"], labels=None)
    weights = []
    for prepared in (shapes, replace(shapes, splits={**shapes.splits, "validation": bare})):
        torch.manual_seed(0)
        head = nn.Sequential(nn.Linear(144, 8), nn.BatchNorm1d(8), nn.Dropout(0.5))
        for own in session(prepared, simclr(Floats(), head, temperature=0.5, views=2)):
            run(own, prepared, every=99)
            weights.append(own.state.state_dict()["method"])
            shutil.rmtree(own.checkpoints.folder)
    assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0])


def test_every_so_many_steps_and_the_last_one_are_saved(folder: Path, shapes: Prepared) -> None:
    with opened(shapes) as own:
        # Of the step before, since a step is handed over before it is saved.
        assert run(own, shapes) == [0, 0, 0, 0, 0, 5, 5, 5, 5, 5, 10, 10]
        assert own.checkpoints.newest_step() == 12


def test_a_finished_training_has_no_steps_left(folder: Path, shapes: Prepared) -> None:
    with opened(shapes) as own:
        run(own, shapes)
    with opened(shapes) as again:
        assert run(again, shapes) == []
    assert (
        again.watch.curves.summary() == own.watch.curves.summary()
        and again.seconds == own.seconds > 0
    )


def test_asked_to_stop_it_saves_the_step_and_stops(folder: Path, shapes: Prepared) -> None:
    asked = iter(["", "", "", "SIGTERM"])
    with opened(shapes) as own, pytest.raises(StoppedError) as caught:
        run(own, shapes, every=3, stop=lambda: next(asked))
    assert own.checkpoints.newest_step() == own.state.number == 4
    said = "stopped by SIGTERM after step 4 of 12; `dvc repro`, or the same `dvc exp run`"
    assert str(caught.value) == f"{said}, goes on from step 4"


def test_another_process_s_signal_stops_it_as_its_own_does(
    folder: Path, shapes: Prepared, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(processes, "any_process", lambda claim: True)
    said = "stopped by a signal to another process after step 1 of 12"
    with opened(shapes) as own, pytest.raises(StoppedError, match=said):
        run(own, shapes)
    assert own.checkpoints.newest_step() == 1


def test_a_collapse_ends_the_training_and_keeps_what_was_before(
    folder: Path, shapes: Prepared
) -> None:
    method = Siamese(
        NearlyConstant(), nn.Identity(), lambda z, labels: z.mean(), lambda n: 5.0, views=2
    )
    with pytest.raises(TrainingError) as caught, opened(shapes, method) as own:
        run(own, shapes, every=1)
    # Epochs of 4 steps: collapsed after the first and still after the second.
    assert own.state.number == 8 and own.checkpoints.newest_step() == 7
    assert "the checkpoint of step 3, from before, is /" in str(caught.value)
    assert "the training has collapsed: after epoch 2" in str(caught.value)
    assert "directions in use 1.8). Lower pretrain.learning_rate" in str(caught.value)


def test_weights_that_are_no_numbers_are_not_saved(folder: Path, shapes: Prepared) -> None:
    with opened(shapes) as own:
        own.state.method.encoder.scale.data.fill_(math.inf)  # type: ignore[union-attr]
        with pytest.raises(TrainingError, match=r"encoder\.scale is not finite after step 0"):
            own._save(doubtful=False)
        assert own.checkpoints.newest_step() == 0
