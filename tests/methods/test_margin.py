"""Margin loss against loops written from the paper (arXiv 1706.07567), and its closed forms."""

import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from tests.methods.shared import OWN, SPLIT, Rows, by_hand, by_the_loop, close, made, networks, same
from tests.objectives.shared import (
    EXACT,
    HALVES,
    LABELS,
    apart,
    assert_blind_to_order_and_rotation,
    assert_nothing_to_learn,
    assert_same,
    assert_vast_numbers_stay_finite,
    differentiated,
    embeddings,
)
from twinview.core.errors import ConfigError, DataError
from twinview.core.types import NO_LABEL, Projections
from twinview.learning import pair_mining, tally
from twinview.learning.loop import _by_decay, batches
from twinview.methods.margin import Margin, _sampling_probabilities
from twinview.methods.margin import margin as method_of

BETAS = torch.linspace(0.7, 1.4, 10).double()


def margin(betas: Tensor | None = None, **changes: Any) -> Margin:
    options = {"alpha": 0.2, "beta": 1.2, "classes": None, "positives": "views"} | changes
    own = made("margin", **options)
    assert isinstance(own, Margin)
    if betas is not None:
        own.beta.data.copy_(betas)
    return own


def loss_of(own: Margin, z: Tensor, labels: Tensor | None = None) -> Tensor:
    return own.terms(Projections(z, labels))["loss"]


def unit(z: Tensor) -> Tensor:
    return z / z.norm(dim=2, keepdim=True)


def weights(own: list[Tensor], costs: list[Tensor], d: int) -> list[float]:
    """How likely each of an anchor's negatives is drawn: 1 / q(D), cut off at .5 (section 4.1)."""
    inverse = []
    for distance, cost in zip(own, costs, strict=True):
        far = max(distance.item(), 0.5)
        inverse.append(far ** (2 - d) * (1 - far**2 / 4) ** ((3 - d) / 2) if cost > 0 else 0.0)
    return [value / max(sum(inverse), 1e-300) for value in inverse]


def by_pairs(
    z: Tensor, labels: Tensor | None, betas: Tensor
) -> tuple[list[Tensor], list[tuple[int, list[Tensor], list[float]]]]:
    """Each positive pair's cost; for each anchor its positives' number, negatives' costs, chances.

    betas: one for each name, or for all.
    """
    views, n, d = z.shape
    names = (torch.arange(n) if labels is None else labels).repeat(views).tolist()
    rows = unit(z).flatten(0, 1)
    positives, anchors = [], []
    for i, name in enumerate(names):
        beta = betas[name] if len(betas) > 1 else betas[0]
        others = [j for j in range(len(names)) if j != i]
        alike = [apart(rows[i], rows[j], "euclidean") for j in others if names[j] == name]
        different = [apart(rows[i], rows[j], "euclidean") for j in others if names[j] != name]
        positives += [(0.2 + (far - beta)).clamp(min=0) for far in alike]
        costs = [(0.2 - (far - beta)).clamp(min=0) for far in different]
        anchors.append((len(alike), costs, weights(different, costs, d)))
    return positives, anchors


def expected(z: Tensor, labels: Tensor | None, betas: Tensor) -> Tensor:
    """Over all draws: one negative for each positive of an anchor; the mean of what costs."""
    positives, anchors = by_pairs(z, labels, betas)
    total, count = sum(positives), sum(float(cost > 0) for cost in positives)
    for alike, costs, chances in anchors:
        count += alike * round(sum(chances))
        total = total + alike * sum(p * cost for p, cost in zip(chances, costs, strict=True))
    return total / count  # type: ignore[return-value]


CASES = [(None, None), (LABELS, None), (LABELS, 10)]


@pytest.mark.parametrize(("labels", "classes"), CASES)
@pytest.mark.parametrize("d", [2, 3, 8])
def test_value_and_gradients_are_the_paper_s(
    labels: Tensor | None, classes: int | None, d: int
) -> None:
    betas = BETAS if classes else BETAS[6:7]
    own = margin(betas, classes=classes, positives="views" if labels is None else "classes")
    z = embeddings(7, d)
    assert_same(lambda z: loss_of(own, z, labels), lambda z: expected(z, labels, betas), z)
    _, gradient = differentiated(lambda b: expected(z, labels, b), betas)
    found = torch.autograd.grad(loss_of(own, z, labels), own.beta)[0]
    assert torch.allclose(found, gradient) and found.abs().sum() > 0


