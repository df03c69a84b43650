"""Laws for every task: its results are those that it declares, and test labels only score."""

import math
from collections.abc import Mapping
from dataclasses import replace

import pytest
import torch

from tests.support.evaluated import CLASSES, contender, features
from tests.support.plugins import PARAMS, bound, options
from twinview.core import entries, registry
from twinview.core.entries import SPREAD
from twinview.core.types import NO_LABEL, Embeddings, labelled_rows
from twinview.evaluation.contender import Result


def results(name: str, parts: Mapping[str, Embeddings] | None = None) -> dict[str, Result]:
    found: dict[str, Result] = bound("tasks", name)(contender(parts, **PARAMS["probes"]))
    return found


def scattered(part: Embeddings) -> Embeddings:
    """The rows, each followed by a far one without a label."""
    assert part.labels is not None
    both = [
        torch.stack(pair, 1).flatten(0, 1)
        for pair in (
            (part.features, 50 - part.features),
            (part.labels, torch.full_like(part.labels, NO_LABEL)),
            (part.ids, part.ids + 5000),
        )
    ]
    return Embeddings(*both)


@pytest.mark.parametrize("name", registry.names("tasks"))
class TestTasks:
    def test_the_entries_are_those_declared_in_their_order(self, name: str) -> None:
        declared = entries.declared({name: options("tasks", name)})
        assert list(results(name)) == list(declared)
        assert all(entry.words.strip() for entry in declared.values())

    def test_the_metrics_are_the_measures_the_primary_first_and_it_on_validation_last(
        self, name: str
    ) -> None:
        own = entries.declaration(name)
        assert own.primary == next(iter(own.measures)) and all(own.measures.values())
        last = f"validation_{own.primary}"
        declared = entries.declared({name: options("tasks", name)})
        for entry, result in results(name).items():
            measures = list(declared[entry].measures)
            assert measures[0] == own.primary and set(measures) <= set(own.measures)
            spread = [SPREAD] if SPREAD in result.metrics else []
            assert list(result.metrics) == [*measures, *spread, last]
            assert all(type(v) is float and math.isfinite(v) for v in result.metrics.values())
            assert not set(result.metrics) & set(result.details)

    def test_an_entry_could_be_had_and_another_name_could_not(self, name: str) -> None:
        own = entries.declaration(name)
        assert all(own.could_have(entry) for entry in own.entries(options("tasks", name)))
        assert not own.could_have("") and not own.could_have(f"{name}_zzz")

    def test_what_says_which_entries_there_are_is_an_option(self, name: str) -> None:
        assert set(entries.declaration(name).lists) <= set(options("tasks", name))

    def test_equal_calls_give_equal_results(self, name: str) -> None:
        for first, second in zip(results(name).values(), results(name).values(), strict=True):
            assert first.metrics == second.metrics and first.details == second.details

    def test_a_task_that_needs_no_labels_gives_the_same_without(self, name: str) -> None:
        if entries.declaration(name).needs_labels:
            return
        bare = {key: replace(part, labels=None) for key, part in features().items()}
        for with_labels, without in zip(
            results(name).values(), results(name, bare).values(), strict=True
        ):
            assert with_labels.metrics == without.metrics
            assert with_labels.details == without.details and without.predicted is None

    def test_labels_of_test_change_nothing_but_measures_on_test(self, name: str) -> None:
        parts = features()
        labels = parts["test"].required_labels()
        parts["test"] = replace(parts["test"], labels=labels.roll(1))
        own = entries.declaration(name)
        for before, after in zip(
            results(name).values(), results(name, parts).values(), strict=True
        ):
            validation = f"validation_{own.primary}"
            assert before.metrics[validation] == after.metrics[validation]
            changed = before.metrics[own.primary] != after.metrics[own.primary]
            assert changed == own.needs_labels
            for detail in ("chosen", "validation"):
                assert before.details.get(detail) == after.details.get(detail)
            if before.predicted is not None and after.predicted is not None:
                assert torch.equal(before.predicted, after.predicted)

    def test_rows_without_a_label_change_no_measure_of_labels(self, name: str) -> None:
        own = entries.declaration(name)
        if not own.needs_labels:
            return
        # Propagation learns from train rows without a label; all others ignore them too.
        more = ("validation", "test") if name == "propagation" else ("train", "validation", "test")
        parts = {key: scattered(part) if key in more else part for key, part in features().items()}
        for before, after in zip(
            results(name).values(), results(name, parts).values(), strict=True
        ):
            assert dict(after.metrics) == pytest.approx(dict(before.metrics))
            if after.predicted is not None and before.predicted is not None:
                kept = labelled_rows(parts["test"].labels)
                assert len(after.predicted) == len(parts["test"]) > len(kept)
                assert torch.equal(after.predicted[kept], before.predicted)

    def test_predicted_labels_are_of_every_test_example(self, name: str) -> None:
        for result in results(name).values():
            if result.predicted is not None:
                assert result.predicted.shape == (len(features()["test"]),)
                assert set(result.predicted.tolist()) <= set(range(len(CLASSES)))
                assert {"confusion", "classes"} <= set(result.details)
