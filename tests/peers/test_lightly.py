"""lightly 1.6 as a witness: the docstring of a test that differs says who is right, and why."""

import copy
from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

pytest.importorskip("lightly", reason="`make test-peers` installs it")

from lightly.loss import (
    BarlowTwinsLoss,
    DCLLoss,
    DINOLoss,
    NegativeCosineSimilarity,
    NTXentLoss,
    SwaVLoss,
    VICRegLoss,
)
from lightly.loss.hypersphere_loss import HypersphereLoss
from lightly.models.modules.heads import SwaVPrototypes
from lightly.models.modules.memory_bank import MemoryBankModule
from lightly.models.modules.nn_memory_bank import NNMemoryBankModule
from lightly.models.utils import update_momentum
from lightly.utils.benchmarking.knn import knn_predict
from lightly.utils.lars import LARS

from tests.methods.shared import made, networks
from tests.peers.shared import D, Loss, N, same
from tests.support.predicted import knn
from twinview.core.types import Embeddings, Projections
from twinview.learning.parts import Method, Momentum, Prototypes, Queue
from twinview.methods.dino import Dino
from twinview.methods.nnclr import Nnclr
from twinview.methods.swav import Swav
from twinview.objectives.alignment_uniformity import alignment_uniformity
from twinview.objectives.barlow_twins import barlow_twins
from twinview.objectives.dcl import dcl
from twinview.objectives.info_nce import info_nce
from twinview.objectives.nt_xent import nt_xent
from twinview.objectives.vicreg import vicreg
from twinview.optimizers.lars import lars


@pytest.mark.peers("objectives/nt_xent", "lightly NTXentLoss", "equal")
def test_nt_xent(z: Tensor, temperature: float) -> None:
    """SimCLR, eq. 1."""
    loss = NTXentLoss(temperature)
    assert same(lambda z: nt_xent(z, None, temperature=temperature), lambda z: loss(*z), z)


@pytest.mark.peers("objectives/dcl", "lightly DCLLoss", "equal")
def test_dcl(z: Tensor, temperature: float) -> None:
    """DCL, eq. 6: one logarithm over the other examples' embeddings of both views."""
    loss = DCLLoss(temperature)
    assert same(lambda z: dcl(z, None, temperature=temperature), lambda z: loss(*z), z)


@pytest.mark.peers("objectives/info_nce", "lightly NTXentLoss with a memory bank", "equal")
def test_info_nce_with_a_queue(z: Tensor, temperature: float) -> None:
    """MoCo, eq. 1. Both take the keys in after their logits."""
    queue = F.normalize(torch.randn(9, D, dtype=torch.float64), dim=1)
    loss = NTXentLoss(temperature, memory_bank_size=(9, D))
    loss.memory_bank.bank = queue.clone()
    assert same(lambda z: info_nce(z, None, queue, temperature=temperature), lambda z: loss(*z), z)
    assert not torch.equal(loss.memory_bank.bank, queue)


@pytest.mark.peers("parts.Queue", "lightly MemoryBankModule", "equal")
def test_a_queue_of_whole_batches() -> None:
    """The newest keys, in the same rows."""
    ours, theirs = _queues(8)
    assert torch.equal(ours, theirs)


@pytest.mark.peers("parts.Queue", "lightly MemoryBankModule, uneven", "differs")
def test_a_queue_that_batches_do_not_divide() -> None:
    """Of a batch that does not fit before the end of its memory lightly drops the rest, and starts
    over. Ours goes on at the beginning: MoCo's queue is first in, first out (its code refuses such
    sizes)."""
    ours, theirs = _queues(10)
    assert ours.flatten().tolist() == [10, 11, 12, 13, 14, 15, 6, 7, 8, 9]
    assert theirs.flatten().tolist() == [12, 13, 14, 15, 4, 5, 6, 7, 8, 9]


def _queues(size: int) -> tuple[Tensor, Tensor]:
    """The rows of both after four batches of four."""
    ours, theirs = Queue(size, (1,), start=0), MemoryBankModule((size, 1))
    for keys in torch.arange(16.0)[:, None].split(4):
        ours.offer(keys)
        ours.after_step(0.5)
        theirs(keys, update=True)
    return ours.rows, theirs.bank


