"""Clusters: k-means chosen by the silhouette on validation."""

import math
from collections.abc import Mapping
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from tests.support.evaluated import CLASSES, contender, features
from twinview.core.types import Embeddings
from twinview.evaluation.contender import Result, predictions
from twinview.tasks import clusters as module
from twinview.tasks.clusters import clusters


def tight(n: int, groups: int, seed: int) -> Tensor:
    """Rows of any length near `groups` orthogonal directions."""
    random = torch.Generator().manual_seed(seed)
    rows = torch.eye(6)[torch.arange(n) % groups] + 0.01 * torch.randn(n, 6, generator=random)
    return rows * (1 + torch.arange(n) % 3)[:, None]


def parts(groups: int) -> dict[str, Embeddings]:
    return {
        name: replace(part, features=tight(len(part), groups, seed))
        for seed, (name, part) in enumerate(features().items())
    }


def found(of: Mapping[str, Embeddings], counts: tuple[int, ...] = (2, 4, 5)) -> Result:
    (result,) = clusters(contender(of), counts=counts, examples=60, starts=3, seed=0).values()
    return result


def test_the_number_of_groups_is_found_whatever_the_length_of_the_rows() -> None:
    result = found(parts(4))
    assert result.details["chosen"] == {"clusters": 4}
    assert result.metrics["silhouette"] > 0.95 < result.metrics["validation_silhouette"]


def test_the_silhouette_is_rousseeuw_s() -> None:
    """By a loop over the test rows, whose clusters are their directions."""
    of = parts(2)
    x = torch.nn.functional.normalize(of["test"].features, dim=1)
    away, group, values = torch.cdist(x, x), torch.arange(len(x)) % 2, []
    for i in range(len(x)):
        same = [float(away[i, j]) for j in range(len(x)) if group[j] == group[i] and j != i]
        other = [float(away[i, j]) for j in range(len(x)) if group[j] != group[i]]
        a, b = math.fsum(same) / len(same), math.fsum(other) / len(other)
        values.append((b - a) / max(a, b))
    expected = math.fsum(values) / len(values)
    # Float32 distances of rows that lie close together.
    assert found(of, (2,)).metrics["silhouette"] == pytest.approx(expected, abs=1e-3)


def test_validation_alone_chooses() -> None:
    of = parts(4) | {"test": replace(features()["test"], features=tight(45, 2, 9))}
    for detail in ("chosen", "validation"):
        assert found(of).details[detail] == found(parts(4)).details[detail]


def test_features_that_are_all_alike_have_the_silhouette_zero() -> None:
    of = {name: replace(part, features=torch.ones(len(part), 6)) for name, part in parts(2).items()}
    result = found(of)
    assert result.metrics == {"silhouette": 0.0, "validation_silhouette": 0.0}
    assert result.details["chosen"] == {"clusters": 2}, "of equals the first"


def test_every_test_example_has_the_cluster_of_its_group(monkeypatch: pytest.MonkeyPatch) -> None:
    """Although only 20 of the 45 count for the silhouette, and blocks of 7 have a rest."""
    monkeypatch.setattr(module, "_ROWS", 7)
    (result,) = clusters(contender(parts(4)), counts=(4,), examples=20, starts=3, seed=0).values()
    assert result.assigned is not None and result.assigned.shape == (45,)
    pairs = set(zip((torch.arange(45) % 4).tolist(), result.assigned.tolist(), strict=True))
    assert len(pairs) == 4 and {number for _, number in pairs} == {0, 1, 2, 3}


def test_the_nearest_to_a_centre_are_named_by_their_ids_nearest_first() -> None:
    of = parts(2)
    result = found(of, (2,))
    test, assigned = of["test"], result.assigned
    assert assigned is not None
    x = torch.nn.functional.normalize(test.features, dim=1).double()
    both = torch.cat([of[name].features for name in ("train", "validation")])
    known = torch.nn.functional.normalize(both, dim=1).double()
    for number, ids in enumerate(result.details["nearest"]):
        group = int((assigned == number).nonzero()[0, 0]) % 2  # rows of a group take turns
        centre = torch.cat([known[:60][group::2], known[60:][group::2]]).mean(0)
        away = (x - centre).norm(dim=1)
        rows = sorted((assigned == number).nonzero()[:, 0].tolist(), key=lambda row: away[row])
        assert ids == test.ids[rows[:12]].tolist()


def test_predictions_have_the_cluster_of_each_row() -> None:
    of = parts(4)
    result = found(of)
    assert result.assigned is not None
    rows = predictions({"clusters": result}, of["test"], CLASSES)
    assert [row["clusters"] for row in rows] == result.assigned.tolist()
    assert rows[1] == {"id": 2001, "actual": "b", "clusters": int(result.assigned[1])}


def test_no_more_examples_are_used_than_said() -> None:
    of = parts(4)
    few = clusters(contender(of), counts=(4,), examples=20, starts=1, seed=0)["clusters"]
    again = clusters(contender(of), counts=(4,), examples=20, starts=1, seed=1)["clusters"]
    assert few.metrics != again.metrics
