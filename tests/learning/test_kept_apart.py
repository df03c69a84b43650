"""Members of a group and exact copies: no batch has two; and what a training then learns from."""

from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from tests.support.watched import CHAIN
from twinview.core.errors import ConfigError, DataError
from twinview.core.types import NO_GROUP, NO_LABEL
from twinview.data.splits import Prepared
from twinview.learning.kept_apart import units_kept_apart
from twinview.learning.loop import batches, count_left_out
from twinview.learning.pretraining import Training
from twinview.learning.session import NoCheckpoints
from twinview.settings import defaults
from twinview.views.live import LiveViews
from twinview.views.plan import ViewPlan

GROUPS = torch.arange(96) // 3
PLAN = ViewPlan(5, CHAIN)
WITHOUT_NEGATIVES = (
    "barlow_twins", "byol", "dino", "fast_siam", "sigreg", "simsiam", "swav", "vicreg",
)  # fmt: skip


def settings(**changes: Any) -> Any:
    """Of a training in batches of 16. Names have __ for dots."""
    small: dict[str, Any] = {
        "pretrain.batch_size": 16,
        "pretrain.epochs": 2,
        "pretrain.warmup_epochs": 0,
        "pretrain.threads": 1,
        "pretrain.monitor_examples": 16,
        "encoders.convnet.widths": [4, 6],
        "encoders.convnet.strides": [2, 2],
    }
    named = {name.replace("__", "."): value for name, value in changes.items()}
    return defaults.with_changes(small | named)


def with_train(prepared: Prepared, **changes: Any) -> Prepared:
    train = replace(prepared.splits["train"], **changes)
    return replace(prepared, splits={**prepared.splits, "train": train})


def with_copies(prepared: Prepared, of: Tensor, **changes: Any) -> Prepared:
    """Each row of train has the picture of the row that `of` names."""
    return with_train(prepared, inputs=prepared.splits["train"].inputs[of], **changes)


def training(prepared: Prepared, **changes: Any) -> Training:
    views = LiveViews(PLAN.renderer(prepared.modality), prepared.splits["train"])
    return Training.from_settings(settings(**changes), prepared, PLAN, views)


def rows_of_batches(made: Training, epoch: int) -> list[Tensor]:
    """The rows of train by their ids."""
    found = batches(made.train, made.views, made.budget, epoch, 2)
    ids = made.prepared.splits["train"].ids
    return [(ids == batch.ids[:, None]).nonzero()[:, 1] for batch in found]


@pytest.mark.parametrize("method", ["simclr", "sup_con", "margin"])
def test_no_batch_has_two_members_of_a_group(method: str, shapes: Prepared) -> None:
    grouped = with_train(shapes, groups=GROUPS)
    made = training(grouped, views__positives="group", pretrain__method=method)
    assert made.budget.groups_apart and count_left_out(made.train, made.budget) == 0
    for epoch in range(3):
        for rows in rows_of_batches(made, epoch):
            assert len(GROUPS[rows].unique()) == 16


def test_positives_are_the_renderings_of_two_members(shapes: Prepared) -> None:
    grouped = with_train(shapes, groups=GROUPS)
    made, train = training(grouped, views__positives="group"), shapes.splits["train"]
    every = LiveViews(PLAN.renderer(shapes.modality), train).take(torch.arange(96), 1, 2)
    for batch in batches(made.train, made.views, made.budget, 1, 2):
        rows = (train.ids == batch.ids[:, None]).nonzero()[:, 1]
        assert torch.equal(batch.views[0], every[0, rows])
        for view, row in zip(batch.views[1], rows.tolist(), strict=True):
            shown = [other for other in range(96) if torch.equal(view, every[1, other])]
            assert len(shown) == 1 and shown[0] != row and GROUPS[shown[0]] == GROUPS[row]


def test_a_training_that_continues_has_the_batches_that_were_left(shapes: Prepared) -> None:
    grouped = with_train(shapes, groups=GROUPS)
    whole, later = (training(grouped, views__positives="group") for _ in range(2))
    list(batches(whole.train, whole.views, whole.budget, 0, 2))
    expected = list(batches(whole.train, whole.views, whole.budget, 1, 2))[2:]
    for own, other in zip(
        batches(later.train, later.views, later.budget, 1, 2, first=2), expected, strict=True
    ):
        assert torch.equal(own.views, other.views) and torch.equal(own.ids, other.ids)


def test_a_training_by_groups_learns(shapes: Prepared) -> None:
    """Groups of one class: what members share is what the classes are told by."""
    labels = shapes.splits["train"].labels
    assert labels is not None
    by_class = torch.empty(96, dtype=torch.int64)
    by_class[labels.argsort(stable=True)] = torch.arange(96) // 4
    made = training(with_train(shapes, groups=by_class), views__positives="group")
    session = made.session(NoCheckpoints())
    assert len(list(made.steps(session, str))) == 12
    assert session.watch.curves.epochs[-1]["loss"] < session.watch.curves.chance


@pytest.mark.parametrize("positives", ["example", "group"])
def test_groups_count_only_where_they_are_chosen(positives: str, shapes: Prepared) -> None:
    alone = torch.full((96,), NO_GROUP)
    alone[:2] = 0
    made = training(with_train(shapes, groups=alone), views__positives=positives)
    bare = training(shapes)
    batch, other = (
        next(iter(batches(own.train, own.views, own.budget, 0, 2))) for own in (made, bare)
    )
    same = torch.equal(batch.views, other.views) and torch.equal(batch.ids, other.ids)
    assert same == (positives == "example") and not bare.budget.groups_apart


