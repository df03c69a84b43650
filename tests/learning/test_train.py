"""Training from Python: the stage's training, without DVC and MLflow."""

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torchvision import models

import twinview
from pipeline import pretrain
from tests.support.shapes import CLASSES, shapes_split
from tests.support.training import Untracked
from twinview.core import paths
from twinview.core.csv_files import load_rows
from twinview.core.errors import ConfigError, DataError
from twinview.core.types import Source, Split
from twinview.data import arrays, source_splits, split_writer, splits
from twinview.learning import loop
from twinview.learning.checkpoints import Checkpoints
from twinview.learning.train import Trained
from twinview.settings import params
from twinview.tracking import mlflow_runs
from twinview.views.cache import write_live
from twinview.views.plan import ViewPlan

PICTURES = shapes_split(96, 0)
LABELS = PICTURES.labels
HELD_OUT = 24
SMALL: dict[str, Any] = {
    "epochs": 2,
    "batch_size": 16,
    "monitor_examples": 16,
    "checkpoint_every": 3,
    "threads": 1,
    "precision": "float32",
}  # 8 steps
NETWORK = {
    "encoders.convnet.widths": [4, 6],
    "encoders.convnet.strides": [2, 1],
    "encoders.convnet.pool_size": 2,
    "encoders.convnet.pooled_layers": 1,
}


def train(examples: Any = PICTURES.inputs, labels: Any = LABELS, **given: Any) -> Trained:
    options = SMALL | {"validation": HELD_OUT, "settings": NETWORK} | given
    return twinview.train(examples, labels, **options)


