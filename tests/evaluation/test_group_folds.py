"""Divisions by groups, drawn anew: which rows fall where, and what is made of the draws."""

import math
import statistics
from collections.abc import Mapping
from dataclasses import replace

import pytest
import torch

from tests.support.evaluated import contender, features
from tests.support.predicted import knn
from twinview.core.errors import ConfigError
from twinview.core.types import NO_GROUP, NO_LABEL, Embeddings
from twinview.data.group_folds import redraw_splits
from twinview.evaluation.contender import Result
from twinview.evaluation.group_folds import add_group_folds, corrected_interval, redrawn
from twinview.evaluation.judging import judge
from twinview.tasks.classification import classification
from twinview.tasks.geometry import geometry

GRID = {"knn": {"neighbours": [3], "temperature": [0.1], "pca_components": [0]}}
PARAMS = {"probes": ("knn",), "measures": ("accuracy", "f1")}


def grouped(size: int = 5) -> dict[str, Embeddings]:
    """The features, of which `size` successive rows are a group; the groups are not yet mixed."""
    return {name: replace(part, groups=part.ids // size) for name, part in features().items()}


def test_groups_stay_whole_and_every_row_is_in_one_split() -> None:
    parts = grouped()
    groups = torch.cat([part.groups for part in parts.values() if part.groups is not None])
    for names in redraw_splits(parts, 5):
        assert len(names) == len(groups) == 135 and set(names) == set(parts)
        pairs = set(zip(groups.tolist(), names, strict=True))
        assert len(pairs) == len(groups.unique())


def test_the_splits_keep_their_shares_as_far_as_groups_allow() -> None:
    for names in redraw_splits(grouped(), 5):
        for name, part in grouped().items():
            assert abs(names.count(name) - len(part)) <= 5, "one group"


def test_draws_differ_and_do_not_depend_on_how_many_there_are_nor_on_the_features() -> None:
    first = list(redraw_splits(grouped(), 5))
    assert len(set(first)) == 5 and first[:2] == list(redraw_splits(grouped(), 2))
    other = {name: replace(part, features=-part.features) for name, part in grouped().items()}
    assert list(redraw_splits(other, 5)) == first


def test_a_row_without_a_group_is_divided_alone() -> None:
    parts = {
        name: replace(part, groups=torch.where(part.ids % 2 == 0, part.ids // 20, NO_GROUP))
        for name, part in features().items()
    }
    (names,) = redraw_splits(parts, 1)
    alone = torch.cat(
        [part.groups == NO_GROUP for part in parts.values() if part.groups is not None]
    )
    assert {name for name, lone in zip(names, alone.tolist(), strict=True) if lone} == set(parts)


@pytest.mark.parametrize(("size", "said"), [(10_000, "1 group,"), (1000, None)])
def test_fewer_groups_than_splits_are_refused(size: int, said: str | None) -> None:
    parts = grouped(size)
    if said is None:
        assert next(redraw_splits(parts, 2))
        return
    with pytest.raises(ConfigError, match=f"group_folds is 2, but the labelled .* have {said}"):
        next(redraw_splits(parts, 2))


def test_rows_keep_features_and_labels_in_their_new_splits() -> None:
    parts = grouped()
    divided = list(redraw_splits(parts, 2))
    label_of = {
        row_id: (label, tuple(row))
        for part in parts.values()
        for row_id, label, row in zip(
            part.ids.tolist(), part.required_labels().tolist(), part.features.tolist(), strict=True
        )
    }
    for names, new in zip(divided, redrawn(parts, divided), strict=True):
        assert {name: len(part) for name, part in new.items()} == {
            name: names.count(name) for name in parts
        }
        for part in new.values():
            found = zip(
                part.ids.tolist(), part.required_labels().tolist(), part.features.tolist(),
                strict=True,
            )  # fmt: skip
            assert all(label_of[row_id] == (label, tuple(row)) for row_id, label, row in found)


def test_the_interval_in_closed_form() -> None:
    # n = 2: t(0.975, 1) = tan(0.475 pi), s = |a - b| / sqrt(2).
    low, high = corrected_interval([0.5, 0.7], ratio=0.25)
    half = math.tan(0.475 * math.pi) * 0.2 / math.sqrt(2) * math.sqrt(1 / 2 + 0.25)
    assert (low, high) == pytest.approx((0.6 - half, 0.6 + half))


def accuracies(parts: Mapping[str, Embeddings], draws: int) -> list[float]:
    """A naive loop: kNN of the rows whose new split is train or validation, on those of test."""
    labels = torch.cat([part.required_labels() for part in parts.values()])
    rows = torch.cat([part.features for part in parts.values()])
    found = []
    for names in redraw_splits(parts, draws):
        fitted = torch.tensor([name != "test" for name in names])
        known = Embeddings(rows[fitted], labels[fitted], torch.arange(int(fitted.sum())))
        options = {"neighbours": 3, "temperature": 0.1, "pca_components": 0}
        predicted = knn(known, rows[~fitted], **options)
        found.append((predicted == labels[~fitted]).double().mean().item())
    return found


def judged(parts: Mapping[str, Embeddings], draws: int = 4) -> Result:
    asked = contender(parts, **GRID)
    tasks = [lambda given: classification(given, **PARAMS)]
    results = {"knn": Result({"accuracy": 0.5, "f1": 0.5, "validation_accuracy": 0.5})}
    return add_group_folds(results, asked, tasks, {"accuracy", "f1"}, draws)["knn"]


def test_results_are_those_of_a_naive_loop_over_the_draws() -> None:
    expected = accuracies(grouped(), 4)
    assert len(set(expected)) > 1
    found = judged(grouped())
    drawn = found.details["over_groups"]["accuracy"]
    assert drawn["draws"] == pytest.approx(expected)
    assert found.metrics["accuracy_over_groups"] == pytest.approx(statistics.fmean(expected))
    assert drawn["deviation"] == pytest.approx(statistics.stdev(expected))
    sizes = [names.count("test") for names in redraw_splits(grouped(), 4)]
    ratio = statistics.fmean(size / (135 - size) for size in sizes)
    assert drawn["interval"] == pytest.approx(list(corrected_interval(expected, ratio)))
    assert list(found.metrics) == [
        "accuracy", "f1", "validation_accuracy", "accuracy_over_groups", "f1_over_groups",
    ]  # fmt: skip


def test_rows_without_a_label_are_in_no_draw() -> None:
    parts = grouped()
    more = {
        name: Embeddings(
            torch.cat([part.features, 9 - part.features]),
            torch.cat([part.required_labels(), torch.full((len(part),), NO_LABEL)]),
            torch.cat([part.ids, part.ids + 9000]),
            torch.cat([part.ids // 5, part.ids // 5 + 9000]),
        )
        for name, part in parts.items()
    }
    assert judged(more).metrics == judged(parts).metrics


def test_groups_that_differ_spread_more_than_rows_that_do_not() -> None:
    """Every group has a place of its own and one class: what is learnt of others says little."""
    random = torch.Generator().manual_seed(0)
    places = 4 * torch.randn(4000, 3, generator=random)
    alike, mixed = {}, {}
    for name, part in grouped().items():
        assert part.groups is not None
        noise = 0.1 * torch.randn(len(part), 3, generator=random)
        alike[name] = replace(part, features=places[part.groups] + noise, labels=part.groups % 3)
        mixed[name] = replace(alike[name], groups=part.ids)
    by_group = judged(alike).metrics["accuracy_over_groups"]
    by_row = judged(mixed).metrics["accuracy_over_groups"]
    assert by_row > 0.9 > 0.6 > by_group


def test_only_tasks_that_declare_it_are_judged_over_groups_and_no_encoder_that_saw_labels() -> None:
    tasks = {
        "classification": lambda given: classification(given, **PARAMS),
        "geometry": lambda given: geometry(given, examples=20, seed=0),
    }
    asked = contender(grouped(), **GRID)
    found = judge(asked, tasks, 2)
    assert "accuracy_over_groups" in found["knn"].metrics
    assert "effective_rank_over_groups" not in found["geometry"].metrics
    once = judge(asked, tasks, None)
    assert once["knn"].metrics.keys() == {"accuracy", "f1", "validation_accuracy"}
    assert judge(asked, tasks, 2, saw_labels=True)["knn"].metrics == once["knn"].metrics
    assert found["knn"].metrics.items() >= once["knn"].metrics.items()
