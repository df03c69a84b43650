"""What is aside cannot change a result: stages give the same bits with all of it replaced."""

import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support import commands
from tests.support.workspace import ROOT
from twinview.core import files, paths
from twinview.data import split_writer
from twinview.data.splits import Prepared
from twinview.stages.aside import ASIDE, is_aside

# Some of what they write.
FILES = (
    paths.ENCODER / "encoder.safetensors",
    paths.HEAD / "head.safetensors",
    paths.PRETRAIN_STEPS,
    paths.PRETRAIN_EPOCHS,
    paths.EMBEDDINGS / "test.safetensors",
    paths.METRICS,
    paths.PREDICTIONS,
)
STAGES = ("views", "baselines", "pretrain", "embed", "evaluate_baselines", "evaluate")
SETTINGS = {
    "data.train": 96,
    "data.validation": 48,
    "data.test": 96,
    "pretrain.epochs": 2,
    "pretrain.batch_size": 16,
    "pretrain.monitor_examples": 16,
    "pretrain.threads": 1,
    "pretrain.precision": "float32",
    "encoders.convnet.widths": [4, 8],
    "encoders.convnet.strides": [2, 2],
    "encoders.convnet.pool_size": 2,
    "baselines.pca_components": 4,
    "tasks.few_labels.per_class": [2],
    "tasks.propagation.per_class": [2],
    "tasks.propagation.neighbours": 4,
    "probes.knn.pca_components": [0, 4],
    "report.points": 10,
    "report.queries": 2,
}


@pytest.mark.slow
def test_stages_give_the_same_bits_with_all_that_is_aside_replaced(
    write_params: Callable[..., Path], shapes: Prepared, folder: Path
) -> None:
    write_params(SETTINGS)
    split_writer.save(paths.PREPARED, shapes)
    real, replaced = (results(how, folder) for how in ("real", "replaced"))
    assert real.keys() == replaced.keys() >= {str(path) for path in FILES}
    differing = {path for path in real if real[path] != replaced[path]}
    assert differing == {str(paths.PRETRAIN_RUN)}, "this one says when and where"


def results(how: str, folder: Path) -> dict[str, str]:
    """The checksum of each file that the stages write, with aside modules as `how` says."""
    place = folder.with_name(how)
    shutil.copytree(folder, place)
    script = ROOT / "tests/stages/without_aside.py"
    commands.output(sys.executable, script, how, *STAGES, cwd=place)
    written = [
        path for part in ("data", "models", "reports") for path in place.glob(f"{part}/**/*")
    ]
    return {str(path.relative_to(place)): files.sha256(path) for path in written if path.is_file()}


def test_what_is_aside_exists() -> None:
    for name in ASIDE:
        place = ROOT / "src" / name.replace(".", "/")
        assert (
            place.is_dir()
            if name.endswith(".") or name == "twinview"
            else place.with_suffix(".py").is_file()
        ), name


def test_a_package_s_name_stands_for_all_in_it_and_a_module_s_for_itself() -> None:
    assert is_aside("twinview.tracking.columns") and is_aside("twinview")
    assert not is_aside("twinview.core.files") and not is_aside("twinview.learning.loop")
    assert not is_aside("twinview.tracking.columns", counted=("twinview.tracking.",))
