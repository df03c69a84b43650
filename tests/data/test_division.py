"""Divisions: whole groups, the wishes as far as groups allow, and no dependence on the order."""

import itertools
import random
from collections import Counter
from collections.abc import Sequence
from typing import Any

import pytest
import torch

from tests.support.shapes import shapes_source
from twinview.core.errors import ConfigError, DataError
from twinview.core.types import Source, Split
from twinview.data.division import Division, divide
from twinview.data.division_notes import describe_division
from twinview.data.source_splits import split_source

SHARES = {"train": 0.6, "validation": 0.2, "test": 0.2}
IDS = [f"p{number}" for number in range(200)]
LABELS = ["abc"[number % 7 % 3] for number in range(200)]


def divided(
    ids: Sequence[Any] = IDS,
    wanted: Any = SHARES,
    seed: int = 0,
    *,
    labels: Any = None,
    groups: Any = None,
    given: Any = None,
) -> Division:
    return divide(ids, wanted, seed, labels=labels, groups=groups, given=given)


def random_groups(seed: int, groups: int, largest: int) -> tuple[list[str], list[str]]:
    """The group and the label of each example."""
    draws = random.Random(seed)
    rows = [
        (f"g{group}", draws.choice("ab"))
        for group in range(groups)
        for _ in range(draws.randrange(1, largest + 1))
    ]
    return [group for group, _ in rows], [label for _, label in rows]


def distance(splits: Sequence[str | None], labels: Sequence[str]) -> float:
    """Pearson's statistic over classes and over all examples, by its definition."""
    total = 0.0
    for split, share in SHARES.items():
        for classes in ("a", "b", "ab"):
            count = sum(label in classes for label in labels)
            rows = sum(s == split and x in classes for s, x in zip(splits, labels, strict=True))
            total += (rows - share * count) ** 2 / (share * count) if count else 0
    return total


@pytest.mark.parametrize("labelled", [True, False])
def test_counts_without_groups_give_the_splits_of_split_source(labelled: bool) -> None:
    uneven = torch.arange(300) ** 2 % 7
    fit = Split(torch.zeros(300, 1, 2, 2, dtype=torch.uint8), uneven, torch.arange(300))
    test = shapes_source(3, 60, seed=0).test
    test = Split(test.inputs[:, :, :2, :2], test.labels, test.ids + 1000)
    if not labelled:
        fit = Split(fit.inputs, None, fit.ids)
    source = Source(fit, test, tuple("0123456"), "image")
    expected = split_source(source, {"train": 150, "validation": 50, "test": 20}, seed=3).splits
    labels = uneven.tolist() if labelled else None
    splits = divided(range(300), {"train": 150, "validation": 50}, 3, labels=labels).splits
    for name in ("train", "validation"):
        rows = [row for row, split in enumerate(splits) if split == name]
        assert rows == expected[name].ids.tolist()


@pytest.mark.parametrize("wanted", [SHARES, {"train": 100, "validation": 40, "test": 20}])
@pytest.mark.parametrize("grouped", [True, False])
@pytest.mark.parametrize("fixed", [True, False])
def test_the_order_of_the_examples_does_not_matter(wanted: Any, grouped: bool, fixed: bool) -> None:
    groups = [f"g{number // 6}" for number in range(200)] if grouped else None
    given = ["test" if number < 12 else None for number in range(200)] if fixed else None
    columns = {"labels": LABELS, "groups": groups, "given": given}
    expected = dict(zip(IDS, divided(wanted=wanted, **columns).splits, strict=True))
    order = random.Random(0).sample(range(200), 200)
    moved = {key: value and [value[row] for row in order] for key, value in columns.items()}
    ids = [IDS[row] for row in order]
    assert dict(zip(ids, divided(ids, wanted, **moved).splits, strict=True)) == expected


@pytest.mark.parametrize("seed", range(8))
def test_all_examples_of_a_group_fall_into_one_split_and_none_is_empty(seed: int) -> None:
    groups, labels = random_groups(seed, 3 + seed, 40)
    splits = divided(range(len(groups)), seed=seed, labels=labels, groups=groups).splits
    assert len(set(zip(groups, splits, strict=True))) == 3 + seed
    assert set(splits) == set(SHARES)


@pytest.mark.parametrize("seed", range(8))
def test_no_move_or_exchange_of_groups_brings_the_splits_nearer_to_the_wishes(seed: int) -> None:
    groups, labels = random_groups(seed, 9, 12)
    splits = divided(range(len(groups)), seed=seed, labels=labels, groups=groups).splits
    reached = distance(splits, labels)
    split_of = dict(zip(groups, splits, strict=True))
    for group, split in itertools.product(split_of, SHARES):
        moved = split_of | {group: split}
        if set(moved.values()) == set(SHARES):
            assert distance([moved[name] for name in groups], labels) >= reached - 1e-6
    for group, other in itertools.combinations(split_of, 2):
        moved = split_of | {group: split_of[other], other: split_of[group]}
        assert distance([moved[name] for name in groups], labels) >= reached - 1e-6


