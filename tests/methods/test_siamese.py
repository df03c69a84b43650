"""The methods that are an encoder, a head and an objective: SupCon, Barlow Twins, VICReg, ..."""

import math
from functools import partial
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tests.support.plugins import bound, objective
from twinview.core import declare, registry
from twinview.core.errors import DataError
from twinview.core.registry import ConfigError, bind, names
from twinview.core.types import Batch, PairLabels
from twinview.heads.identity import identity
from twinview.learning.parts import Method
from twinview.methods.barlow_twins import barlow_twins
from twinview.methods.siamese import siamese
from twinview.methods.sup_con import sup_con
from twinview.methods.vicreg import vicreg
from twinview.objectives.info_nce import info_nce
from twinview.objectives.nt_xent import nt_xent

LABELS = torch.tensor([0, 1, 0, 1, 2])
VIEWS = torch.randn(2, 5, 6, generator=torch.Generator().manual_seed(0)).double()


def head() -> nn.Module:
    torch.manual_seed(0)
    return nn.Linear(6, 4).double()


def value_and_gradient(method: Method, labels: Tensor | None) -> tuple[Tensor, Tensor]:
    terms = method.terms(method.project(Batch(VIEWS, labels, torch.arange(5))))
    assert list(terms) == ["loss"]
    weight = next(method.parameters())
    return terms["loss"].detach(), torch.autograd.grad(terms["loss"], weight)[0]


def by_pairs(weight: nn.Parameter, bias: nn.Parameter, labels: Tensor) -> Tensor:
    """SupCon, equation 2, pair by pair."""
    z = F.normalize(VIEWS.flatten(0, 1) @ weight.T + bias, dim=1)
    classes, total = labels.repeat(2).tolist(), torch.zeros(()).double()
    for i in range(10):
        others = [j for j in range(10) if j != i]
        positives = [j for j in others if classes[j] == classes[i]]
        denominator = sum((z[i] @ z[j] / 0.3).exp() for j in others)
        logs = [((z[i] @ z[j] / 0.3).exp() / denominator).log() for j in positives]
        total = total - sum(logs) / len(positives)
    return total / 10


def test_sup_con_is_the_mean_over_positives_outside_the_log() -> None:
    own = head()
    expected = by_pairs(own.weight, own.bias, LABELS)  # type: ignore[arg-type]
    gradient = torch.autograd.grad(expected, own.weight)[0]  # type: ignore[arg-type]
    found = value_and_gradient(sup_con(nn.Identity(), own, temperature=0.3, views=2), LABELS)
    assert torch.allclose(found[0], expected) and torch.allclose(found[1], gradient)


def test_sup_con_refuses_unlabelled_data() -> None:
    with pytest.raises(DataError, match=r"sup_con learns from labels.*methods\.simclr"):
        value_and_gradient(sup_con(nn.Identity(), head(), temperature=0.3, views=2), None)


def test_sup_con_s_chance_is_the_loss_of_embeddings_that_say_nothing() -> None:
    flat = nn.Linear(6, 4).double()
    nn.init.zeros_(flat.weight)
    method = sup_con(nn.Identity(), flat, temperature=0.3, views=2)
    found, _ = value_and_gradient(method, LABELS)
    assert found.item() == pytest.approx(method.chance(5)) == pytest.approx(math.log(9))


def test_barlow_twins_is_the_paper_s_sum_over_features() -> None:
    own = head()
    first, second = (view @ own.weight.T + own.bias for view in VIEWS)  # type: ignore[operator]
    a, b = ((x - x.mean(0)) / (x.var(0, correction=0) + 1e-5).sqrt() for x in (first, second))
    expected = torch.zeros(()).double()
    for i in range(4):
        for j in range(4):
            c = (a[:, i] * b[:, j]).sum() / 5
            expected = expected + ((1 - c) ** 2 if i == j else 0.3 * c**2)
    gradient = torch.autograd.grad(expected, own.weight)[0]  # type: ignore[arg-type]
    found = value_and_gradient(barlow_twins(nn.Identity(), own, off_diagonal=0.3), LABELS)
    assert torch.allclose(found[0], expected) and torch.allclose(found[1], gradient)