@pytest.mark.peers("parts.Momentum", "lightly update_momentum", "differs")
def test_momentum() -> None:
    """Weights are equal. Buffers: lightly's slow batch norm has what it saw itself, ours has the
    fast one's. MoCo's and BYOL's equations speak of weights only; a slow copy used in evaluation
    mode needs running statistics that fit the weights, and ours are never older than a step."""
    fast = nn.ModuleList(networks())
    encoder, head = fast
    slow, theirs = (
        Momentum(encoder, head, decay=0.9, decay_schedule="constant"),
        copy.deepcopy(fast),
    )
    for _ in range(3):
        head(encoder(torch.randn(8, 6).double()))
        with torch.no_grad():
            for weight in fast.parameters():
                weight.add_(torch.randn_like(weight))
        slow.after_step(0.5)
        update_momentum(fast, theirs, m=0.9)
    ours = nn.ModuleList([slow.encoder, slow.head])
    assert all(map(torch.allclose, ours.parameters(), theirs.parameters()))
    assert all(map(torch.equal, ours.buffers(), fast.buffers()))
    assert not any(map(torch.equal, theirs.buffers(), fast.buffers()))


@pytest.mark.parametrize("weight", [0.005, 0.7])
@pytest.mark.peers("objectives/barlow_twins", "lightly BarlowTwinsLoss", "equal")
def test_barlow_twins(z: Tensor, weight: float) -> None:
    """Eq. 1, with the biased variance and batch norm's 1e-5."""
    loss = BarlowTwinsLoss(lambda_param=weight)
    assert same(lambda z: barlow_twins(z, None, off_diagonal=weight), lambda z: loss(*z), z)


@pytest.mark.parametrize("weights", [(25.0, 25.0, 1.0), (0.3, 2.0, 0.7)])
@pytest.mark.peers("objectives/vicreg", "lightly VICRegLoss", "equal")
def test_vicreg(z: Tensor, weights: tuple[float, float, float]) -> None:
    """Algorithm 1, with half of the variance term, as in the code of the paper's authors."""
    names = ("invariance_weight", "variance_weight", "covariance_weight")
    loss, ours = VICRegLoss(*weights), dict(zip(names, weights, strict=True))
    assert same(lambda z: vicreg(z, None, **ours), lambda z: loss(*z), z)


@pytest.mark.parametrize(("t", "weight", "alpha"), [(2.0, 1.0, 2.0), (3.0, 0.333, 1.0)])
@pytest.mark.peers("objectives/alignment_uniformity", "lightly HypersphereLoss", "equal")
def test_alignment_uniformity(z: Tensor, t: float, weight: float, alpha: float) -> None:
    """Section 4.1."""
    loss = HypersphereLoss(t, weight, alpha)
    by = {"power": alpha, "concentration": t, "uniformity_weight": weight}
    assert same(lambda z: alignment_uniformity(z, None, **by), lambda z: loss(*z), z)


def by_targets(method: Method, targets: Tensor) -> tuple[Loss, Loss]:
    """Our loss of predictions z for fixed targets, and lightly's as its examples sum it up."""
    loss = NegativeCosineSimilarity()

    def ours(z: Tensor) -> Tensor:
        return method.terms(Projections(z, None, targets))["loss"]

    def theirs(z: Tensor) -> Tensor:
        half: Tensor = (loss(z[0], targets[1]) + loss(z[1], targets[0])) / 2
        return half

    return ours, theirs


@pytest.mark.peers("methods/byol", "lightly NegativeCosineSimilarity", "differs")
def test_byol(z: Tensor) -> None:
    """Ours is eq. 2, 2 - 2 cosine, summed over both directions; lightly's is the negative cosine,
    of which its examples take half the sum. Ours is 4 + 4 times that: the same gradient but for
    its length, which SGD's rate has to know."""
    ours, theirs = by_targets(made("byol", decay=0.9, predictor_hidden=6), z.roll(1, dims=1))
    assert not same(ours, theirs, z)
    assert same(ours, lambda z: 4 + 4 * theirs(z), z)


