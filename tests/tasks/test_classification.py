"""Classification: probes on all labels."""

from dataclasses import replace

import pytest
import torch

from tests.support.evaluated import CLASSES, Recorder, contender, features
from twinview.core import registry
from twinview.evaluation.metrics import classification_metrics
from twinview.evaluation.protocol import predict_test
from twinview.probes.knn import knn
from twinview.tasks.classification import classification

GRIDS = {"linear": {"C": [0.1, 1.0]}, "knn": {"neighbours": [5], "temperature": [0.1]}}
GRIDS["knn"]["pca_components"] = [0]


def test_each_probe_is_an_entry_with_the_metrics_of_its_predictions() -> None:
    found = classification(contender(**GRIDS), probes=("linear", "knn"))
    assert list(found) == ["linear", "knn"]
    read = predict_test(features(), knn, GRIDS["knn"])
    labels = features()["test"].required_labels()
    metrics = classification_metrics(labels, read.labels, CLASSES)
    assert found["knn"].predicted is not None
    assert torch.equal(found["knn"].predicted, read.labels)
    kept = ("accuracy", "precision", "recall", "f1")
    assert {name: found["knn"].metrics[name] for name in kept} == {n: metrics[n] for n in kept}
    assert found["knn"].details["confusion"] == metrics["confusion"]
    assert found["linear"].metrics["accuracy"] > 0.5


def test_the_options_and_the_accuracy_on_validation_are_those_of_fits_on_train_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    parts = features()
    parts["validation"] = replace(parts["validation"], labels=torch.tensor([0] * 6 + [1] * 24))
    probe = Recorder(lambda a: a)
    monkeypatch.setattr(registry, "find", lambda kind, name: probe)
    (found,) = classification(contender(parts, own={"a": [0, 1, 2]}), probes=("own",)).values()
    assert found.details["chosen"] == {"a": 1} and len(found.details["validation"]) == 3
    assert found.metrics["validation_accuracy"] == pytest.approx(24 / 30)
    assert found.metrics["accuracy"] == pytest.approx(15 / 45), "test's own"
    assert [len(ids) for ids, _, _ in probe.calls] == [60, 60, 60, 90]
