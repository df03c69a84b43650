"""Label propagation as a task: what it reads, and when the graph is built."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

import pytest
import torch

from tests.support.evaluated import contender, features
from twinview.evaluation.label_graph import LabelGraph
from twinview.tasks import propagation as module
from twinview.tasks.propagation import _predictor, propagation

OPTIONS = {"draws": 3, "neighbours": 5, "pca_components": 0, "alpha": 0.9, "seed": 1}


def test_each_number_of_labels_is_an_entry_and_the_graph_is_found_once_below_the_bar(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shown: list[int] = []
    built: list[int] = []

    class Late(LabelGraph):
        def __init__(self, *given: Any, **options: Any) -> None:
            assert shown, "the bar is there while the graph is found"
            built.append(1)
            super().__init__(*given, **options)

    def progress(items: Iterable[int], total: int, what: str) -> Iterator[int]:
        shown.append(total)
        return iter(items)

    monkeypatch.setattr(module, "LabelGraph", Late)
    asked = replace(contender(), progress=progress)
    found = propagation(asked, per_class=(2, 5), **OPTIONS)
    assert list(found) == ["propagated_2", "propagated_5"] and shown == [2] and built == [1]
    assert all(0.5 < of.metrics["accuracy"] < 1 for of in found.values())


def test_it_reads_no_label_but_the_known_rows_and_no_test_row_moves_another() -> None:
    parts, options = features(), (5, 2, 0.9)
    rows = torch.tensor([0, 1, 2])
    found = _predictor(parts, *options)(rows)
    hidden = torch.full((60,), 7)
    hidden[rows] = parts["train"].required_labels()[rows]
    parts["train"] = replace(parts["train"], labels=hidden)
    assert torch.equal(_predictor(parts, *options)(rows)["test"], found["test"])
    parts["test"] = parts["test"].take(torch.arange(10))
    again = _predictor(parts, *options)(rows)
    assert torch.equal(again["test"], found["test"][:10])
    assert torch.equal(again["validation"], found["validation"])
