"""Features that are reduced by embed.components."""

import pytest
import torch

from twinview.core.errors import ConfigError
from twinview.core.types import Embeddings
from twinview.models import reduction


def parts(width: int = 5) -> dict[str, Embeddings]:
    random = torch.Generator().manual_seed(0)
    sizes = {"train": 200, "validation": 30, "test": 20}
    return {
        name: Embeddings(3 + torch.randn(n, width, generator=random), None, torch.arange(n))
        for name, n in sizes.items()
    }


def test_without_components_features_stay_as_they_are() -> None:
    given = parts()
    kept, mapping = reduction.reduce(given, None)
    assert mapping is None and kept == given


def test_the_map_is_fitted_on_train_and_applied_to_every_split() -> None:
    given = parts()
    reduced, mapping = reduction.reduce(given, 2)
    assert mapping is not None
    train = reduced["train"].features
    assert torch.allclose(train.T @ train / len(train), torch.eye(2), atol=1e-4)
    centred = given["train"].features - given["train"].features.mean(0)
    axes = torch.linalg.svd(centred).Vh[:2]
    for name, part in given.items():
        plain = (part.features - given["train"].features.mean(0)) @ axes.T
        expected = plain / (centred @ axes.T).std(0, correction=0)
        sign = (reduced[name].features * expected).sum(0).sign()
        assert torch.allclose(reduced[name].features, sign * expected, atol=1e-3)
        assert torch.equal(reduced[name].ids, part.ids)


def test_features_that_vary_in_fewer_directions_are_reduced_to_those() -> None:
    given = parts(3)
    doubled = {
        name: Embeddings(torch.cat([part.features] * 2, 1), None, part.ids)
        for name, part in given.items()
    }
    assert reduction.reduce(doubled, 5)[0]["test"].features.shape == (20, 3)


@pytest.mark.parametrize(("dim", "examples", "most"), [(64, 1000, 64), (64, 50, 49)])
def test_more_components_than_there_can_be_are_refused(dim: int, examples: int, most: int) -> None:
    reduction.require_possible(most, dim, examples)
    reduction.require_possible(None, dim, examples)
    with pytest.raises(ConfigError, match=f"embed.components is {most + 1}, .* {most} at most"):
        reduction.require_possible(most + 1, dim, examples)
