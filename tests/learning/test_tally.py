"""What objectives tell of a batch: against counts pair by pair, and of batches with nothing in."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from tests.objectives.shared import LABELS, embeddings, of_pairs
from tests.support.plugins import labels, objective, random
from twinview.core.types import Batch, Projections
from twinview.learning import pair_mining, tally
from twinview.methods.margin import margin
from twinview.methods.moco import moco
from twinview.objectives.contrastive import contrastive
from twinview.objectives.info_nce import info_nce
from twinview.objectives.nt_logistic import nt_logistic
from twinview.objectives.sup_con import sup_con
from twinview.objectives.triplet import triplet

OF_PAIRS = ["contrastive", "nt_logistic", "sup_con", "triplet"]
ONE_CLASS = torch.zeros(6, dtype=torch.int64)


def told(loss: Callable[..., Tensor], z: Tensor, names: Tensor | None) -> dict[str, float]:
    with tally.recording() as heard:
        loss(z, names)
    return heard


def test_nobody_has_negatives_until_they_are_told() -> None:
    with tally.recording() as heard:
        assert heard == {"negatives": 0}
        tally.record(negatives=3)
        tally.record(negatives=5, triplets=1)
    assert heard == {"negatives": 5, "triplets": 1}


def test_what_is_told_after_or_inside_another_is_not_heard() -> None:
    with tally.recording() as outer:
        with tally.recording() as inner:
            tally.record(triplets=1)
        tally.record(triplets=2)
    tally.record(triplets=3)
    assert (outer["triplets"], inner["triplets"]) == (2, 1)


def test_an_error_inside_ends_the_listening() -> None:
    with pytest.raises(ZeroDivisionError), tally.recording() as heard:
        1 / 0  # noqa: B018
    tally.record(triplets=1)
    assert "triplets" not in heard


@pytest.mark.parametrize("names", [None, LABELS])
@pytest.mark.parametrize("views", [1, 2, 3])
@pytest.mark.parametrize("name", OF_PAIRS)
def test_positives_and_negatives_are_those_of_a_loop_over_pairs(
    name: str, views: int, names: Tensor | None
) -> None:
    z = embeddings(7, 5, views=views)
    positive, negative = of_pairs(z, names)
    anchors = [(view, k) for view in range(views) for k in range(7)]
    having = [{i for i, _ in kind} for kind in (positive, negative)]
    found = told(objective(name), z, names)
    assert found["positives"] == pytest.approx(len(positive) / len(anchors))
    assert found["negatives"] == pytest.approx(len(negative) / len(anchors))
    assert found["anchors_without_positive"] == len(set(anchors) - having[0])
    assert found["anchors_without_negative"] == len(set(anchors) - having[1])


def test_n_pair_counts_keys_of_the_other_view() -> None:
    # Classes of two among six keys.
    found = told(objective("n_pair"), random(2, 6, 5), labels(6))
    assert (found["positives"], found["negatives"]) == (2, 4)


@pytest.mark.parametrize("name", [*OF_PAIRS, "n_pair"])
def test_a_batch_of_one_class_leaves_every_anchor_without_a_negative(name: str) -> None:
    found = told(objective(name), random(2, 6, 5), ONE_CLASS)
    assert found["negatives"] == 0
    assert found["anchors_without_negative"] == (6 if name == "n_pair" else 12)


@pytest.mark.parametrize(("labels", "negatives"), [(None, 10), (ONE_CLASS, 0)])
def test_margin_tells_of_anchors_without_a_negative(labels: Tensor | None, negatives: int) -> None:
    method = margin(
        nn.Identity(),
        nn.Identity(),
        alpha=0.2,
        beta=1.2,
        classes=None,
        positives="views" if labels is None else "classes",
    )
    with tally.recording() as heard:
        method.terms(Projections(random(2, 6, 5), labels))
    assert heard["negatives"] == negatives
    assert heard["anchors_without_negative"] == (12 if negatives == 0 else 0)


@pytest.mark.parametrize("name", [*OF_PAIRS, "alignment_uniformity"])
def test_one_view_of_each_leaves_every_anchor_without_a_positive(name: str) -> None:
    found = told(objective(name), random(1, 6, 5), None)
    assert found["positives"] == 0 and found["anchors_without_positive"] == 6


@pytest.mark.parametrize("mining", ["all", "hard", "semi_hard"])
@pytest.mark.parametrize("names", [None, LABELS, torch.zeros(7)])
def test_triplets_are_as_many_as_were_mined(mining: Any, names: Tensor | None) -> None:
    z, by = embeddings(7, 5), {"margin": 0.3, "distance": "cosine", "mining": mining}
    near, _ = pair_mining.mine_triplets(z, names, **by)
    found = told(lambda z, names: triplet(z, names, **by), z, names)
    assert found["triplets"] == len(near)
    assert found["without_triplet"] == (len(near) == 0)


def test_embeddings_all_alike_make_no_semi_hard_triplet_and_that_is_told() -> None:
    ones = torch.ones(2, 6, 4)
    by = {"distance": "euclidean", "mining": "semi_hard", "margin": 0.3}
    assert told(lambda z, names: triplet(z, names, **by), ones, None)["without_triplet"] == 1
    found = told(
        lambda z, names: nt_logistic(z, names, temperature=0.2, mining="semi_hard"), ones, ONE_CLASS
    )
    assert found["triplets"] == 0 and found["without_triplet"] == 1


def test_a_queue_is_the_negatives_of_every_query() -> None:
    found = told(
        lambda z, names: info_nce(z, names, random(21, 5), temperature=0.2), random(2, 6, 5), None
    )
    assert found["negatives"] == 21


@pytest.mark.parametrize(("queue", "symmetric", "count"), [(20, False, 20), (None, True, 5)])
def test_moco_s_negatives_are_its_queue_s_or_the_other_keys(
    queue: int | None, symmetric: bool, count: int
) -> None:
    method = moco(
        nn.Identity(), nn.Linear(5, 4), temperature=0.2, decay=0.9, decay_schedule="constant",
        queue=queue, symmetric=symmetric, predictor_hidden=None, batch_norm_group=None,
    )  # fmt: skip
    with tally.recording() as heard:
        method.terms(method.project(Batch(random(2, 6, 5), None, torch.arange(6))))
    assert heard["negatives"] == count


def test_telling_changes_no_value_and_no_gradient() -> None:
    for loss in (
        lambda z: contrastive(z, LABELS, margin=1.0, distance="cosine"),
        lambda z: sup_con(z, LABELS, temperature=0.3),
    ):
        z = embeddings(7, 5).requires_grad_()
        alone = torch.autograd.grad(loss(z), z)[0]
        with tally.recording():
            heard = torch.autograd.grad(loss(z), z)[0]
        assert torch.equal(alone, heard)
