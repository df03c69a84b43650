"""Extractors: further inputs get the features that the splits have."""

from pathlib import Path

import pytest
import torch
from torch import Tensor

from tests.models.test_embeddings import CPU, made, silent
from tests.support.plugins import PARAMS
from twinview.data import splits
from twinview.data.splits import Prepared
from twinview.evaluation import baselines
from twinview.heads.nonlinear import nonlinear
from twinview.models import embeddings, encoder, extractors, head
from twinview.models.extractors import Extractor
from twinview.settings.sections import Embed
from twinview.views.cache import write_live
from twinview.views.plan import ViewPlan
from twinview.views.sample import SampledViews

EMBED = Embed(batch_size=40, mirror=True)
HEAD = {"depth": 1, "hidden": 8, "dim": 4, "norm": "none"}


@pytest.fixture
def sampled(shapes: Prepared, tmp_path: Path) -> SampledViews:
    splits.save(tmp_path / "prepared", shapes)
    write_live(tmp_path / "views", ViewPlan.from_options(0, ["noise"], PARAMS["augmentations"]))
    return SampledViews(tmp_path / "prepared", tmp_path / "views")


def of_baseline(folder: Path, sampled: SampledViews) -> Extractor:
    return extractors.of_baseline(folder, sampled, EMBED, CPU)


def test_an_encoder_gives_the_bits_that_embed_gives(shapes: Prepared, tmp_path: Path) -> None:
    encoder.save(tmp_path / "encoder", made(shapes))
    extract = extractors.of_encoder(tmp_path / "encoder", EMBED, CPU)
    expected = embeddings.embed(made(shapes), shapes, EMBED, CPU, silent)
    for name, split in shapes.splits.items():
        assert torch.equal(extract(split.inputs), expected[name].features)


def test_a_head_projects_these_features(shapes: Prepared, tmp_path: Path) -> None:
    network, inputs = made(shapes), shapes.splits["test"].inputs
    encoder.save(tmp_path / "encoder", network)
    z = nonlinear(network.dim, **HEAD)  # type: ignore[arg-type]
    head.save(tmp_path / "head", z, "nonlinear", HEAD, network.dim)
    extract = extractors.of_encoder(tmp_path / "encoder", EMBED, CPU)
    found = extractors.of_head(extract, tmp_path / "head")(inputs)
    assert torch.equal(found, z.eval()(extract(inputs).clone())) and not found.requires_grad


def test_baselines_without_an_encoder_give_their_own_features(
    shapes: Prepared, sampled: SampledViews, tmp_path: Path
) -> None:
    inputs, raw = shapes.splits["test"].inputs, baselines.raw(shapes)
    reduced, components = baselines.pca(raw, 3)
    for name, parts in (("raw", raw), ("pca", reduced)):
        embeddings.save(tmp_path / name, parts)
    extractors.save_components(tmp_path / "pca", components)
    assert torch.equal(of_baseline(tmp_path / "raw", sampled)(inputs), raw["test"].features)
    # Float32: the mean is taken off before the product, and by scikit-learn after it.
    found = of_baseline(tmp_path / "pca", sampled)(inputs)
    assert torch.allclose(found, reduced["test"].features, atol=1e-4)


def test_the_encoder_of_a_baseline_lies_beside_its_embeddings(
    shapes: Prepared, sampled: SampledViews, tmp_path: Path
) -> None:
    parts = embeddings.embed(made(shapes), shapes, EMBED, CPU, silent)
    embeddings.save(tmp_path / "random_encoder", parts)
    extractors.save_encoder(tmp_path / "random_encoder", made(shapes))
    found = of_baseline(tmp_path / "random_encoder", sampled)(shapes.splits["test"].inputs)
    assert torch.equal(found, parts["test"].features)
    assert embeddings.load(tmp_path / "random_encoder").keys() == parts.keys()


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