def equal(one: nn.Module, other: nn.Module) -> bool:
    states = one.state_dict(), other.state_dict()
    return states[0].keys() == states[1].keys() and all(
        torch.equal(states[0][name], states[1][name]) for name in states[0]
    )


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The steps that are really made, by number."""
    made: list[int] = []
    advance = loop._advance

    def noted(state: loop.State, *given: Any) -> float:
        made.append(state.number + 1)
        return advance(state, *given)

    monkeypatch.setattr(loop, "_advance", noted)
    return made


def test_the_stage_and_python_train_the_same_encoder_to_the_bit(
    write_params: Callable[..., Path], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes = {"data.train": 96 - HELD_OUT, "data.validation": HELD_OUT}
    others = {"tasks.few_labels.per_class": [2], "report.points": 10}
    own = {f"pretrain.{name}": value for name, value in SMALL.items()}
    write_params(own | NETWORK | sizes | others)
    settings = params.load()
    split_writer.save(paths.PREPARED, prepared(settings.data.seed))
    views = settings.views
    write_live(paths.VIEWS, ViewPlan.from_options(views.seed, views.chain, settings.augmentations))

    @contextmanager
    def untracked(*given: Any) -> Iterator[Untracked]:
        yield Untracked()

    monkeypatch.setattr(mlflow_runs, "pretraining", untracked)
    pretrain.main()
    train(out="out")
    for stage, python in (
        (paths.ENCODER / "encoder.safetensors", "encoder/encoder.safetensors"),
        (paths.ENCODER / "encoder.json", "encoder/encoder.json"),
        (paths.HEAD / "head.safetensors", "head/head.safetensors"),
        (paths.PRETRAIN_METRICS, "metrics.json"),
        (paths.PRETRAIN_STEPS, "steps.csv"),
        (paths.PRETRAIN_EPOCHS, "epochs.csv"),
    ):
        assert stage.read_bytes() == (folder / "out" / python).read_bytes(), python


def prepared(seed: int) -> splits.Prepared:
    """As a source of these examples would be prepared."""
    rows = torch.arange(96)
    fit = Split(PICTURES.inputs, LABELS, rows)
    assert LABELS is not None
    test = Split(PICTURES.inputs[:20], LABELS[:20], rows[:20] + 96)
    sizes = {"train": 96 - HELD_OUT, "validation": HELD_OUT, "test": 20}
    return source_splits.split_source(Source(fit, test, CLASSES, "image"), sizes, seed)


def test_it_gives_an_encoder_to_use_and_its_curves() -> None:
    encoder, curves = train()
    features = encoder(PICTURES.inputs)
    assert features.shape == (96, encoder.dim) and not encoder.training
    assert [row["epoch"] for row in curves.epochs] == [1, 2] and len(curves.steps) == 8
    assert curves.verdict == curves.verdicts[-1] and "validation_knn" in curves.epochs[0]


def test_labels_are_optional() -> None:
    assert "validation_knn" not in train(labels=None).curves.epochs[0]


def test_arrays_train_as_tensors_do() -> None:
    array = PICTURES.inputs.numpy()
    array.flags.writeable = False
    assert LABELS is not None
    words = [CLASSES[label] for label in LABELS]
    numbers = [sorted(CLASSES).index(word) for word in words]
    assert equal(train(array, words).encoder, train(labels=numbers).encoder)


def test_what_is_saved_is_what_is_returned(folder: Path) -> None:
    encoder, curves = train(out="out")
    assert equal(twinview.load_encoder("out/encoder"), encoder)
    rows = load_rows(Path("out/epochs.csv"))
    assert [float(row["loss"]) for row in rows] == [row["loss"] for row in curves.epochs]
    assert (folder / "out/head/head.safetensors").is_file()


def test_without_a_folder_nothing_is_written(folder: Path) -> None:
    train()
    assert list(folder.iterdir()) == []


def test_one_that_was_killed_goes_on_and_ends_with_the_same_bits(
    folder: Path, steps: list[int]
) -> None:
    whole = train()
    killed_at_a_checkpoint()
    steps.clear()
    again = train(out="out")
    assert steps == [4, 5, 6, 7, 8] and equal(again.encoder, whole.encoder)
    assert again.curves.state_dict() == whole.curves.state_dict()


def killed_at_a_checkpoint() -> None:
    """A process of its own trains in out, and is killed when it has saved."""
    if not (child := os.fork()):
        save = Checkpoints.save

        def die(kept: Checkpoints, *given: Any, **named: Any) -> None:
            save(kept, *given, **named)
            os.kill(os.getpid(), signal.SIGKILL)

        Checkpoints.save = die  # type: ignore[method-assign]
        try:
            train(out="out")
        finally:
            os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL


def test_a_finished_one_is_read_and_not_trained_again(folder: Path, steps: list[int]) -> None:
    first = train(out="out")
    steps.clear()
    again = train(out="out", checkpoint_every=5)
    assert steps == [] and equal(again.encoder, first.encoder)
    assert again.curves.state_dict() == first.curves.state_dict()


def test_the_results_of_another_training_are_not_written_over(folder: Path) -> None:
    train(out="out")
    before = Path("out/encoder/encoder.safetensors").read_bytes()
    with pytest.raises(ConfigError, match=r"another training, which differs in pretrain\.seed;"):
        train(out="out", seed=1)
    with pytest.raises(ConfigError, match="which differs in the examples;"):
        train(PICTURES.inputs.flip(0), out="out")
    assert Path("out/encoder/encoder.safetensors").read_bytes() == before


def test_a_training_that_starts_from_a_file_is_another_with_another_content(folder: Path) -> None:
    options = {"encoders.backbone.model": "shufflenet_v2_x0_5", "encoders.backbone.weights": "a.pt"}
    given: dict[str, Any] = {"encoder": "backbone", "epochs": 1, "warmup_epochs": 0.5}
    for seed in (0, 1):
        torch.manual_seed(seed)
        torch.save(models.get_model("shufflenet_v2_x0_5", weights=None).state_dict(), "a.pt")
        if not seed:
            train(out="out", settings=options, **given)
    with pytest.raises(ConfigError, match=r"which differs in a\.pt;"):
        train(out="out", settings=options, **given)


def test_the_number_of_threads_is_what_it_was_before(monkeypatch: pytest.MonkeyPatch) -> None:
    before = torch.get_num_threads()
    train(threads=before + 1)
    assert torch.get_num_threads() == before


FLOATS = PICTURES.inputs.float() / 255
CROPS = ["random_resized_crop", "hue"]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"examples": FLOATS}, r"pictures are torch\.float32 .* must be uint8.*\* 255"),
        ({"examples": FLOATS.numpy()}, r"pictures are torch\.float32"),
        ({"examples": PICTURES.inputs[:, 0]}, r"shape \(96, 12, 12\).*examples\[:, None\]"),
        ({"examples": list(PICTURES.inputs)}, "are a list; give a NumPy array or a PyTorch"),
        ({"examples": np.array(["a", "b"])}, "are an array of <U1; give uint8"),
        ({"labels": torch.arange(95)}, r"labels: have the shape \(95,\); .* of the 96 examples"),
        ({"labels": torch.rand(96)}, "labels: are float32; give whole numbers or texts"),
        ({"labels": [None] * 96}, "labels: are object"),
        (
            {"labels": None, "method": "sup_con"},
            r"method is 'sup_con', which learns from labels, and",
        ),
    ],
)
def test_examples_and_labels_that_cannot_be_used_are_refused(
    given: dict[str, Any], said: str, steps: list[int]
) -> None:
    with pytest.raises(DataError, match=said):
        train(**given)
    assert steps == []


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"method": "simclear"}, "has no 'simclear'; did you mean 'simclr'"),
        ({"epoch": 3}, r"pretrain\.epoch: there is no such key; did you mean 'epochs'"),
        ({"settings": {"pretrain.epochs": 3}}, r"pretrain\.epochs is given twice"),
        ({"settings": {"views.mode": "cached"}}, "views.mode is 'cached', .* set it to live"),
        ({"settings": {"views.chain": CROPS}}, "hue, which would not change"),
        ({"processes": 2}, r"pretrain\.processes is 2, .* set it to 1"),
        ({"batch_size": 80}, "is 80, more than the examples .*: 72 of 96, since 24 are held out"),
        ({"validation": 5}, "validation is 5; give a number of examples, at least 10"),
        ({"validation": 0.1}, "validation is 0.1"),
        ({"examples": PICTURES.inputs[:0], "labels": None, "validation": None}, ": 0 of 0, since"),
        ({"out": __file__}, "is a file; name a folder"),
        (
            {
                "method": "siamese",
                "objective": "contrastive",
                "settings": {"methods.siamese.positives": "pairs"},
            },
            r"data\.pairs: is null, but methods\.siamese\.positives is 'pairs'",
        ),
    ],
)
def test_settings_that_cannot_be_used_are_refused(
    given: dict[str, Any], said: str, steps: list[int]
) -> None:
    with pytest.raises(ConfigError, match=said):
        train(**given)
    assert steps == []


def test_a_twelfth_is_held_out_unless_a_number_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: list[int] = []
    divided = arrays.divided

    def noted(inputs: Tensor, labels: Any, held_out: int, seed: int) -> splits.Prepared:
        sizes.append(held_out)
        return divided(inputs, labels, held_out, seed)

    monkeypatch.setattr(arrays, "divided", noted)
    many = PICTURES.inputs.repeat(2, 1, 1, 1)
    train(many, None, validation=None, epochs=2, batch_size=128)
    assert sizes == [16]
