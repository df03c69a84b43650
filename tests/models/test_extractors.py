"""Extractors: further inputs get the features that the splits have."""

from pathlib import Path

import pytest
import torch
from torch import Tensor

from tests.support.plugins import PARAMS
from tests.support.small_encoders import CPU, made, silent
from twinview.core.types import Embeddings
from twinview.data import split_writer
from twinview.data.splits import Prepared
from twinview.evaluation import baselines
from twinview.heads.nonlinear import nonlinear
from twinview.models import (
    baseline_files,
    embedder,
    embeddings,
    encoder,
    extractors,
    head,
    reduction,
    reference,
)
from twinview.models.embedder import Embedder
from twinview.models.extractors import Extractor
from twinview.settings.sections import Embed
from twinview.views.cache import write_live
from twinview.views.plan import ViewPlan
from twinview.views.sample import SampledViews

EMBED = Embed(batch_size=40, mirror=True, components=None)
HEAD = {"depth": 1, "hidden": 8, "dim": 4, "norm": "none"}


@pytest.fixture
def sampled(shapes: Prepared, tmp_path: Path) -> SampledViews:
    split_writer.save(tmp_path / "prepared", shapes)
    write_live(tmp_path / "views", ViewPlan.from_options(0, ["noise"], PARAMS["augmentations"]))
    return SampledViews(tmp_path / "prepared", tmp_path / "views")


def of_baseline(folder: Path, sampled: SampledViews) -> Extractor:
    return extractors.of_baseline(folder, sampled, EMBED, CPU)


def embedded(
    shapes: Prepared, models: Path, components: int | None
) -> tuple[dict[str, Embeddings], dict[str, Embeddings]]:
    """The features that stage embed writes, before and after they are reduced; saves the models."""
    network = made(shapes)
    features = embeddings.embed(network, shapes, EMBED, CPU, silent)
    reduced, mapping = reduction.reduce(features, components)
    near = reference.fit(reduced["train"].features, reduced["validation"].features)
    embedder.save(models / "embedder", Embedder(network, EMBED.mirror, mapping), near)
    encoder.save(models / "encoder", network)
    return features, reduced


def test_an_encoder_gives_the_bits_that_embed_gives(shapes: Prepared, tmp_path: Path) -> None:
    expected, _ = embedded(shapes, tmp_path, None)
    extract = extractors.of_encoder(tmp_path, EMBED.batch_size, CPU)
    for name, split in shapes.splits.items():
        assert torch.equal(extract(split.inputs), expected[name].features)


def test_an_encoder_reduces_features_as_stage_embed_did(shapes: Prepared, tmp_path: Path) -> None:
    _, reduced = embedded(shapes, tmp_path, 3)
    found = extractors.of_encoder(tmp_path, EMBED.batch_size, CPU)(shapes.splits["test"].inputs)
    # Float32: products of a batch may be summed in another order than those of a split.
    assert found.shape[1] == 3 and torch.allclose(found, reduced["test"].features, atol=1e-4)


def test_a_head_projects_features_before_they_are_reduced(shapes: Prepared, tmp_path: Path) -> None:
    features, _ = embedded(shapes, tmp_path, 3)
    width = features["test"].features.shape[1]
    z = nonlinear(width, **HEAD)  # type: ignore[arg-type]
    head.save(tmp_path / "head", z, "nonlinear", HEAD, width)
    extract = extractors.of_head(tmp_path, EMBED.batch_size, CPU)
    found, expected = extract(shapes.splits["test"].inputs), embeddings.project(z.eval(), features)
    assert torch.equal(found, expected["test"].features) and not found.requires_grad


def test_baselines_without_an_encoder_give_their_own_features(
    shapes: Prepared, sampled: SampledViews, tmp_path: Path
) -> None:
    inputs, raw = shapes.splits["test"].inputs, baselines.raw(shapes, {})
    reduced, components = baselines.pca(raw, 3)
    for name, parts in (("raw", raw), ("pca", reduced)):
        embeddings.save(tmp_path / name, parts)
    baseline_files.save(tmp_path / "pca", None, components, {})
    assert torch.equal(of_baseline(tmp_path / "raw", sampled)(inputs), raw["test"].features)
    # Float32: the mean is taken off before the product, and by scikit-learn after it.
    found = of_baseline(tmp_path / "pca", sampled)(inputs)
    assert torch.allclose(found, reduced["test"].features, atol=1e-4)


def test_the_encoder_of_a_baseline_lies_beside_its_embeddings(
    shapes: Prepared, sampled: SampledViews, tmp_path: Path
) -> None:
    folder, inputs = tmp_path / "random_encoder", shapes.splits["test"].inputs
    parts = embeddings.embed(made(shapes), shapes, EMBED, CPU, silent)
    embeddings.save(folder, parts)
    baseline_files.save(folder, made(shapes), None, {})
    assert torch.equal(of_baseline(folder, sampled)(inputs), parts["test"].features)
    assert embeddings.load(folder).keys() == parts.keys()
    reduced, mapping = reduction.reduce(parts, 3)
    baseline_files.save(folder, made(shapes), mapping, {})
    # Float32: products of a batch may be summed in another order than those of a split.
    found = of_baseline(folder, sampled)(inputs)
    assert found.shape[1] == 3 and torch.allclose(found, reduced["test"].features, atol=1e-4)


def test_views_are_embedded_one_view_after_the_other_when_they_are_asked_for(
    sampled: SampledViews,
) -> None:
    loaded: list[str] = []

    def load() -> Extractor:
        loaded.append("once")
        return lambda inputs: inputs.flatten(1).float()

    views = extractors.of_views(sampled, load)
    assert not loaded
    found: Tensor = views("test", 8, 0)
    assert torch.equal(found, sampled.take("test", 8, 0).flatten(2).float()) and len(loaded) == 1
