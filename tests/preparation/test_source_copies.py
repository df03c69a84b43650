"""A source in memory whose copies are left out, or kept in one split."""

import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.support.plugins import PARAMS
from tests.support.shapes import shapes_source
from twinview.core.types import NO_GROUP, Source, Split
from twinview.data.copies import EXACT
from twinview.preparation.division import Divided
from twinview.preparation.memory import prepare_source
from twinview.settings.sections import Data


def with_copies() -> Source:
    """Row 5 to fit on is a copy of row 2; row 3 to test on is row 7 to fit on, but lighter."""
    source = shapes_source(60, 30, seed=0)
    assert source.test is not None
    source.fit.inputs[5] = source.fit.inputs[2]
    source.test.inputs[3] = source.fit.inputs[7] // 2
    return source


def divided(source: Source, **changed: Any) -> Divided:
    tree = (
        PARAMS["data"]
        | {"train": 0.75, "validation": 0.25, "test": 0.5}
        | {"background": (0, 0, 0)}
        | changed
    )
    folder = Path(tempfile.mkdtemp())
    return prepare_source(source, Data.model_validate(tree), folder, stratified=True)


def prepared(**changed: Any) -> tuple[dict[str, Split], dict[str, list[Any]]]:
    found = divided(with_copies(), **changed)
    return dict(found.prepared.splits), {name: list(of) for name, of in found.table.items()}


def test_the_table_has_the_names_of_groups() -> None:
    source = with_copies()
    groups = torch.tensor([1, NO_GROUP, *(row % 10 for row in range(58))])
    fit = replace(source.fit, groups=groups)
    named = replace(source, fit=fit, test=None, groups=tuple("abcdefghij"))
    found = divided(named, train=0.5, test=0.25)
    assert found.table["group"][:5] == ["b", None, "a", "b", "c"]


def test_it_is_said_where_the_size_that_is_set_changes_nothing() -> None:
    [_, height, width] = with_copies().fit.inputs.shape[1:]
    assert not any("scale" in note for note in divided(with_copies(), size=width).notes)
    [note] = [note for note in divided(with_copies(), size=64).notes if "scale" in note]
    assert f"stay 1 x {height} x {width} as they are" in note and "(1 x 64 x 64)" in note


def test_reports_name_copies_and_change_no_split() -> None:
    splits, table = prepared()
    assert sum(map(len, splits.values())) == 90
    ids = table["id"]
    assert table["copy_of"][5] == ids[2] and table["near_of"][63] == ids[7]
    assert sum(of is not None for of in table["copy_of"]) == 1


def test_a_left_out_copy_is_in_no_split_and_has_its_reason() -> None:
    splits, table = prepared(duplicates="keep_first")
    assert table["reason"][5] == EXACT and table["split"][5] is None
    assert table["id"][5] not in torch.cat([split.ids for split in splits.values()]).tolist()


@pytest.mark.parametrize("near_pairs", ["report", "one_split"])
def test_a_test_example_moves_to_the_split_of_its_copy(near_pairs: str) -> None:
    splits, table = prepared(near_pairs=near_pairs)
    moved, copy = table["id"][63], table["id"][7]
    split = next(name for name, part in splits.items() if copy in part.ids.tolist())
    assert (moved in splits[split].ids.tolist()) == (near_pairs == "one_split")
    assert (moved in splits["test"].ids.tolist()) == (near_pairs == "report")
    assert len(splits["test"]) == 30 - (near_pairs == "one_split")
