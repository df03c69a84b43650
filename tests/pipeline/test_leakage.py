"""No test row is seen before it is tested on: the stage pretrain, from its files to its weights."""

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from torch import Tensor

from pipeline import pretrain
from tests.support.shapes import prepared_shapes
from tests.support.training import Untracked
from twinview.compute import devices
from twinview.compute.gradient_cache import GradientCache
from twinview.core import paths
from twinview.data import split_writer
from twinview.data.splits import Prepared
from twinview.stages import stage
from twinview.tracking import mlflow_runs
from twinview.views.cache import write_cache, write_live
from twinview.views.plan import ViewPlan

SIZES = {"train": 64, "validation": 32, "test": 48}
# Nothing changes a view, so that a picture is known again by its bytes.
PLAN = ViewPlan(0, ())
CHANGES = {f"data.{name}": size for name, size in SIZES.items()} | {
    "pretrain.epochs": 2,
    "pretrain.early_view_scale": 1,
    "pretrain.batch_size": 16,
    "pretrain.monitor_examples": 16,
    "tasks.few_labels.per_class": [2],
    "tasks.propagation.per_class": [2],
    "report.points": 10,
    "report.queries": 2,
}

Pictures = set[bytes]


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> dict[bool, Pictures]:
    """The pictures that the encoder is shown while it trains (True) and while it does not."""
    shown: dict[bool, Pictures] = {True: set(), False: set()}
    encode = GradientCache.forward

    def noted(cache: GradientCache, views: Tensor) -> Tensor:
        shown[cache.training] |= pictures(views.flatten(0, 1))
        return encode(cache, views)

    @contextlib.contextmanager
    def untracked(*given: Any) -> Iterator[Untracked]:
        yield Untracked()

    monkeypatch.setattr(GradientCache, "forward", noted)
    monkeypatch.setattr(mlflow_runs, "pretraining", untracked)
    monkeypatch.setattr(devices, "set_threads", lambda count: None)
    return shown


@pytest.mark.parametrize("mode", ["live", "cached"])
def test_a_training_sees_all_train_pictures_and_its_monitors_some_for_validation(
    mode: str, seen: dict[bool, Pictures], write_params: Callable[..., Path]
) -> None:
    write_params(CHANGES | {"views.mode": mode})
    prepared = prepared_shapes(**SIZES, seed=0)
    split_writer.save(paths.PREPARED, prepared)
    write_views(mode, prepared)
    pretrain.main()
    there = {name: pictures(split.inputs) for name, split in prepared.splits.items()}
    assert seen[True] == there["train"]
    assert len(seen[False] & there["validation"]) == len(seen[False] & there["train"]) == 16
    assert seen[False] <= there["validation"] | there["train"], "its neighbours are of train"
    assert not (there["train"] | there["validation"]) & there["test"]


def write_views(mode: str, prepared: Prepared) -> None:
    train = prepared.splits["train"]
    if mode == "live":
        write_live(paths.VIEWS, PLAN)
    else:
        parts = write_cache(paths.VIEWS, train, PLAN, prepared.modality, 2, 2**20)
        stage.run_with_bar(parts, 2 * len(train), "views")


def pictures(inputs: Tensor) -> Pictures:
    return {picture.numpy().tobytes() for picture in inputs}