@pytest.mark.parametrize("method", ["simsiam", "fast_siam"])
@pytest.mark.peers(
    "methods/simsiam, and fast_siam of two views", "lightly NegativeCosineSimilarity", "differs"
)
def test_simsiam(method: str, z: Tensor) -> None:
    """SimSiam, eq. 2: lightly's is the paper's, from -1 to 1; ours is 1 more, so that 0 is the best
    that can be. The gradient is the same."""
    views = {"views": 2} if method == "fast_siam" else {}
    ours, theirs = by_targets(made(method, predictor_hidden=6, **views), z.roll(1, dims=1))
    assert not same(ours, theirs, z)
    assert same(ours, lambda z: 1 + theirs(z), z)


def nnclr(temperature: float) -> tuple[Nnclr, NNMemoryBankModule]:
    """Our method and lightly's memory, with the same rows."""
    own, memory = (
        made("nnclr", temperature=temperature, queue=8, predictor_hidden=6),
        NNMemoryBankModule((8, D)),
    )
    assert isinstance(own, Nnclr)
    memory.bank = own.queue.rows.clone()
    return own, memory


@pytest.mark.peers("methods/nnclr, neighbours", "lightly NNMemoryBankModule", "equal")
def test_neighbours(z: Tensor) -> None:
    """NNCLR, eq. 4: both search before they take in the batch."""
    own, memory = nnclr(0.2)
    ours = own._nearest(F.normalize(z, dim=2))
    assert all(torch.equal(a, memory(b)) for a, b in zip(ours, z, strict=True))
    assert len(ours.flatten(0, 1).unique(dim=0)) > 2


@pytest.mark.peers("methods/nnclr", "lightly NTXentLoss of neighbours and predictions", "differs")
def test_nnclr(z: Tensor, temperature: float) -> None:
    """NNCLR, eq. 3: a neighbour finds its prediction among the predictions of the batch, which is
    ours. lightly's examples take SimCLR's loss of neighbours and predictions: there neighbours are
    negatives of each other too, and a prediction has to find its neighbour. That is the mean of our
    nt_xent of both directions."""
    own, memory = nnclr(temperature)
    targets, loss = z.roll(1, dims=1), NTXentLoss(temperature)
    neighbours = [memory(target) for target in targets]

    def theirs(z: Tensor) -> Tensor:
        half: Tensor = (loss(neighbours[0], z[1]) + loss(neighbours[1], z[0])) / 2
        return half

    def both_ways(z: Tensor) -> Tensor:
        pairs = [torch.stack(pair) for pair in zip(neighbours, z.flip(0), strict=True)]
        return sum(nt_xent(pair, None, temperature=temperature) for pair in pairs) / 2  # type: ignore[return-value]

    def ours(z: Tensor) -> Tensor:
        return own.terms(Projections(z, None, targets))["loss"]

    assert not same(ours, theirs, z)
    assert same(both_ways, theirs, z)


def swav(**changes: Any) -> Swav:
    usual = {
        "prototypes": 6,
        "temperature": 0.2,
        "epsilon": 0.1,
        "iterations": 3,
        "small_crops": None,
    }
    own = made("swav", **usual | {"frozen_until": 0.0, "queue": None, "queue_from": 0.0} | changes)
    assert isinstance(own, Swav)
    return own


def scores(method: Swav, z: Tensor) -> list[Tensor]:
    """Cosines with the prototypes, view by view."""
    return list(method.prototypes(F.normalize(z, dim=2)))


@pytest.mark.parametrize("queue", [None, 8])
@pytest.mark.peers("methods/swav", "lightly SwaVLoss", "equal")
def test_swav(z: Tensor, queue: int | None) -> None:
    """Algorithm 1, without a queue and with one."""
    loss = SwaVLoss(temperature=0.2, sinkhorn_iterations=3, sinkhorn_epsilon=0.1)
    method, earlier = swav(queue=queue), None
    if method.queue is not None:
        rows = F.normalize(torch.randn(8, 2, D).double(), dim=2)
        method.queue.offer(rows)
        method.queue.after_step(0.5)
        earlier = list(method.prototypes(rows.transpose(0, 1)))
    assert same(
        lambda z: method.terms(Projections(z, None))["loss"],
        lambda z: loss(scores(method, z), [], earlier).squeeze(),
        z,
    )


