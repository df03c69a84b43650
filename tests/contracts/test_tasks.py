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
from twinview.core.types import Embeddings
from twinview.evaluation.contender import Result


def results(name: str, parts: Mapping[str, Embeddings] | None = None) -> dict[str, Result]:
    found: dict[str, Result] = bound("tasks", name)(contender(parts, **PARAMS["probes"]))
    return found


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

    def test_predicted_labels_are_of_every_test_example(self, name: str) -> None:
        for result in results(name).values():
            if result.predicted is not None:
                assert result.predicted.shape == (len(features()["test"]),)
                assert set(result.predicted.tolist()) <= set(range(len(CLASSES)))
                assert {"confusion", "classes"} <= set(result.details)
