"""Weights that an encoder starts from: a baseline of their own, and a dependency by content."""

from pathlib import Path
from typing import Any

import pytest
import torch
from ruamel.yaml import YAML
from torchvision import models

from pipeline import baselines, evaluate_baselines, pretrain
from tests.support import unlabelled
from twinview.core import files, paths
from twinview.core.errors import ConfigError
from twinview.data import split_writer
from twinview.data.splits import Prepared
from twinview.models import embeddings, encoder
from twinview.settings import params
from twinview.settings.start_files import start_files
from twinview.views.cache import INDEX, write_live
from twinview.views.plan import ViewPlan

MODEL = "shufflenet_v2_x0_5"
FILE = paths.WEIGHTS / "mine.pth"
CPU = torch.device("cpu")


def write_settings(weights: Path | str | None) -> params.Params:
    unlabelled.write_settings(Path(), ["geometry"])
    tree: dict[str, Any] = YAML(typ="safe").load(Path("params.yaml").read_text())
    tree["pretrain"]["encoder"] = "backbone"
    tree["encoders"]["backbone"] |= {"model": MODEL, "weights": weights and str(weights)}
    with Path("params.yaml").open("w") as file:
        YAML().dump(tree, file)
    return params.load()


def write_weights(file: Path, seed: int) -> None:
    torch.manual_seed(seed)
    file.parent.mkdir(parents=True, exist_ok=True)
    torch.save(models.get_model(MODEL, weights=None).state_dict(), file)


@pytest.fixture
def project(folder: Path, shapes: Prepared) -> Prepared:
    write_weights(FILE, seed=1)
    prepared = unlabelled.without_labels(shapes)
    split_writer.save(paths.PREPARED, prepared)
    return prepared


def test_the_weights_stand_among_the_baselines_as_they_came(project: Prepared) -> None:
    settings = write_settings(FILE)
    baselines.main()
    evaluate_baselines.main()
    measured = files.load_json(paths.BASELINE_METRICS)
    expected = {"raw_pixels", "pca_4", "random_encoder", "pretrained_backbone"}
    assert set(measured) == expected
    options = settings.encoders["backbone"]
    described = encoder.Description.for_data(project, "backbone", options)
    network = encoder.build(described, 5).eval()  # any seed: no weight is random
    with torch.no_grad():
        inputs = project.splits["test"].inputs
        features = embeddings.MirroredEncoder(network)(inputs)
    found = {name: embeddings.load(paths.BASELINES / name)["test"].features for name in expected}
    assert torch.allclose(found["pretrained_backbone"], features, rtol=1e-3, atol=1e-8)
    assert not torch.allclose(found["random_encoder"], features, rtol=1e-1, atol=1e-8)


def test_without_weights_there_is_no_such_baseline(project: Prepared) -> None:
    write_settings(None)
    baselines.main()
    found = {folder.name for folder in paths.BASELINES.iterdir()}
    assert found == {"raw_pixels", "pca_4", "random_encoder"}


def fingerprint(settings: params.Params) -> dict[str, str]:
    weights = start_files("backbone", settings.encoders["backbone"])
    return pretrain.fingerprint(settings.chosen(*pretrain.RECORDED), CPU, weights)


def test_a_file_of_other_content_makes_another_training(project: Prepared) -> None:
    settings = write_settings(FILE)
    views = settings.views
    write_live(paths.VIEWS, ViewPlan.from_options(views.seed, views.chain, settings.augmentations))
    assert (paths.VIEWS / INDEX).is_file()
    before = fingerprint(settings)
    write_weights(FILE, seed=2)
    after = fingerprint(settings)
    assert {k for k in before | after if before.get(k) != after.get(k)} == {str(FILE)}
    assert str(FILE) not in fingerprint(write_settings(None))


@pytest.mark.parametrize(
    ("file", "said"),
    [
        ("mine.pth", r"mine\.pth, which is not in data/weights/, the folder in which DVC notices"),
        ("data/weights/../mine.pth", "which is not in data/weights/"),
        ("data/weights/other.pth", r"data/weights/other\.pth, which does not exist; put the file"),
    ],
)
def test_a_file_that_dvc_would_not_notice_is_refused_by_check_and_stages(
    file: str, said: str, project: Prepared
) -> None:
    write_weights(Path("mine.pth"), seed=1)
    write_settings(file)
    for refuse in (params.check, baselines.main, pretrain.main):
        with pytest.raises(ConfigError, match=said):
            refuse()


def test_dvc_watches_the_folder_for_the_stages_that_start_encoders() -> None:
    for stage in (baselines.STAGE, pretrain.STAGE):
        assert paths.WEIGHTS in stage.reads