def test_barlow_twins_chance_is_the_loss_of_a_collapsed_head() -> None:
    flat = nn.Linear(6, 4).double()
    nn.init.zeros_(flat.weight)
    method = barlow_twins(nn.Identity(), flat, off_diagonal=0.3)
    assert value_and_gradient(method, None)[0].item() == pytest.approx(4) == method.chance(256)


BY_PAPER = {"invariance_weight": 25.0, "variance_weight": 25.0, "covariance_weight": 1.0}


def test_vicreg_is_the_paper_s_three_terms_of_the_projections() -> None:
    own = head()
    first, second = (view @ own.weight.T + own.bias for view in VIEWS)  # type: ignore[operator]
    expected = 25 * (first - second).square().sum() / 20
    for z in (first, second):
        covariance = torch.cov(z.T)
        lacking = (1 - (covariance.diagonal() + 1e-4).sqrt()).clamp(min=0)
        different = covariance[~torch.eye(4, dtype=torch.bool)]
        expected = expected + 25 * lacking.sum() / 8 + different.square().sum() / 4
    gradient = torch.autograd.grad(expected, own.weight)[0]  # type: ignore[arg-type]
    found = value_and_gradient(vicreg(nn.Identity(), own, **BY_PAPER), None)
    assert torch.allclose(found[0], expected) and torch.allclose(found[1], gradient)


def test_vicreg_s_chance_is_the_loss_of_a_collapsed_head() -> None:
    flat = nn.Linear(6, 4).double()
    nn.init.zeros_(flat.weight)
    method = vicreg(nn.Identity(), flat, **BY_PAPER)
    assert value_and_gradient(method, None)[0].item() == pytest.approx(method.chance(256))


def named(name: str, positives: str, **options: object) -> Method:
    objective = bind("objectives", name, options)
    return siamese(nn.Identity(), head(), objective=objective, positives=positives, views=2)


def test_siamese_is_the_method_of_its_objective() -> None:
    expected = value_and_gradient(sup_con(nn.Identity(), head(), temperature=0.3, views=2), LABELS)
    found = value_and_gradient(named("sup_con", "classes", temperature=0.3), LABELS)
    assert all(torch.equal(a, b) for a, b in zip(found, expected, strict=True))


def test_siamese_sees_labels_only_when_it_says_so() -> None:
    blind = value_and_gradient(named("sup_con", "views", temperature=0.3), LABELS)
    without = value_and_gradient(named("nt_xent", "views", temperature=0.3), None)
    labelled = value_and_gradient(named("sup_con", "classes", temperature=0.3), LABELS)
    assert torch.allclose(blind[0], without[0]) and not torch.allclose(blind[0], labelled[0])


def test_siamese_refuses_labels_that_are_not_there() -> None:
    with pytest.raises(DataError, match=r"siamese\.positives is 'classes'.*set it to views"):
        value_and_gradient(named("sup_con", "classes", temperature=0.3), None)


@pytest.mark.parametrize(
    ("name", "options", "expected"),
    [
        ("nt_xent", {"temperature": 0.3}, math.log(2 * 64 - 1)),
        ("sup_con", {"temperature": 0.3}, math.log(2 * 64 - 1)),
        ("barlow_twins", {"off_diagonal": 0.001}, 4),
    ],
)
def test_siamese_s_chance_is_its_objective_s(name: str, options: Any, expected: float) -> None:
    # The noise is a thousandth; Barlow Twins's correlations of 64 examples are some eighths.
    tolerance = 0.3 if name == "barlow_twins" else 1e-4
    assert named(name, "views", **options).chance(64) == pytest.approx(expected, rel=tolerance)


@pytest.mark.parametrize(
    "make",
    [
        partial(siamese, objective=partial(nt_xent, temperature=0.3), positives="views", views=2),
        partial(barlow_twins, off_diagonal=0.3),
    ],
)
def test_a_head_of_unknown_width_is_refused(make: Any) -> None:
    with pytest.raises(ConfigError, match="needs a head"):
        make(nn.Identity(), identity(6))


@pytest.mark.parametrize("name", names("objectives"))
def test_siamese_learns_by_every_objective(name: str) -> None:
    method = bound("methods", "siamese", name)(nn.Identity(), head())
    loss, gradient = value_and_gradient(method, None)
    assert loss.isfinite() and gradient.isfinite().all() and gradient.abs().sum() > 0
    assert math.isfinite(method.chance(64))


