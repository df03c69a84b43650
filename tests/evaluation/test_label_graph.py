"""Label propagation, beside its formula written out densely, and the laws it keeps."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from twinview.evaluation.label_graph import LabelGraph


def rings(n: int, seed: int) -> tuple[Tensor, Tensor]:
    """Two closed rings on the sphere, one about the other: (2 n, 3), and the ring of each."""
    random = torch.Generator().manual_seed(seed)
    angle = torch.rand(2 * n, generator=random) * 2 * torch.pi
    height = torch.tensor([0.3, 0.9]).repeat_interleave(n)
    radius = (1 - height**2).sqrt()
    rows = torch.stack([radius * angle.cos(), radius * angle.sin(), height], dim=1)
    return rows, torch.arange(2).repeat_interleave(n)


def dense(rows: Tensor, known: Tensor, labels: Tensor, asked: Tensor, k: int, a: float) -> Tensor:
    """Labels of `asked` by the papers' formulas, all n x n, the inverse by torch."""
    rows, asked = F.normalize(rows.double(), dim=1), F.normalize(asked.double(), dim=1)

    def kept(cosines: Tensor) -> Tensor:
        places = cosines.topk(k, dim=1).indices
        return torch.zeros_like(cosines).scatter(1, places, cosines.gather(1, places)).clamp(min=0)

    away = rows @ rows.T - 9 * torch.eye(len(rows))
    weights = kept(away) ** 3
    weights = torch.maximum(weights, weights.T)
    scale = weights.sum(1).rsqrt()
    step = scale[:, None] * weights * scale
    given = torch.zeros(len(rows), int(labels.max()) + 1, dtype=torch.float64)
    given[known, labels] = 1
    scores = torch.linalg.solve(torch.eye(len(rows)) - a * step, given)
    scores = scores / scores.sum(1, keepdim=True).clamp(min=1e-12)
    scores = scores / scores.sum(0)
    scores = scores / scores.sum(1, keepdim=True).clamp(min=1e-12)
    return (kept(asked @ rows.T) ** 3 @ scores).argmax(1)


@pytest.mark.parametrize("alpha", [0.5, 0.9])
def test_it_predicts_what_the_formula_does(alpha: float) -> None:
    random = torch.Generator().manual_seed(0)
    rows, asked = (torch.randn(n, 6, generator=random) for n in (80, 200))
    known, labels = torch.arange(9), torch.arange(9) % 3
    graph = LabelGraph(rows, neighbours=7, pca_components=0)
    found = graph.propagate(known, labels, graph.votes(asked), alpha)
    wanted = dense(rows, known, labels, asked, 7, alpha)
    assert torch.equal(found, wanted)


def test_one_label_a_ring_is_enough() -> None:
    rows, labels = rings(400, seed=0)
    asked, wanted = rings(200, seed=1)
    graph = LabelGraph(rows, neighbours=8, pca_components=0)
    known = torch.tensor([0, 400])
    assert torch.equal(graph.propagate(known, labels[known], graph.votes(asked), 0.99), wanted)


def test_it_is_blind_to_the_scale_of_a_row_and_to_order() -> None:
    random = torch.Generator().manual_seed(0)
    rows = torch.randn(60, 5, generator=random)
    known, labels = torch.arange(6), torch.arange(6) % 2
    graph = LabelGraph(rows, neighbours=5, pca_components=0)
    found = graph.propagate(known, labels, graph.votes(rows), 0.9)
    order = torch.randperm(60, generator=random)
    other = LabelGraph(3 * rows[order], neighbours=5, pca_components=0)
    moved = other.propagate(order.argsort()[known], labels, other.votes(rows), 0.9)
    assert torch.equal(found, moved)


def test_whitened_rows_are_compared_by_directions_that_vary_little_too() -> None:
    random = torch.Generator().manual_seed(0)
    labels = torch.arange(300) % 2
    rows = torch.randn(300, 4, generator=random) * torch.tensor([20.0, 20.0, 20.0, 0.3])
    rows[:, 3] += labels * 2 - 1
    known = torch.arange(20)

    def right(pca_components: int) -> float:
        graph = LabelGraph(rows, neighbours=8, pca_components=pca_components)
        found = graph.propagate(known, labels[known], graph.votes(rows), 0.9)
        return float((found == labels).double().mean())

    assert right(4) > 0.8 > 0.65 > right(0)