def test_shares_and_classes_are_met_to_less_than_two_examples_without_groups() -> None:
    division = divided(labels=LABELS)
    assert division.rows == {"train": 120, "validation": 40, "test": 40} and not division.notes
    counts = Counter(zip(LABELS, division.splits, strict=True))
    for (label, split), count in counts.items():
        assert split is not None
        assert abs(count - SHARES[split] * LABELS.count(label)) < 2


def test_the_seed_draws_other_examples_and_other_groups() -> None:
    groups = [f"g{number // 5}" for number in range(200)]
    for column in (None, groups):
        drawn = {divided(seed=seed, groups=column).splits for seed in range(5)}
        assert len(drawn) == 5


@pytest.mark.parametrize("grouped", [True, False])
def test_an_added_example_moves_few_others(grouped: bool) -> None:
    groups = [f"g{number // 2}" for number in range(200)] if grouped else None
    before = divided(groups=groups).splits
    more = [*groups, "new"] if groups else None
    after = divided([*IDS, "new"], groups=more).splits
    assert sum(a != b for a, b in zip(before, after[:200], strict=True)) <= 8


def test_given_splits_are_kept_for_the_whole_group_and_the_others_fill_up() -> None:
    given = ["test" if number < 30 else None for number in range(200)]
    division = divided(given=given)
    assert set(division.splits[:30]) == {"test"}
    assert division.rows == {"train": 120, "validation": 40, "test": 40}
    groups = [f"g{number // 10}" for number in range(200)]
    alone = ["test" if number == 5 else None for number in range(200)]
    assert set(divided(groups=groups, given=alone).splits[:10]) == {"test"}


def test_examples_beyond_the_counts_are_in_no_split() -> None:
    wanted = {"train": 50, "test": 20}
    division = divided(wanted=wanted, labels=LABELS)
    assert division.rows == wanted and division.splits.count(None) == 130
    groups = [f"g{number // 5}" for number in range(200)]
    rows = divided(wanted=wanted, labels=LABELS, groups=groups).rows
    assert all(abs(rows[name] - count) <= 5 for name, count in wanted.items())


def test_every_split_has_an_example_however_small_its_share() -> None:
    division = divided(IDS[:4], {"train": 0.98, "validation": 0.01, "test": 0.01})
    assert division.rows == {"train": 2, "validation": 1, "test": 1}


def test_a_single_example_or_class_is_not_called_several() -> None:
    notes = describe_division(["a"], {"a": 2}, {"a": 1}, None, None)
    assert notes == ("a: 1 example (100.0%) where 2 (200.0%) were wished for",)
    division = divided(range(6), labels=list("abcdef"))
    assert any("and 1 other have one example each" in note for note in division.notes)


def test_what_groups_and_classes_do_not_allow_is_said() -> None:
    groups = ["big"] * 8 + ["one", "two", None]
    labels = ["x"] * 6 + ["y"] * 2 + ["x", "z", "x"]
    division = divided(range(11), labels=labels, groups=groups)
    notes = "\n".join(division.notes)
    assert "train: 9 examples (81.8%) where 7 (60.0%) were wished for" in notes
    assert "1 of 11 examples have no group and are divided one by one" in notes
    assert "the class 'z' has one example\n" in notes
    assert "the class 'y' lies in one group only" in notes
    assert any("'y'" in note for note in division.notes if note.endswith("no example in test"))
    assert division.wished == {name: pytest.approx(11 * share) for name, share in SHARES.items()}


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        ({"train": 100, "test": 101}, r"ask for 201 examples where there are 200; lower them"),
        ({"train": 0.8, "test": 0.3}, r"are train: 0\.8, test: 0\.3, more than 1 in all; lower"),
        ({"train": 0.8, "test": 10}, r"are train: 0\.8, test: 10; state counts .* or shares"),
        ({"train": 1.0, "test": 0.0}, r"are train: 1\.0, test: 0\.0; state counts"),
    ],
)
def test_impossible_wishes_are_refused(wanted: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=rf"^data\.train, .* {message}"):
        divided(wanted=wanted)


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"groups": ["g"] * 200}, r"have 1 group for 3 splits; add groups, or name another column"),
        ({"groups": ["g", "h"] * 100}, r"have 2 groups for 3 splits"),
        (
            {"groups": ["g", *IDS[1:199], "g"], "given": ["test", *[None] * 198, "train"]},
            r"the group 'g' has examples in test and in train; give all examples of a group one",
        ),
        ({"given": ["dev"] + [None] * 199}, r"has the given split 'dev'; use one of train, vali"),
        ({"given": ["train", "test"] * 100}, r"leave 1 of 3 splits empty, and 0 examples to div"),
        (
            {"groups": ["g"] * 199 + ["h"], "given": ["train"] * 199 + [None]},
            r"leave 2 of 3 splits empty, and 1 group to divide",
        ),
        ({"ids": ["p0", *IDS[:199]]}, r"the id 'p0' occurs twice"),
        ({"ids": IDS[:2]}, r"have 2 examples for 3 splits; add examples"),
    ],
)
def test_examples_that_cannot_be_divided_are_refused(columns: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=message):
        divided(**columns)