def test_siamese_s_info_nce_has_the_other_keys_as_negatives() -> None:
    own = named("info_nce", "views", temperature=0.3)
    z = own.project(Batch(VIEWS, None, torch.arange(5))).z
    expected = info_nce(z, None, None, temperature=0.3)
    assert torch.allclose(value_and_gradient(own, None)[0], expected)
    assert own.chance(64) == pytest.approx(math.log(64), rel=1e-4)


ALIKE = torch.tensor([1, 0, 0, 1, 0])
BY_PAIRS: dict[str, dict[str, object]] = {
    "contrastive": {"margin": 1.2, "distance": "cosine"},
    "nt_logistic": {"temperature": 0.3, "mining": "all"},
}


@pytest.mark.parametrize("name", BY_PAIRS)
def test_siamese_s_pairs_are_the_two_views_of_a_place(name: str) -> None:
    method = named(name, "pairs", **BY_PAIRS[name])
    z = method.project(Batch(VIEWS, ALIKE, torch.arange(5))).z
    expected = bind("objectives", name, BY_PAIRS[name])(z, PairLabels(ALIKE == 1))
    assert torch.equal(value_and_gradient(method, ALIKE)[0], expected)


@pytest.mark.parametrize("name", sorted(set(names("objectives")) - set(BY_PAIRS)))
def test_siamese_refuses_pairs_for_objectives_that_cannot_take_them(name: str) -> None:
    said = rf"objective is '{name}'.*from pairs .*set it to one of contrastive, nt_logistic$"
    with pytest.raises(ConfigError, match=said):
        siamese(
            nn.Identity(), head(), objective=bound("objectives", name), positives="pairs", views=2
        )


@pytest.mark.parametrize("name", names("objectives"))
def test_siamese_s_classes_change_the_loss_or_are_refused(name: str) -> None:
    own, loss = bound("objectives", name), objective(name)
    if torch.equal(loss(VIEWS, LABELS), loss(VIEWS, None)):
        said = rf"objective is '{name}'.*from classes .*set it to one of alignment_uniformity, con"
        with pytest.raises(ConfigError, match=said):
            siamese(nn.Identity(), head(), objective=own, positives="classes", views=2)
        return
    losses = [
        value_and_gradient(
            siamese(nn.Identity(), head(), objective=own, positives=what, views=2), LABELS
        )
        for what in ("views", "classes")
    ]
    assert not torch.equal(losses[0][1], losses[1][1])


def test_siamese_believes_what_an_objective_declares(monkeypatch: pytest.MonkeyPatch) -> None:
    declared = declare.Objective(positives=("views",), negatives=None)
    monkeypatch.setattr(registry, "declaration", lambda kind, name: declared)
    named("sup_con", "views", temperature=0.3)
    with pytest.raises(ConfigError, match="'sup_con', which cannot learn from classes"):
        named("sup_con", "classes", temperature=0.3)


def test_siamese_s_chance_of_n_pair_counts_no_length() -> None:
    assert named("n_pair", "views", length_weight=1.0).chance(64) == pytest.approx(
        math.log(64), rel=0.01
    )


def test_siamese_s_chance_of_semi_hard_triplets_is_their_margin() -> None:
    mined = named("triplet", "views", margin=0.1, distance="cosine", mining="semi_hard")
    assert mined.chance(64) == pytest.approx(0.1, rel=0.01)


@pytest.mark.parametrize("positives", ["views", "classes", "pairs"])
def test_siamese_is_supervised_unless_views_are_its_positives(positives: str) -> None:
    own = named("contrastive", positives, **BY_PAIRS["contrastive"])
    assert own.supervised == (positives != "views") and own.pairs == (positives == "pairs")


def test_siamese_s_chance_of_pairs_is_for_half_of_them_alike() -> None:
    # All alike, the other half lacks the whole margin.
    assert named("contrastive", "pairs", **BY_PAIRS["contrastive"]).chance(64) == pytest.approx(
        1.2**2 / 4, rel=1e-3
    )
    # Cosines are 1: log(1 + exp(-1 / .3)) and log(1 + exp(1 / .3)).
    both = math.log1p(math.exp(-1 / 0.3)) + math.log1p(math.exp(1 / 0.3))
    chance = named("nt_logistic", "pairs", **BY_PAIRS["nt_logistic"]).chance(64)
    assert chance == pytest.approx(both / 2, rel=1e-3)