@pytest.mark.peers("methods/swav", "lightly SwaVLoss, small epsilon", "differs")
def test_swav_with_a_small_epsilon() -> None:
    """lightly's exponential of cosine / epsilon is infinite for a cosine of 1 where epsilon is
    below .0113 in float32, or .09 in float16, and what comes out is no number. Ours is the same
    iteration on logarithms."""
    method = swav(epsilon=0.01).float()
    z = F.normalize(method.prototypes.weight.detach(), dim=1)[None].repeat(2, 1, 1)
    loss = SwaVLoss(temperature=0.2, sinkhorn_iterations=3, sinkhorn_epsilon=0.01)
    assert not loss(scores(method, z), []).isfinite()
    exact = loss([view.double() for view in scores(method, z)], [])
    # Rounding of float32, a hundredfold by epsilon.
    assert torch.allclose(
        method.terms(Projections(z, None))["loss"].double(), exact.squeeze(), rtol=1e-4
    )


def dino() -> Dino:
    options = {"prototypes": 6, "temperature": 0.2, "teacher_temperature": 0.0625, "decay": 0.9}
    options |= {"centre_decay": 0.8, "frozen_until": 0.0, "small_crops": None}
    own = made("dino", **options)
    assert isinstance(own, Dino)
    return own


@pytest.mark.parametrize("small", [0, 3])
@pytest.mark.peers("methods/dino", "lightly DINOLoss", "equal")
def test_dino(z: Tensor, small: int) -> None:
    """Algorithm 1 and equation 3, of one step after another, so that the centre is used."""
    method, targets = dino(), z.roll(1, dims=1)
    crops = torch.randn(small, N, D).double()
    # lightly holds the temperature of the teacher in float32, which states a sixteenth exactly.
    loss = DINOLoss(6, 0.0625, 0.0625, student_temp=0.2, center_momentum=0.8).double()

    def theirs(z: Tensor) -> Tensor:
        unit = F.normalize(torch.cat([z, crops]), dim=2)
        taught = list(method.slow_prototypes(F.normalize(targets, dim=2)))
        found: Tensor = loss(taught, list(method.prototypes(unit)))
        return found

    def ours(z: Tensor) -> Tensor:
        return method.terms(Projections(torch.cat([z, crops]), None, targets))["loss"]

    for _ in range(3):
        assert torch.allclose(method.centre.value, loss.center.flatten())
        assert same(ours, theirs, z)
        method.centre.after_step(0.5)
    assert method.centre.value.abs().sum() > 0


@pytest.mark.peers("parts.Prototypes", "lightly SwaVPrototypes", "differs")
def test_prototypes() -> None:
    """lightly's add a bias, so that a score is no cosine; SwAV's have none. Less the bias they are
    equal."""
    ours, theirs = Prototypes(6, D, frozen_until=0.0), SwaVPrototypes(D, 6)
    unit, bias = F.normalize(torch.randn(N, D), dim=1), theirs.heads[0].bias
    theirs.heads[0].weight.data.copy_(ours.weight.data)
    assert not torch.allclose(ours(unit), theirs(unit), atol=1e-3)
    assert torch.allclose(ours(unit), theirs(unit) - bias, atol=1e-6)


def rows(n: int, seed: int) -> Embeddings:
    """Three classes that overlap."""
    random = torch.Generator().manual_seed(seed)
    labels = torch.randint(0, 3, (n,), generator=random)
    features = torch.eye(3, D)[labels] + 0.7 * torch.randn(n, D, generator=random)
    return Embeddings(features, labels, torch.arange(n))


def theirs_of(train: Embeddings, asked: Tensor, k: int, temperature: float) -> Tensor:
    bank = F.normalize(train.features, dim=1).T
    said: Tensor = knn_predict(
        F.normalize(asked, dim=1), bank, train.required_labels(), 3, knn_k=k, knn_t=temperature
    )
    return said[:, 0]


@pytest.mark.parametrize(("k", "temperature"), [(1, 0.1), (20, 0.07), (200, 1.0)])
@pytest.mark.peers("probes/knn", "lightly knn_predict", "equal")
def test_knn(k: int, temperature: float) -> None:
    """Wu et al., section 3.4. lightly's caller has to normalise the features; ours need not."""
    train, asked = rows(300, 0), rows(200, 1).features
    ours = knn(train, asked, neighbours=k, temperature=temperature, pca_components=0)
    assert torch.equal(ours, theirs_of(train, asked, k, temperature))