@pytest.mark.parametrize("method", WITHOUT_NEGATIVES)
def test_methods_without_negatives_take_groups_of_any_size(method: str, shapes: Prepared) -> None:
    grouped = with_train(shapes, groups=torch.arange(96) // 48)
    changes = {"views__positives": "group", "pretrain__method": method}
    made = training(grouped, **changes)
    assert not made.budget.groups_apart
    assert units_kept_apart(settings(**changes), grouped) == (None, "")


def test_an_objective_without_negatives_needs_no_room_either(shapes: Prepared) -> None:
    grouped = with_train(shapes, groups=torch.arange(96) // 48)
    changes = {"views__positives": "group", "pretrain__method": "siamese"}
    made = training(grouped, **changes, pretrain__objective="barlow_twins")
    assert made.train.groups is None
    with pytest.raises(ConfigError, match="96 train examples in 2 groups"):
        training(grouped, **changes, pretrain__objective="nt_xent")


def test_too_few_groups_for_a_batch_are_refused_with_the_size_that_fits(shapes: Prepared) -> None:
    grouped = with_train(shapes, groups=torch.arange(96) // 12)
    with pytest.raises(ConfigError) as caught:
        training(grouped, views__positives="group")
    assert str(caught.value) == (
        "pretrain.batch_size is 16, but with views.positives: group no batch has two examples of a "
        "group, and 96 train examples in 8 groups, 12 of them in the largest, do not fill such "
        "batches; lower it to 8 or less, or choose a method without negatives, such as byol"
    )
    made = training(grouped, views__positives="group", pretrain__batch_size=8)
    assert all(len(rows) == 8 for rows in rows_of_batches(made, 0))


def test_data_without_groups_are_refused(shapes: Prepared) -> None:
    with pytest.raises(DataError, match=r"views\.positives is group, and these data have no"):
        training(shapes, views__positives="group")


def test_no_batch_has_two_exact_copies_and_that_is_said(shapes: Prepared) -> None:
    of = torch.arange(96)
    of[50:54], of[90] = 7, 8
    copied = with_copies(shapes, of)
    made = training(copied)
    assert made.note == (
        "7 train examples are exact copies of each other; no batch has two that are alike"
    )
    for epoch in range(5):
        for rows in rows_of_batches(made, epoch):
            assert len(of[rows].unique()) == 16


def test_copies_in_two_groups_keep_both_groups_apart(shapes: Prepared) -> None:
    of = torch.arange(96)
    of[90] = 0  # of group 30, and of group 0
    copied = with_copies(shapes, of, groups=GROUPS)
    units, _ = units_kept_apart(settings(views__positives="group"), copied)
    joined = torch.where(GROUPS == 30, 0, GROUPS)
    assert units is not None
    assert torch.equal(units[:, None] == units, joined[:, None] == joined)


def test_too_many_copies_are_said_and_stop_nothing(shapes: Prepared) -> None:
    of = torch.arange(96).clamp(max=40)
    made = training(with_copies(shapes, of))
    assert made.note == (
        "56 train examples are exact copies of each other, too many to keep them out of each "
        "other's batches"
    )
    assert not made.budget.groups_apart and len(rows_of_batches(made, 0)) == 6


def test_without_copies_batches_are_those_of_a_plain_shuffle(shapes: Prepared) -> None:
    assert units_kept_apart(settings(), shapes) == (None, "")


def some_labels(prepared: Prepared, every: int) -> Prepared:
    labels = prepared.splits["train"].labels
    assert labels is not None
    return with_train(prepared, labels=torch.where(torch.arange(96) % every == 0, labels, NO_LABEL))


def test_balanced_batches_take_examples_with_a_label_and_their_views(shapes: Prepared) -> None:
    partly = some_labels(shapes, every=4)
    made = training(partly, pretrain__examples_per_class=4, pretrain__batch_size=12)
    assert len(made.train) == 24 and made.total_steps == 4
    every = LiveViews(PLAN.renderer(shapes.modality), partly.splits["train"])
    for batch in batches(made.train, made.views, made.budget, 1, 2):
        rows = (partly.splits["train"].ids == batch.ids[:, None]).nonzero()[:, 1]
        assert batch.labels is not None and batch.labels.bincount().tolist() == [4, 4, 4]
        assert torch.equal(batch.views, every.take(rows, 1, 2))


def test_fewer_labels_than_a_balanced_batch_are_refused(shapes: Prepared) -> None:
    with pytest.raises(DataError, match=r"8 train examples have a label, fewer than .*: 12"):
        training(
            some_labels(shapes, every=12), pretrain__examples_per_class=4, pretrain__batch_size=12
        )


@pytest.mark.parametrize("method", ["sup_con", "cross_entropy", "margin"])
def test_few_labels_train_a_supervised_method_and_none_are_refused(
    method: str, shapes: Prepared
) -> None:
    by = {"pretrain__method": method} | {"methods__margin__positives": "classes"}
    if method == "cross_entropy":
        by["heads__nonlinear__dim"] = 3
    made = training(some_labels(shapes, every=4), **by)
    steps = made.steps(made.session(NoCheckpoints()), str)
    assert all(0 < step.loss < 10 for step, _ in steps)
    with pytest.raises(DataError, match="learns from labels, and this data has none"):
        training(with_train(shapes, labels=torch.full((96,), NO_LABEL)), **by)
