"""Chunks against the whole batch, and against a plain loop over chunks that keeps its graph."""

import copy
from typing import final

import pytest
import torch
from torch import Tensor, nn

from tests.support.small_convnet import SMALL_CONVNET
from tests.support.training import CPU, budget, rows
from twinview.compute.gradient_cache import GradientCache
from twinview.core import registry
from twinview.core.types import Batch
from twinview.encoders.convnet import convnet
from twinview.heads.nonlinear import nonlinear
from twinview.learning.loop import fit
from twinview.learning.parts import Method, Siamese
from twinview.methods.simclr import simclr
from twinview.objectives.nt_xent import nt_xent
from twinview.views.live import Views

# Float64's rounding of some thousand terms is 1e-13 here; a wrong gradient is off by percents.
TOLERANCE = 1e-9


def pictures(views: int = 2, n: int = 12, side: int = 8) -> Tensor:
    return torch.randn(views, n, 1, side, side, generator=torch.Generator().manual_seed(n)).double()


def learner(norm: str = "group") -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return convnet((1, 8, 8), **SMALL_CONVNET | {"norm": norm}).double()


def method(encoder: nn.Module, micro_batch: int) -> Method:
    """SimCLR with a head that has batch norm; its own copy of the encoder."""
    with torch.random.fork_rng():
        torch.manual_seed(1)
        head = nonlinear(24, depth=1, hidden=10, dim=5, norm="hidden").double()
    return simclr(
        GradientCache(copy.deepcopy(encoder), micro_batch), head, temperature=0.3, views=2
    )


def loss(own: Method, views: Tensor) -> float:
    """The loss, its gradients being in the weights."""
    value = own.terms(own.project(Batch(views, None, torch.arange(views.shape[1]))))["loss"]
    value.backward()
    return value.item()


def plain_loop(own: Method, views: Tensor, micro_batch: int) -> float:
    """Chunk after chunk with its graph, the head on all, as one would without caring for memory."""
    assert isinstance(own.encoder, GradientCache)
    chunks = [
        own.encoder.encoder(chunk.flatten(0, 1)).unflatten(0, chunk.shape[:2])
        for chunk in views.split(micro_batch, dim=1)
    ]
    h = torch.cat(chunks, dim=1)
    z = own.head(h.flatten(0, 1)).unflatten(0, h.shape[:2])  # type: ignore[operator]
    value = nt_xent(z, None, temperature=0.3)
    value.backward()
    return value.item()


def same(first: Method, second: Method) -> bool:
    """Equal gradients, and equal running statistics."""
    pairs = [(a.grad, b.grad) for a, b in zip(first.parameters(), second.parameters(), strict=True)]
    pairs += list(zip(first.buffers(), second.buffers(), strict=True))
    return all(torch.allclose(a, b, rtol=0, atol=TOLERANCE) for a, b in pairs)  # type: ignore[arg-type]


@pytest.mark.parametrize("micro_batch", [1, 3, 4, 5, 12])
def test_loss_and_gradient_are_those_of_the_whole_batch(micro_batch: int) -> None:
    whole, chunked = method(learner(), 12), method(learner(), micro_batch)
    assert loss(chunked, pictures()) == pytest.approx(loss(whole, pictures()), abs=TOLERANCE)
    assert same(chunked, whole)


def test_a_head_s_batch_norm_sees_the_whole_batch_once() -> None:
    chunked = method(learner(), 4)
    loss(chunked, pictures())
    norm = next(m for m in chunked.head.modules() if isinstance(m, nn.BatchNorm1d))  # type: ignore[union-attr]
    assert norm.num_batches_tracked == 1


def test_batch_norm_in_the_encoder_has_each_chunk_s_statistics_and_takes_it_in_once() -> None:
    chunked, plain = method(learner("batch"), 4), method(learner("batch"), 4)
    assert loss(chunked, pictures()) == pytest.approx(
        plain_loop(plain, pictures(), 4), abs=TOLERANCE
    )
    assert same(chunked, plain)
    norms = [m for m in chunked.encoder.modules() if isinstance(m, nn.BatchNorm2d)]
    assert [norm.num_batches_tracked.item() for norm in norms] == [3, 3]  # type: ignore[union-attr]


def test_batch_norm_in_the_encoder_is_not_that_of_the_whole_batch() -> None:
    """What docs/settings.md warns of; group norm is the remedy."""
    whole, chunked = method(learner("batch"), 12), method(learner("batch"), 4)
    assert abs(loss(whole, pictures()) - loss(chunked, pictures())) > 1e-4


