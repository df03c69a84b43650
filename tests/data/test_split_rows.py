"""Rows fall into splits; a test part that is given stays apart."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import pytest

from twinview.core.errors import ConfigError, DataError
from twinview.data.split_rows import split_rows

SHARES = {"train": 0.6, "validation": 0.2, "test": 0.2}


def rows(wanted: dict[str, Any], given: Sequence[str | None] | None, **more: Any) -> list[Any]:
    columns = {"labels": None, "groups": None, **more}
    count = len(given) if given is not None else 100
    return list(split_rows(range(count), wanted, 0, given=given, **columns).splits)


def test_without_a_given_split_all_are_drawn_from_all_rows() -> None:
    assert Counter(rows(SHARES, None)) == {"train": 60, "validation": 20, "test": 20}


def test_train_and_test_that_are_given_leave_validation_to_be_drawn_from_train() -> None:
    given = ["train"] * 80 + ["test"] * 30
    found = rows(SHARES, given)
    assert found[80:] == ["test"] * 30
    assert Counter(found[:80]) == {"train": 60, "validation": 20}


def test_counts_of_a_given_test_part_are_drawn_from_it() -> None:
    given = ["train"] * 80 + ["test"] * 30
    found = rows({"train": 50, "validation": 10, "test": 12}, given)
    assert Counter(found[:80]) == {"train": 50, "validation": 10, None: 20}
    assert Counter(found[80:]) == {"test": 12, None: 18}


def test_rows_without_a_given_split_fill_up_the_splits() -> None:
    given = ["validation"] * 10 + [None] * 90
    found = rows(SHARES, given)
    assert found[:10] == ["validation"] * 10
    assert Counter(found) == {"train": 60, "validation": 20, "test": 20}


def test_a_group_cannot_lie_in_train_and_in_test() -> None:
    groups = ["a"] * 50 + ["b"] * 50
    given = ["train"] * 40 + ["test"] * 60
    with pytest.raises(DataError, match="the group 'a' has examples in train and in test"):
        rows(SHARES, given, groups=groups)


def test_a_split_of_no_rows_is_empty() -> None:
    assert Counter(rows({"train": 90, "validation": 10, "test": 0}, None)) == {
        "train": 90,
        "validation": 10,
    }


def test_more_rows_than_a_part_has_cannot_be_wanted() -> None:
    given = ["train"] * 80 + ["test"] * 30
    with pytest.raises(ConfigError, match=r"ask for 31 rows \(test\) where the source has 30"):
        rows({"train": 50, "validation": 10, "test": 31}, given)