@pytest.mark.peers("probes/knn", "lightly knn_predict, low temperature", "differs")
def test_knn_at_a_low_temperature() -> None:
    """exp(cosine / temperature) is infinite in float32 for temperatures below .0113: classes are
    even at infinity, and lightly's answer is any of them. Ours takes the largest cosine off before,
    which leaves the ratios as they are: it says what lightly's says in float64."""
    train, asked = rows(300, 0), rows(200, 1).features
    ours = knn(train, asked, neighbours=20, temperature=0.005, pca_components=0)
    assert not torch.equal(ours, theirs_of(train, asked, 20, 0.005))
    exact = Embeddings(train.features.double(), train.labels, train.ids)
    assert torch.equal(ours, theirs_of(exact, asked.double(), 20, 0.005))


@pytest.mark.peers("probes/knn", "lightly knn_predict, fewer rows than neighbours", "differs")
def test_knn_with_fewer_rows_than_neighbours() -> None:
    """lightly fails; with ours all rows vote."""
    train, asked = rows(10, 0), rows(5, 1).features
    with pytest.raises(RuntimeError, match="k"):
        theirs_of(train, asked, 20, 0.1)
    ours = knn(train, asked, neighbours=20, temperature=0.1, pca_components=0)
    assert torch.equal(ours, theirs_of(train, asked, 10, 0.1))


GRADIENT = torch.randn(2, 3, generator=torch.Generator().manual_seed(0)).double()
MakeOptimizer = Callable[[nn.Parameter, float], torch.optim.Optimizer]


def our_lars(weight: nn.Parameter, decay: float) -> torch.optim.Optimizer:
    """A decay of 0 is that of the exempt, as in theirs."""
    lists = ([weight], []) if decay else ([], [weight])
    optimizer = lars(*lists, weight_decay=decay, momentum=0.9, trust=0.01)
    for group in optimizer.param_groups:
        group["lr"] = 0.5
    return optimizer


def their_lars(weight: nn.Parameter, decay: float) -> torch.optim.Optimizer:
    made: torch.optim.Optimizer = LARS(
        [weight], 0.5, 0.9, weight_decay=decay, trust_coefficient=0.01, eps=0.0
    )
    return made


def moved(make: MakeOptimizer, decay: float, gradient: Tensor, steps: int = 1) -> Tensor:
    """How far a weight of ones goes."""
    weight = nn.Parameter(torch.ones(2, 3).double())
    optimizer = make(weight, decay)
    for _ in range(steps):
        weight.grad = gradient.clone()
        optimizer.step()
    return 1 - weight.detach()


@pytest.mark.peers("optimizers/lars, biases and norm layers", "lightly LARS", "equal")
def test_lars_of_exempt_weights() -> None:
    """Plain momentum. lightly tells them by a weight decay of zero, so that a weight that does not
    decay cannot be rescaled; ours is told."""
    assert torch.allclose(moved(our_lars, 0, GRADIENT, 3), moved(their_lars, 0, GRADIENT, 3))


@pytest.mark.parametrize("decay", [1e-6, 0.1, 1.0])
@pytest.mark.peers("optimizers/lars, weights", "lightly LARS", "differs")
def test_lars_of_weights(decay: float) -> None:
    """lightly divides by |g| + decay |w|, as the paper's eq. 6 does, ours by |g + decay w|, as
    SimCLR's code does, which SimCLR's numbers are of. The direction is the same, the lengths are as
    the one to the other; at a decay of 1e-6 they agree to about as much."""
    ones = torch.ones(2, 3).double()
    ratio = (GRADIENT.norm() + decay * ones.norm()) / (GRADIENT + decay * ones).norm()
    ours, theirs = (moved(make, decay, GRADIENT) for make in (our_lars, their_lars))
    assert ratio > 1 and not torch.equal(ours, theirs)
    assert torch.allclose(ours, ratio * theirs)


@pytest.mark.peers("optimizers/lars, weights without a gradient", "lightly LARS", "differs")
def test_lars_without_a_gradient() -> None:
    """A gradient of zero: lightly's weight does not even decay. Ours does as every other."""
    zero = torch.zeros(2, 3).double()
    assert (moved(their_lars, 0.1, zero) == 0).all()
    assert torch.allclose(moved(our_lars, 0.1, zero), torch.tensor(0.5 * 0.01).double())
