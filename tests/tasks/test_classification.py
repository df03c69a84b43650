"""Classification: probes on all labels."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from tests.support.evaluated import CLASSES, Recorder, contender, features
from tests.support.plugins import PARAMS
from twinview.core import entries, registry
from twinview.core.errors import ConfigError
from twinview.evaluation.metrics import classification_metrics, roc_auc
from twinview.evaluation.protocol import predict_test
from twinview.probes.knn import knn
from twinview.settings import params
from twinview.tasks.classification import classification

GRIDS = {"linear": {"C": [0.1, 1.0]}, "knn": {"neighbours": [5], "temperature": [0.1]}}
GRIDS["knn"]["pca_components"] = [0]
DEFAULT = ("accuracy", "precision", "recall", "f1")
UNEVEN = ("accuracy", "balanced_accuracy", "f1")
Write = Callable[..., Path]


def test_each_probe_is_an_entry_with_the_metrics_of_its_predictions() -> None:
    found = classification(contender(**GRIDS), probes=("linear", "knn"), measures=DEFAULT)
    assert list(found) == ["linear", "knn"]
    read = predict_test(features(), knn, GRIDS["knn"])
    labels = features()["test"].required_labels()
    metrics = classification_metrics(labels, read.labels, CLASSES)
    assert found["knn"].predicted is not None
    assert torch.equal(found["knn"].predicted, read.labels)
    assert {n: found["knn"].metrics[n] for n in DEFAULT} == {n: metrics[n] for n in DEFAULT}
    assert found["knn"].details["confusion"] == metrics["confusion"]
    assert found["linear"].metrics["accuracy"] > 0.5


def test_the_options_and_the_accuracy_on_validation_are_those_of_fits_on_train_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    parts = features()
    parts["validation"] = replace(parts["validation"], labels=torch.tensor([0] * 6 + [1] * 24))
    probe = Recorder(lambda a: a)
    monkeypatch.setattr(registry, "find", lambda kind, name: probe)
    contending = contender(parts, own={"a": [0, 1, 2]})
    (found,) = classification(contending, probes=("own",), measures=DEFAULT).values()
    assert found.details["chosen"] == {"a": 1} and len(found.details["validation"]) == 3
    assert found.metrics["validation_accuracy"] == pytest.approx(24 / 30)
    assert found.metrics["accuracy"] == pytest.approx(15 / 45), "test's own"
    assert [len(ids) for ids, _, _ in probe.calls] == [60, 60, 60, 90]


def test_the_results_are_the_listed_measures_in_their_order() -> None:
    found = classification(contender(**GRIDS), probes=("knn",), measures=UNEVEN)["knn"]
    read = predict_test(features(), knn, GRIDS["knn"])
    labels = features()["test"].required_labels()
    metrics = classification_metrics(labels, read.labels, CLASSES)
    assert list(found.metrics) == [*UNEVEN, "validation_accuracy"]
    assert found.metrics["balanced_accuracy"] == metrics["balanced_accuracy"]
    declared = entries.declared({"classification": {"probes": ["knn"], "measures": list(UNEVEN)}})
    assert dict(declared["knn"].measures) == {
        "accuracy": "accuracy",
        "balanced_accuracy": "balanced accuracy",
        "f1": "F1",
    }


def test_the_area_under_the_curve_is_that_of_the_shares_and_moves_no_other_measure() -> None:
    measures = ("accuracy", "roc_auc")
    found = classification(contender(**GRIDS), probes=("knn",), measures=measures)["knn"]
    read = predict_test(features(), knn, GRIDS["knn"])
    assert found.metrics["roc_auc"] == roc_auc(features()["test"].required_labels(), read.shares)
    assert found.metrics["roc_auc"] > found.metrics["accuracy"]


def test_the_default_measures_are_those_of_the_results_in_git() -> None:
    assert tuple(PARAMS["tasks"]["classification"]["measures"]) == DEFAULT


@pytest.mark.parametrize("measures", [list(DEFAULT), list(UNEVEN), ["accuracy", "roc_auc"]])
def test_the_gate_can_name_each_measure(measures: list[str], write_params: Write) -> None:
    floors = {f"linear.{measure}": 0.5 for measure in measures}
    params.check(write_params({"tasks.classification.measures": measures, "gate.floors": floors}))


@pytest.mark.parametrize(
    ("measures", "said"),
    [
        (["f1", "accuracy"], r"classification\.measures: begins with 'f1'; begin with accuracy"),
        (["accuracy", "accuracy"], r"classification\.measures: a value occurs twice"),
        (["accuracy", "auc"], r"classification\.measures\.1: input should be 'accuracy', "),
        ([], r"classification\.measures: tuple should have at least 1 item"),
    ],
)
def test_impossible_measures_are_refused(
    measures: list[str], said: str, write_params: Write
) -> None:
    with pytest.raises(ConfigError, match=said):
        params.check(write_params({"tasks.classification.measures": measures}))
