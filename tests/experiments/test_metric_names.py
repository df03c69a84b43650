"""Names of metrics: made of a run's reports, and told in the words that its tasks declared."""

import pytest

from twinview.core import entries
from twinview.experiments.metric_names import named

TASKS = {
    "classification": {"probes": ["linear", "knn"]},
    "few_labels": {"per_class": [10]},
    "propagation": {"per_class": [100]},
}
ENTRIES = entries.declared(TASKS)
OURS = {name: {"accuracy": 0.5, "f1": 0.4, "validation_accuracy": 0.6} for name in ENTRIES}
METRICS = named(OURS, {"raw_pixels": OURS, "pca_64": OURS}, ENTRIES)


@pytest.mark.parametrize(
    ("metric", "heading", "words"),
    [("linear.accuracy", "linear", "linear probe"),
     ("labels_10.accuracy", "labels_10", "10 labels a class"),
     ("propagated_100.accuracy", "propagated_100", "100 labels a class, propagated"),
     ("pca_64.knn.f1", "pca_64.knn.f1", "pca 64, knn probe, F1"),
     ("linear.validation_accuracy", "linear.validation_accuracy",
      "linear probe, validation accuracy"),
     ("raw_pixels.knn.accuracy", "raw_pixels.knn", "raw pixels, knn probe")],
)  # fmt: skip
def test_metrics_are_told_by_what_their_tasks_declared(
    metric: str, heading: str, words: str
) -> None:
    assert METRICS[metric].name == metric
    assert (METRICS[metric].heading, METRICS[metric].words) == (heading, words)


def test_every_measure_is_validated_by_the_primary_one_of_its_own_entry_and_contender() -> None:
    assert METRICS["linear.f1"].validation == "linear.validation_accuracy"
    assert METRICS["pca_64.knn.accuracy"].validation == "pca_64.knn.validation_accuracy"


def test_without_declarations_the_first_measure_is_the_primary_one() -> None:
    ours = {"retrieval": {"map": 0.3, "recall": 0.9}}
    found = named(ours, {}, entries.unrecorded(ours))
    assert [name for name, metric in found.items() if metric.is_primary] == ["retrieval.map"]
    assert found["retrieval.map"].validation == "retrieval.validation_map"
