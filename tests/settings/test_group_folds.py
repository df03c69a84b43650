"""evaluate.group_folds: with which settings it goes, and what the gate can name then."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from twinview.core.errors import ConfigError
from twinview.settings import params

Write = Callable[[dict[str, Any]], Path]
FOLDS = {"evaluate.group_folds": 5}


def test_the_default_is_none_and_two_divisions_are_the_least(write_params: Write) -> None:
    assert params.load(write_params({})).evaluate.group_folds is None
    params.check(write_params(FOLDS))
    with pytest.raises(ConfigError, match=r"evaluate\.group_folds: .*greater than or equal to 2"):
        params.check(write_params({"evaluate.group_folds": 1}))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"pretrain.method": "sup_con"}, "methods.sup_con uses labels of train examples"),
        (
            {"pretrain.method": "cross_entropy", "pretrain.head": "linear"},
            "methods.cross_entropy uses labels",
        ),
        (
            {
                "pretrain.method": "siamese",
                "pretrain.objective": "triplet",
                "methods.siamese.positives": "classes",
            },
            "methods.siamese uses labels",
        ),
        ({"pretrain.examples_per_class": 16}, "pretrain.examples_per_class uses labels"),
        ({"data.near_pairs": "one_split"}, "data.near_pairs: one_split keeps copies in one split"),
        ({"views.positives": "group"}, "views.positives: group trains on which examples belong"),
        (
            {"evaluate.tasks": ["few_labels", "geometry"]},
            r"none of evaluate.tasks is measured over divisions by groups; .* \(classification\)",
        ),
    ],
)
def test_settings_with_which_it_would_mislead_or_do_nothing_are_refused(
    changes: dict[str, Any], said: str, write_params: Write
) -> None:
    params.check(write_params(changes))
    with pytest.raises(ConfigError, match=rf"evaluate\.group_folds: is 5, but {said}"):
        params.check(write_params(changes | FOLDS))


def test_the_gate_can_name_measures_over_groups_of_tasks_that_have_them(
    write_params: Write,
) -> None:
    names = ["linear.accuracy_over_groups", "knn.f1_over_groups", "knn.roc_auc_over_groups"]
    params.check(write_params({"gate.floors": dict.fromkeys(names, 0.5)}))
    for name in ("labels_10.accuracy_over_groups", "knn.speed_over_groups"):
        with pytest.raises(ConfigError, match=f"gate.floors: '{name}' is no metric"):
            params.check(write_params({"gate.floors": {name: 0.5}}))


@pytest.mark.parametrize("name", ["labels_10.f1", "propagated_100.f1", "linear.roc_auc", "knn.f1"])
def test_the_gate_can_name_measures_of_uneven_classes(name: str, write_params: Write) -> None:
    params.check(write_params({"gate.floors": {name: 0.5}}))
