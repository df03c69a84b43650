"""The baselines: raw inputs and principal components, fitted on train rows only."""

from dataclasses import replace

import pytest
import torch

from twinview.core.errors import ConfigError
from twinview.core.types import Embeddings
from twinview.data.splits import Prepared
from twinview.evaluation.baselines import pca, raw


def test_raw_inputs_are_the_pixels_in_zero_to_one(shapes: Prepared) -> None:
    for name, part in raw(shapes, {}).items():
        split = shapes.splits[name]
        assert torch.equal(part.features, split.inputs.flatten(1) / 255)
        assert part.features.shape == (len(split), 144)


def test_rows_keep_their_labels_and_ids(shapes: Prepared) -> None:
    for parts in (raw(shapes, {}), pca(raw(shapes, {}), 3)[0]):
        for name, part in parts.items():
            assert torch.equal(part.ids, shapes.splits[name].ids)
            assert torch.equal(part.required_labels(), shapes.splits[name].labels)  # type: ignore[arg-type]


def test_components_are_those_of_the_singular_value_decomposition(shapes: Prepared) -> None:
    splits = raw(shapes, {})
    centred = splits["train"].features.double()
    mean = centred.mean(0)
    directions = torch.linalg.svd(centred - mean).Vh[:4]
    found = pca(splits, 4)[0]
    for name, part in splits.items():
        expected = (part.features.double() - mean) @ directions.T
        # A direction may point either way; its values keep their scale. Float32.
        assert torch.allclose(found[name].features.double().abs(), expected.abs(), atol=1e-4)
        assert found[name].features.dtype == torch.float32


def test_components_are_fitted_on_the_train_rows_alone(shapes: Prepared) -> None:
    splits = raw(shapes, {})
    found = pca(splits, 4)[0]
    others = {n: moved(part) if n != "train" else part for n, part in splits.items()}
    assert torch.equal(pca(others, 4)[0]["train"].features, found["train"].features)


def test_components_are_the_same_every_time(shapes: Prepared) -> None:
    first, again = pca(raw(shapes, {}), 4)[0], pca(raw(shapes, {}), 4)[0]
    assert all(torch.equal(first[name].features, again[name].features) for name in first)


def test_more_components_than_inputs_have_are_refused(shapes: Prepared) -> None:
    with pytest.raises(ConfigError, match=r"baselines\.pca_components"):
        pca(raw(shapes, {}), 145)


def moved(part: Embeddings) -> Embeddings:
    return replace(part, features=part.features.flip(1) * 3)
