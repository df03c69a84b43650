"""Few labels: the linear probe on a few drawn rows."""

from functools import partial

import pytest

from tests.support.evaluated import CLASSES, Recorder, contender, features
from tests.support.predicted import linear
from twinview.core import registry
from twinview.evaluation.label_draws import READ_SPLITS, mean_over_draws
from twinview.tasks.few_labels import few_labels


def test_each_number_of_labels_is_the_linear_probe_s_mean_over_draws() -> None:
    found = few_labels(contender(), per_class=(2, 5), draws=3, C=0.1, seed=1)
    assert list(found) == ["labels_2", "labels_5"]
    parts, probe = features(), partial(linear, C=0.1)
    expected = mean_over_draws(
        parts,
        lambda rows: {n: probe(parts["train"].take(rows), parts[n].features) for n in READ_SPLITS},
        5, 3, seed=1, classes=CLASSES, task="few_labels",
    )  # fmt: skip
    assert found["labels_5"] == expected


def test_the_probe_sees_the_drawn_rows_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    probe = Recorder()
    monkeypatch.setattr(registry, "find", lambda kind, name: probe)
    few_labels(contender(), per_class=(4,), draws=3, C=0.1, seed=0)
    found = [(len(ids), asked, max(ids) < 60) for ids, asked, _ in probe.calls]
    assert found == [(12, 30, True), (12, 45, True)] * 3, "validation, test"
