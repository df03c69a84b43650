"""Alignment and uniformity against a loop from the paper (arXiv 2005.10242, section 4)."""

import math

import pytest
import torch
from torch import Tensor

from tests.objectives.shared import (
    EXACT,
    HALVES,
    LABELS,
    assert_halves_lose_nothing,
    assert_nothing_to_learn,
    assert_same,
    assert_vast_numbers_stay_finite,
    average,
    differentiated,
    embeddings,
    of_pairs,
)
from twinview.learning import collapse
from twinview.objectives.alignment_uniformity import alignment_uniformity

PAPER = {"power": 2.0, "concentration": 2.0, "uniformity_weight": 1.0}


def loop(
    z: Tensor, labels: Tensor | None, power: float, concentration: float, uniformity_weight: float
) -> Tensor:
    """E |x - y|^a over positive pairs; log E exp(-t |x - y|^2) over the examples of each view."""
    x = z / z.square().sum(2, keepdim=True).sqrt()
    positive, _ = of_pairs(z, labels)
    alignment = average([(x[i] - x[j]).square().sum() ** (power / 2) for i, j in positive], z)
    uniformity = []
    for view in x:
        potentials = [
            torch.exp(-concentration * (a - b).square().sum())
            for k, a in enumerate(view)
            for b in view[k + 1 :]
        ]
        uniformity.append(torch.log(average(potentials, z)))
    return alignment + uniformity_weight * average(uniformity, z)


@pytest.mark.parametrize(("power", "concentration"), [(1.0, 2.0), (2.0, 0.5), (3.5, 30.0)])
@pytest.mark.parametrize("labels", [None, LABELS])
@pytest.mark.parametrize("views", [1, 2, 3])
def test_value_and_gradient_are_the_paper_s(
    views: int, labels: Tensor | None, power: float, concentration: float
) -> None:
    by = {"power": power, "concentration": concentration, "uniformity_weight": 0.7}
    assert_same(
        lambda z: alignment_uniformity(z, labels, **by),
        lambda z: loop(z, labels, **by),
        embeddings(7, 5, views=views),
    )


def test_the_gradient_is_that_of_finite_differences() -> None:
    z = embeddings(3, 4).requires_grad_()
    assert torch.autograd.gradcheck(lambda z: alignment_uniformity(z, None, **PAPER), z)


@pytest.mark.parametrize("power", [1.0, 2.0])
def test_embeddings_all_alike_cost_nothing_and_have_a_finite_gradient(power: float) -> None:
    by = PAPER | {"power": power}
    value, gradient = differentiated(
        lambda z: alignment_uniformity(z, None, **by), torch.ones(2, 5, 4).double()
    )
    assert value.item() == pytest.approx(0, abs=1e-12) and gradient.isfinite().all()


def test_orthogonal_embeddings_cost_their_closed_form() -> None:
    z, by = torch.eye(10).double().view(2, 5, 10), {"concentration": 3.0, "uniformity_weight": 0.5}
    for power, apart in ((1.0, math.sqrt(2)), (2.0, 2.0), (4.0, 4.0)):
        loss = alignment_uniformity(z, None, power=power, **by).item()
        assert loss == pytest.approx(apart - 0.5 * 3 * 2)


def test_it_is_what_the_monitors_measure() -> None:
    z = embeddings(9, 4)
    unit = torch.nn.functional.normalize(z, dim=2)
    even = (collapse.uniformity(unit[0]) + collapse.uniformity(unit[1])) / 2
    loss = alignment_uniformity(z, None, **PAPER).item()
    assert loss == pytest.approx(collapse.alignment(unit) + even)


def test_without_positives_only_uniformity_is_left() -> None:
    z = embeddings(6, 4, views=1)
    unit = torch.nn.functional.normalize(z, dim=2)
    loss = alignment_uniformity(z, None, **PAPER).item()
    assert loss == pytest.approx(collapse.uniformity(unit[0]))
    alone = PAPER | {"uniformity_weight": 0.0}
    assert_nothing_to_learn(lambda z: alignment_uniformity(z, None, **alone), z)


@pytest.mark.parametrize("labels", [None, LABELS])
def test_order_rotation_length_and_names_do_not_matter(labels: Tensor | None) -> None:
    z, order = embeddings(7, 5, views=3), torch.tensor([3, 1, 5, 0, 6, 2, 4])
    rotation = torch.linalg.qr(embeddings(5, 5, seed=2)[0]).Q
    changed = (z * torch.logspace(-2, 2, 7)[:, None]).flip(0)[:, order] @ rotation
    renamed = None if labels is None else 100 - labels[order]
    loss = alignment_uniformity(z, labels, **PAPER)
    assert torch.allclose(alignment_uniformity(changed, renamed, **PAPER), loss, rtol=0, atol=EXACT)


@pytest.mark.parametrize("dtype", HALVES)
@pytest.mark.parametrize("concentration", [2.0, 100.0])
def test_half_precision_loses_nothing(dtype: torch.dtype, concentration: float) -> None:
    def objective(z: Tensor) -> Tensor:
        return alignment_uniformity(z, None, **PAPER | {"concentration": concentration})

    assert_halves_lose_nothing(objective, dtype, temperature=1 / concentration)
    assert_vast_numbers_stay_finite(objective, dtype)
