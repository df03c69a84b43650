"""Copies: the first stands for them, and they are left out or kept in one split as wished."""

from typing import Any

import numpy as np
import pytest

from twinview.core.errors import ConfigError
from twinview.data.copies import EXACT, NEAR, Copies, CopyPlan, plan_copies
from twinview.data.split_rows import split_rows

# Rows 0, 2 and 5 are exact copies; row 3 is near them; rows 1 and 4 are near each other.
COPIES = Copies(np.array([0, 1, 0, 3, 4, 0]), np.array([0, 1, 0, 0, 1, 0]))
IDS = [10, 11, 12, 13, 14, 15]


def plan(copies: Copies = COPIES, ids: list[int] = IDS, **changed: Any) -> CopyPlan:
    options: dict[str, Any] = {"labels": None, "groups": None, "given": None}
    options |= {"duplicates": "report", "near_pairs": "report"} | changed
    return plan_copies(copies, ids, **options)


def test_reports_change_nothing_and_name_the_first_copy() -> None:
    found = plan(groups=["a", None, "b", None, None, None])
    assert found.kept == [0, 1, 2, 3, 4, 5] and found.reasons == [None] * 6
    assert found.groups == ["a", None, "b", None, None, None] and found.given is None
    assert found.copy_of == [None, None, 10, None, None, 10]
    assert found.near_of == [None, None, None, 10, 11, None]


def test_only_the_first_of_exact_copies_is_kept() -> None:
    found = plan(duplicates="keep_first")
    assert found.kept == [0, 1, 3, 4]
    assert found.reasons == [None, None, EXACT, None, None, EXACT]
    assert found.take(IDS) == [10, 11, 13, 14]
    assert found.spread(["train", "test", None, "train"]) == [
        "train", "test", None, None, "train", None,
    ]  # fmt: skip


def test_only_the_first_of_near_copies_is_kept() -> None:
    found = plan(duplicates="keep_first", near_pairs="keep_first")
    assert found.kept == [0, 1]
    assert found.reasons == [None, None, EXACT, NEAR, NEAR, EXACT]


def test_a_copy_with_a_label_stands_for_those_without() -> None:
    found = plan(duplicates="keep_first", labels=[None, "x", "y", "y", "x", "z"])
    assert found.kept == [1, 2, 3, 4]
    assert found.copy_of == [12, None, None, None, None, 12]


def test_near_copies_alone_cannot_be_left_out() -> None:
    with pytest.raises(ConfigError, match=r"data\.near_pairs is keep_first.*set data\.duplicates"):
        plan(near_pairs="keep_first")


def test_a_cluster_and_the_groups_that_share_it_are_one_group() -> None:
    found = plan(near_pairs="one_split", groups=["g", None, "h", None, None, None])
    assert found.groups is not None
    assert len({found.groups[row] for row in (0, 2, 3, 5)}) == 1
    assert found.groups[1] == found.groups[4] != found.groups[0]


def test_groups_are_joined_through_members_that_are_no_copies() -> None:
    copies = Copies(np.arange(5), np.array([0, 1, 2, 0, 2]))
    found = plan(copies, [*range(5)], near_pairs="one_split", groups=["a", "a", "a", "b", "c"])
    assert found.groups == ["a"] * 5


def test_groups_without_copies_and_single_examples_stay_as_they_are() -> None:
    copies = Copies(np.arange(5), np.array([0, 0, 2, 3, 4]))
    found = plan(copies, [*range(5)], near_pairs="one_split", groups=[None, None, "a", "a", None])
    assert found.groups is not None
    assert found.groups[0] == found.groups[1] and found.groups[2:] == ["a", "a", None]


def test_a_cluster_in_two_given_splits_moves_to_the_earlier_one() -> None:
    given = ["test", "test", "train", "test", "test", "test"]
    found = plan(near_pairs="one_split", given=given)
    assert found.given == ["train", "test", "train", "train", "test", "train"]
    assert found.notes == (
        "3 examples are in another split than the source says, beside their copies",
    )


def test_a_single_example_that_moves_is_one_example() -> None:
    copies = Copies(np.arange(3), np.array([0, 0, 2]))
    found = plan(copies, [*range(3)], near_pairs="one_split", given=["train", "test", "test"])
    assert found.notes == ("1 example is in another split than the source says, beside its copies",)


@pytest.mark.parametrize("given", [None, ["train"] * 60 + ["test"] * 40])
def test_no_near_pair_spans_two_splits(given: list[str | None] | None) -> None:
    random = np.random.default_rng(0)
    near = random.integers(0, 60, 100)
    first = np.array([np.flatnonzero(near == of)[0] for of in near])
    copies = Copies(np.arange(100), first)
    wanted = {"train": 0.6, "validation": 0.2, "test": 0.2}

    def spanning(near_pairs: str) -> int:
        found = plan(copies, [*range(100)], given=given, near_pairs=near_pairs)
        division = split_rows(
            [*range(100)], wanted, 0, labels=None, groups=found.groups, given=found.given
        )
        splits = found.spread(division.splits)
        return sum(
            len({splits[row] for row in np.flatnonzero(first == of)}) > 1 for of in set(first)
        )

    assert spanning("one_split") == 0 < spanning("report")


@pytest.mark.parametrize(("groups", "said"), [(None, False), (["g", "g"] + [None] * 98, True)])
def test_only_groups_of_the_user_s_are_spoken_of(groups: Any, said: bool) -> None:
    copies = Copies(np.arange(100), np.array([0, 1, 2, 2, *range(4, 100)]))
    found = plan(copies, [*range(100)], groups=groups, near_pairs="one_split")
    wanted = {"train": 0.6, "validation": 0.2, "test": 0.2}
    division = split_rows([*range(100)], wanted, 0, labels=None, groups=found.groups, given=None)
    assert any("have no group" in note for note in division.notes) == said