def test_the_views_of_an_example_share_a_chunk() -> None:
    seen: list[int] = []
    encoder = nn.Flatten()
    encoder.register_forward_hook(lambda m, inputs, output: seen.append(len(inputs[0])))
    GradientCache(encoder, 4)(pictures())
    assert seen == [8, 8, 8]


def test_chunks_are_encoded_again_under_the_same_dropout() -> None:
    with_dropout = nn.Sequential(learner(), nn.Dropout(0.3), nn.Linear(24, 24).double())
    chunked, plain = method(with_dropout, 4), method(with_dropout, 4)
    torch.manual_seed(2)
    first, after = loss(chunked, pictures()), torch.rand(3)
    torch.manual_seed(2)
    second, expected = plain_loop(plain, pictures(), 4), torch.rand(3)
    assert first == pytest.approx(second, abs=TOLERANCE) and same(chunked, plain)
    assert torch.equal(after, expected)


def test_encoding_again_leaves_the_random_numbers_to_come_alone() -> None:
    h = GradientCache(nn.Sequential(learner(), nn.Dropout(0.3)), 4)(pictures())
    torch.rand(3)  # as a head's dropout does, between the two encodings
    before = torch.get_rng_state()
    h.sum().backward()
    assert torch.equal(torch.get_rng_state(), before)


def test_groups_of_views_of_other_sizes_add_up() -> None:
    """As multi-crop has them: two calls of one encoder in one step."""
    gradients = []
    for micro_batch in (12, 4):
        encoder = GradientCache(learner(), micro_batch)
        large, small = encoder(pictures(2)), encoder(pictures(4, side=6))
        (large.mean(0) * small.mean(0)).sin().sum().backward()
        gradients.append([p.grad for p in encoder.parameters()])
    assert all(torch.allclose(a, b, atol=TOLERANCE) for a, b in zip(*gradients, strict=True))  # type: ignore[arg-type]


def test_an_encoder_that_does_not_learn_is_encoded_once() -> None:
    """A momentum encoder's features: in chunks too, and without a gradient."""
    seen: list[int] = []
    encoder = learner().requires_grad_(False)
    encoder.register_forward_hook(lambda m, inputs, output: seen.append(len(inputs[0])))
    h = GradientCache(encoder, 4)(pictures())
    assert not h.requires_grad and seen == [8, 8, 8]
    assert torch.allclose(h, GradientCache(encoder, 12)(pictures()))


def test_frozen_and_unused_weights_get_no_gradient() -> None:
    encoder = nn.Sequential(nn.Flatten(), nn.Linear(64, 3), nn.Linear(3, 3)).double()
    encoder[1].requires_grad_(False)
    encoder.register_parameter("unused", nn.Parameter(torch.ones(1)))
    GradientCache(encoder, 4)(pictures()).square().sum().backward()
    assert encoder[1].weight.grad is None and encoder.unused.grad is None
    assert encoder[2].weight.grad is not None


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode])
def test_measuring_is_the_same_in_chunks(mode: type) -> None:
    own = learner("batch").eval()
    with mode():
        whole, chunked = (GradientCache(own, size)(pictures()) for size in (12, 4))
    assert torch.allclose(whole, chunked, atol=TOLERANCE)


@final
class Pictures(Views):
    """Random float64 pictures, the same for a row in every epoch."""

    def take(self, rows: Tensor, epoch: int, count: int) -> Tensor:
        return pictures(count, 24)[:, rows]


def test_a_training_in_chunks_is_the_training_on_whole_batches() -> None:
    """Whatever advances by steps (the optimizer, a queue, a schedule) advances once a batch."""
    weights, calls = [], []
    for micro_batch in (12, 4):

        def objective(z: Tensor, labels: Tensor | None) -> Tensor:
            calls.append(z.shape[1])
            return nt_xent(z, labels, temperature=0.3)

        own = method(learner(), micro_batch)
        own = Siamese(own.encoder, own.head, objective, lambda n: 1.0, views=2)  # type: ignore[arg-type]
        make = registry.bind("optimizers", "sgd", {"weight_decay": 0.1, "momentum": 0.9})
        list(fit(own, rows(24), Pictures(), make, budget(batch_size=12), CPU))
        weights.append(own.state_dict())
    assert calls == [12] * 8
    whole, chunked = weights
    assert all(torch.allclose(whole[k], chunked[k], rtol=0, atol=TOLERANCE) for k in whole)


def test_chunks_are_encoded_again_in_the_same_arithmetic() -> None:
    dtypes = []
    encoder = learner().float()
    encoder.register_forward_hook(lambda module, given, out: dtypes.append(out.dtype))
    with torch.autocast("cpu", torch.bfloat16):
        h = GradientCache(encoder, 4)(pictures().float())
    h.float().square().sum().backward()
    assert dtypes == [torch.bfloat16] * 6