def test_an_anchor_without_a_label_has_the_mean_of_all_boundaries() -> None:
    some, z = LABELS.clone(), embeddings(7, 3)
    some[torch.tensor([1, 5])] = NO_LABEL
    apart = some.clone()
    apart[torch.tensor([1, 5])] = torch.tensor([10, 11])
    betas = torch.cat([BETAS, BETAS.mean().expand(2)])
    own = margin(BETAS, classes=10, positives="classes")
    assert_same(lambda z: loss_of(own, z, some), lambda z: expected(z, apart, betas), z)


@pytest.mark.parametrize(("labels", "classes"), CASES)
def test_gradients_are_those_of_small_steps(
    labels: Tensor | None, classes: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For given chances of a draw: section 4.1 differentiates the loss, not the sampling."""
    kept: list[Tensor] = []

    def first(*of: Any) -> Tensor:
        kept[:] = kept or [_sampling_probabilities(*of)]
        return kept[0]

    monkeypatch.setattr("twinview.methods.margin._sampling_probabilities", first)
    betas = BETAS if classes else BETAS[6:7]
    own = margin(betas, classes=classes, positives="views" if labels is None else "classes")
    z = embeddings(7, 3).requires_grad_()
    loss_of(own, z, labels)
    assert kept[0].sum() > 0
    assert torch.autograd.gradcheck(lambda z, beta: loss_of(own, z, labels), (z, own.beta))


def test_the_loss_is_the_mean_over_the_paper_s_draws() -> None:
    z, draws = embeddings(7, 8), 20_000
    positives, anchors = by_pairs(z, LABELS, BETAS)
    totals = sum(positives).repeat(draws)  # type: ignore[union-attr]
    counts = torch.full((draws,), sum(float(cost > 0) for cost in positives)).double()
    generator = torch.Generator().manual_seed(0)
    for alike, costs, chances in anchors:
        for _ in range(alike if sum(chances) else 0):
            drawn = torch.multinomial(torch.tensor(chances), draws, True, generator=generator)
            totals += torch.stack(costs)[drawn]
            counts += torch.stack(costs)[drawn] > 0
    sampled = totals / counts
    found = loss_of(margin(BETAS, classes=10, positives="classes"), z, LABELS)
    assert sampled.std() > 0.001
    assert abs(found - sampled.mean()) < 4 * sampled.std() / math.sqrt(draws)


def test_three_steps_move_the_boundary_too() -> None:
    method, (encoder, head) = margin(positives="classes", classes=3), networks()
    beta = nn.Parameter(torch.full((3,), 1.2).double())
    labels = [batch.labels for batch in batches(SPLIT, Rows(), OWN, 0, 2)]

    def loss(number: int, first: Tensor, second: Tensor) -> Tensor:
        z = head(encoder(torch.cat([first, second])))
        return expected(torch.stack(z.split(len(first))), labels[number - 1], beta)

    fast = nn.ModuleList([encoder, head])
    losses = by_hand([*fast.parameters(), beta], loss, lambda number: None)
    assert close(by_the_loop(method), losses)
    assert same(nn.ModuleList([method.encoder.encoder, method.head]), fast)
    assert close(method.beta.detach(), beta.detach())
    assert (method.beta != 1.2).all()


def test_the_boundary_is_saved_and_not_decayed() -> None:
    own = margin(positives="classes", classes=10)
    assert "beta" in own.state_dict()
    decaying, exempt = _by_decay(own)
    assert any(p is own.beta for p in exempt) and all(p is not own.beta for p in decaying)


def test_distances_that_do_not_tell_cost_alpha_once_the_boundary_is_there() -> None:
    orthogonal = torch.eye(8).double().view(2, 4, 8)
    there = torch.tensor([math.sqrt(2)]).double()
    found = loss_of(margin(there), orthogonal).item()
    assert found == pytest.approx(0.2) == margin().chance(256)
    # And more elsewhere: the positive pairs are too far for 1.2, all negative ones far enough.
    assert loss_of(margin(), orthogonal).item() == pytest.approx(0.2 + math.sqrt(2) - 1.2)


@pytest.mark.parametrize(("beta", "cost"), [(1.2, 1.4), (0.1, 0.2)])
def test_embeddings_that_are_all_alike_cost_alpha_at_least(beta: float, cost: float) -> None:
    alike = torch.ones(2, 4, 8).double()
    assert loss_of(margin(beta=beta), alike).item() == pytest.approx(cost)


@pytest.mark.parametrize("labelled", [False, True])
def test_what_is_apart_by_twice_alpha_teaches_nothing(labelled: bool) -> None:
    """Views agree and examples, or classes, are orthogonal: 0 < 1.2 - .2 and 1.41 > 1.2 + .2."""
    own, names = margin(positives="classes" if labelled else "views"), torch.tensor([0, 0, 1])
    z = torch.eye(3).double()[names if labelled else torch.arange(3)].repeat(2, 1, 1)
    assert_nothing_to_learn(lambda z: loss_of(own, z, names), z)
    assert abs(torch.autograd.grad(loss_of(own, z, names), own.beta)[0]) <= EXACT
    for embedded, share in ((z, 1.0), (embeddings(3, 8), 0.0)):
        with tally.recording() as heard:
            loss_of(own, embedded, names)
        assert heard["without_costly_pair"] == share


def test_a_batch_of_one_class_has_positive_pairs_only() -> None:
    own, z = margin(positives="classes"), embeddings(4, 8)
    same_class = torch.zeros(4, dtype=torch.int64)
    positives, _ = by_pairs(z, same_class, torch.tensor([1.2]).double())
    costly = [cost for cost in positives if cost > 0]
    assert loss_of(own, z, same_class).item() == pytest.approx(sum(costly).item() / len(costly))  # type: ignore[union-attr]


def test_distances_are_drawn_alike() -> None:
    """Of points spread evenly over a sphere: where most are, each is drawn the less often."""
    z = torch.randn(1, 1500, 6, generator=torch.Generator().manual_seed(0)).double()
    between = pair_mining.pairwise_distances(unit(z), "euclidean")
    eligible = (between > 0.6) & (between < 1.8)
    chances = _sampling_probabilities(between, eligible, 6)
    assert torch.allclose(chances.sum(1), torch.ones(1500).double())
    bins = ((between[eligible] - 0.6) / 0.3).long()
    shares = torch.zeros(4).double().index_add(0, bins, chances[eligible]) / 1500
    # A third of a percent of two million pairs lies in the first bin.
    assert torch.allclose(shares, torch.full((4,), 0.25).double(), atol=0.01)


def test_near_negatives_are_drawn_no_more_often_than_at_the_cut_off() -> None:
    between = torch.tensor([[0.01, 0.3, 0.5, 0.6, 2.0]]).double()
    chances = _sampling_probabilities(between, torch.tensor([[True, True, True, True, False]]), 128)
    assert chances[0, 0] == chances[0, 1] == chances[0, 2] > chances[0, 3] > chances[0, 4] == 0
    assert _sampling_probabilities(between, torch.zeros(1, 5, dtype=torch.bool), 128).sum() == 0


@pytest.mark.parametrize(("labels", "classes"), CASES[:2])
def test_neither_order_nor_views_nor_rotation_count(
    labels: Tensor | None, classes: int | None
) -> None:
    own = margin(positives="views" if labels is None else "classes")
    assert_blind_to_order_and_rotation(
        lambda z, names: loss_of(own, z, names), embeddings(7, 5), labels
    )


@pytest.mark.parametrize("dtype", [*HALVES, torch.float32])
def test_vast_embeddings_stay_finite(dtype: torch.dtype) -> None:
    own = margin().float()
    assert_vast_numbers_stay_finite(lambda z: loss_of(own, z), dtype)


def test_labels_are_looked_at_only_when_asked_for() -> None:
    z = embeddings(7, 5)
    blind = loss_of(margin(), z, LABELS)
    assert torch.equal(blind, loss_of(margin(), z, None))
    assert margin(positives="classes").supervised and not margin().supervised
    assert not torch.allclose(blind, loss_of(margin(positives="classes"), z, LABELS))


def test_labels_that_are_not_there_or_too_many_are_refused() -> None:
    z = embeddings(7, 5)
    with pytest.raises(DataError, match=r"margin\.positives is classes.*set it to views"):
        loss_of(margin(positives="classes"), z, None)
    with pytest.raises(ConfigError, match=r"margin\.classes is 9.*has a label 9; set it to 10"):
        loss_of(margin(positives="classes", classes=9), z, LABELS)
    with pytest.raises(ConfigError, match=r"margin\.classes is 9, .*uses no labels"):
        method_of(nn.Identity(), nn.Identity(), alpha=0.2, beta=1.2, classes=9, positives="views")
