"""The two methods of the first version, against what they are made of."""

import math

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from twinview.core.errors import ConfigError, DataError
from twinview.core.types import NO_LABEL, Batch, Projections
from twinview.heads.identity import identity
from twinview.methods.cross_entropy import cross_entropy
from twinview.methods.simclr import simclr
from twinview.objectives.nt_xent import nt_xent

LABELS = torch.tensor([0, 2, 1, 1])


def batch(views: int, labels: Tensor | None = LABELS) -> Batch:
    x = torch.randn(views, 4, 6, generator=torch.Generator().manual_seed(views))
    return Batch(x, labels, torch.arange(4))


def test_simclr_s_loss_is_nt_xent_of_the_projections_of_each_view() -> None:
    encoder, head = nn.Linear(6, 5), nn.Linear(5, 3)
    method = simclr(encoder, head, temperature=0.3, views=2)
    given = batch(2)
    z = torch.stack([head(encoder(view)) for view in given.views])
    terms = method.terms(method.project(given))
    assert list(terms) == ["loss"]
    assert torch.allclose(terms["loss"], nt_xent(z, None, temperature=0.3))


def test_simclr_s_chance_is_the_loss_of_embeddings_that_say_nothing() -> None:
    method = simclr(nn.Identity(), nn.Identity(), temperature=0.1, views=2)
    same = nt_xent(torch.ones(2, 4, 6), None, temperature=0.1).item()
    assert method.chance(4) == pytest.approx(same) == pytest.approx(math.log(7))


def test_batch_norm_sees_all_views_together() -> None:
    norm = nn.BatchNorm1d(6, affine=False)
    given = batch(2)
    z = simclr(nn.Identity(), norm, temperature=0.1, views=2).project(given).z
    together = F.batch_norm(given.views.flatten(0, 1), None, None, training=True)
    assert torch.allclose(z.flatten(0, 1), together, atol=1e-6)


def test_cross_entropy_is_that_of_the_head_s_outputs() -> None:
    encoder, head = nn.Linear(6, 5), nn.Linear(5, 3)
    method = cross_entropy(encoder, head)
    given = batch(method.views)
    expected = F.cross_entropy(head(encoder(given.views[0])), LABELS)
    assert torch.allclose(method.terms(method.project(given))["loss"], expected)


def test_cross_entropy_is_a_loop_over_examples_in_value_and_gradient() -> None:
    """-log of the softmax, example by example; evened out scores cost the log of their number."""
    method = cross_entropy(nn.Identity(), nn.Linear(6, 4))
    z = torch.randn(1, len(LABELS), 4, dtype=torch.float64, requires_grad=True)
    ours = method.terms(Projections(z, LABELS))["loss"]
    each = [
        -(row[label].exp() / row.exp().sum()).log()
        for row, label in zip(z[0], LABELS.tolist(), strict=True)
    ]
    theirs = torch.stack(each).mean()
    (found,), (expected,) = (torch.autograd.grad(loss, z) for loss in (ours, theirs))
    assert torch.allclose(ours, theirs, rtol=0, atol=1e-10)
    assert torch.allclose(found, expected, rtol=0, atol=1e-10)
    even = method.terms(Projections(torch.zeros_like(z), LABELS))["loss"]
    assert even.item() == pytest.approx(math.log(4))
    vast = method.terms(Projections(1e4 * z.detach().half(), LABELS))["loss"]
    assert vast.isfinite()


def test_cross_entropy_names_every_view_of_an_example_alike() -> None:
    method = cross_entropy(nn.Identity(), nn.Linear(6, 3))
    given = batch(3)
    each = [
        method.terms(method.project(Batch(v[None], LABELS, given.ids)))["loss"] for v in given.views
    ]
    together = method.terms(method.project(given))["loss"]
    assert torch.allclose(together, torch.stack(each).mean())


def test_cross_entropy_is_that_of_the_examples_with_a_label() -> None:
    method = cross_entropy(nn.Identity(), nn.Linear(6, 4))
    z = torch.randn(2, 4, 4, dtype=torch.float64, requires_grad=True)
    some, rows = torch.tensor([2, NO_LABEL, NO_LABEL, 1]), torch.tensor([0, 3])
    losses = [
        method.terms(Projections(z, some))["loss"],
        method.terms(Projections(z[:, rows], some[rows]))["loss"],
    ]
    assert torch.allclose(*losses)
    found, expected = (torch.autograd.grad(loss, z)[0] for loss in losses)
    assert torch.allclose(found, expected) and (found[:, 1:3] == 0).all()


def test_cross_entropy_of_no_labels_is_zero_with_a_gradient_of_zero() -> None:
    method = cross_entropy(nn.Identity(), nn.Linear(6, 4))
    z = torch.randn(1, 4, 4, requires_grad=True)
    loss = method.terms(Projections(z, torch.full((4,), NO_LABEL)))["loss"]
    assert loss == 0 and torch.equal(torch.autograd.grad(loss, z)[0], torch.zeros_like(z))


def test_cross_entropy_s_chance_is_the_log_of_the_classes() -> None:
    head = nn.Sequential(nn.Linear(6, 9), nn.ReLU(), nn.Linear(9, 3))
    assert cross_entropy(nn.Identity(), head).chance(256) == pytest.approx(math.log(3))


def test_cross_entropy_refuses_unlabelled_data() -> None:
    method = cross_entropy(nn.Identity(), nn.Linear(6, 3))
    with pytest.raises(DataError, match="this data has none"):
        method.terms(method.project(batch(1, labels=None)))


def test_cross_entropy_refuses_a_head_without_classes() -> None:
    """A setting that a user can mend: pretrain.head: identity."""
    with pytest.raises(ConfigError, match=r"cross_entropy.*head"):
        cross_entropy(nn.Identity(), identity(6))
