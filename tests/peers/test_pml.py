"""pytorch-metric-learning (PML) 2.9 as a witness: where it differs, who is right, and why."""

from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn.functional import normalize

pytest.importorskip("pytorch_metric_learning", reason="`make test-peers` installs it")

from pytorch_metric_learning import distances, losses, miners, reducers, regularizers

from tests.methods.shared import made
from tests.objectives.shared import LABELS, embeddings
from tests.peers.shared import N, joined, names, same
from twinview.core.types import Projections
from twinview.objectives.contrastive import contrastive
from twinview.objectives.info_nce import info_nce
from twinview.objectives.n_pair import n_pair
from twinview.objectives.nt_xent import nt_xent
from twinview.objectives.sup_con import sup_con
from twinview.objectives.triplet import triplet

EUCLIDEAN = distances.LpDistance(normalize_embeddings=False)
PRODUCTS = distances.DotProductSimilarity(normalize_embeddings=False)
DISTANCES = {"euclidean": EUCLIDEAN, "cosine": distances.CosineSimilarity()}
MEAN, EACH = reducers.MeanReducer(), reducers.DoNothingReducer()
MARGIN = 0.3


@pytest.mark.peers("objectives/nt_xent", "PML NTXentLoss", "equal")
def test_nt_xent(z: Tensor, temperature: float) -> None:
    """SimCLR, eq. 1: with two views an anchor has one positive, and all others are negatives."""
    loss = losses.SelfSupervisedLoss(losses.NTXentLoss(temperature))
    assert same(lambda z: nt_xent(z, None, temperature=temperature), lambda z: loss(*z), z)


@pytest.mark.peers("objectives/info_nce", "PML NTXentLoss of anchors and references", "equal")
def test_info_nce_without_a_queue(z: Tensor, temperature: float) -> None:
    """CPC, eq. 4: the other keys are the negatives."""
    loss = losses.SelfSupervisedLoss(losses.NTXentLoss(temperature), symmetric=False)
    assert same(lambda z: info_nce(z, None, None, temperature=temperature), lambda z: loss(*z), z)


@pytest.mark.peers("objectives/sup_con", "PML SupConLoss", "equal")
def test_sup_con(z: Tensor, temperature: float) -> None:
    """SupCon, eq. 2 (L_out), where every anchor has a positive."""
    loss = losses.SupConLoss(temperature)
    assert same(
        lambda z: sup_con(z, LABELS, temperature=temperature),
        lambda z: loss(joined(z), names(2)),
        z,
    )


@pytest.mark.peers("objectives/sup_con", "PML SupConLoss, anchors without positives", "differs")
def test_sup_con_of_anchors_without_positives(z: Tensor) -> None:
    """Such an anchor costs zero in both. PML's mean leaves it out, ours counts it: eq. 2 is a sum
    over all anchors, and ours is that sum over their number, so that what an example weighs does
    not depend on how many others have a partner. Ours is PML's times the share of anchors that have
    one, and PML's with its MeanReducer."""
    loss, mean = losses.SupConLoss(0.2), losses.SupConLoss(0.2, reducer=MEAN)
    share = ((LABELS[:, None] == LABELS).sum(1) > 1).double().mean()

    def ours(z: Tensor) -> Tensor:
        return sup_con(z, LABELS, temperature=0.2)

    one_view = z[:1]
    assert not same(ours, lambda z: loss(z[0], LABELS), one_view)
    assert same(ours, lambda z: share * loss(z[0], LABELS), one_view)
    assert same(ours, lambda z: mean(z[0], LABELS), one_view)


def our_triplet(z: Tensor, mining: Any, distance: Any) -> Tensor:
    return triplet(z, LABELS, margin=MARGIN, distance=distance, mining=mining)


@pytest.mark.parametrize("distance", DISTANCES)
@pytest.mark.peers("objectives/triplet, all", "PML TripletMarginLoss, MeanReducer", "equal")
def test_all_triplets(z: Tensor, distance: str) -> None:
    """Hermans et al., L_BA. PML's cosine similarity, turned round, is our cosine distance."""
    loss = losses.TripletMarginLoss(MARGIN, distance=DISTANCES[distance], reducer=MEAN)
    assert same(lambda z: our_triplet(z, "all", distance), lambda z: loss(joined(z), names(2)), z)


@pytest.mark.peers("objectives/triplet, all", "PML TripletMarginLoss", "differs")
def test_all_triplets_by_the_default_mean(z: Tensor) -> None:
    """PML's mean is by default that of the triplets that cost something (Hermans et al., L_BA with
    != 0), ours that of all (L_BA). Both are the paper's; PML's is ours over the share of those."""
    loss = losses.TripletMarginLoss(MARGIN, distance=EUCLIDEAN)
    each = losses.TripletMarginLoss(MARGIN, distance=EUCLIDEAN, reducer=EACH)
    costs = each(joined(z), names(2))["loss"]["losses"]
    share = (costs > 0).double().mean()

    def ours(z: Tensor) -> Tensor:
        return our_triplet(z, "all", "euclidean")

    assert not same(ours, lambda z: loss(joined(z), names(2)), z)
    assert same(ours, lambda z: share * loss(joined(z), names(2)), z)


@pytest.mark.parametrize("distance", DISTANCES)
@pytest.mark.peers(
    "objectives/triplet, hard", "PML TripletMarginLoss, BatchHardMiner, MeanReducer", "equal"
)
def test_hard_triplets(z: Tensor, distance: str) -> None:
    """Hermans et al., eq. 5."""
    loss = losses.TripletMarginLoss(MARGIN, distance=DISTANCES[distance], reducer=MEAN)
    mined = miners.BatchHardMiner(distance=DISTANCES[distance])(joined(z), names(2))
    assert same(
        lambda z: our_triplet(z, "hard", distance), lambda z: loss(joined(z), names(2), mined), z
    )


@pytest.mark.parametrize("distance", DISTANCES)
@pytest.mark.peers(
    "objectives/triplet, semi_hard", "PML TripletMarginLoss, TripletMarginMiner", "differs"
)
def test_semi_hard_triplets(z: Tensor, distance: str) -> None:
    """PML averages over all semi-hard triplets, ours over the nearest semi-hard negative of each
    positive pair. FaceNet, 3.2, wants a negative for each positive pair that is semi-hard, and
    leaves open which; the nearest is the choice of TensorFlow's loss. Equal on the nearest ones of
    PML's triplets."""
    kind = DISTANCES[distance]
    loss = losses.TripletMarginLoss(MARGIN, distance=kind, reducer=MEAN)
    mined = miners.TripletMarginMiner(MARGIN, "semihard", distance=kind)(joined(z), names(2))
    apart = kind(joined(z)) * (-1 if kind.is_inverted else 1)
    # Of triplets of the same pair the dictionary keeps the last: the nearest negative's.
    order = apart[mined[0], mined[2]].argsort(descending=True).tolist()
    kept = list({(mined[0][i].item(), mined[1][i].item()): i for i in order}.values())
    nearest = tuple(part[kept] for part in mined)

    def ours(z: Tensor) -> Tensor:
        return our_triplet(z, "semi_hard", distance)

    assert len(kept) < len(order)
    assert not same(ours, lambda z: loss(joined(z), names(2), mined), z)
    assert same(ours, lambda z: loss(joined(z), names(2), nearest), z)


@pytest.mark.parametrize(
    ("distance", "margin", "theirs"), [("euclidean", 3.0, (0, 3.0)), ("cosine", 0.8, (1, 0.2))]
)
@pytest.mark.peers("objectives/contrastive", "PML ContrastiveLoss", "differs")
def test_contrastive(z: Tensor, distance: Any, margin: float, theirs: tuple[float, float]) -> None:
    """Hadsell et al., eq. 4: half the square of the distance, and of what lacks to the margin.
    That is ours. PML's has no square and no half, so it pulls a near pair as hard as a far one, and
    its means are of the pairs that cost something. From the costs of its pairs, squared, halved
    and averaged over all, ours comes out. Cosines: PML's margins are of similarities, ours of
    what these lack to 1."""
    loss = losses.ContrastiveLoss(*theirs, distance=DISTANCES[distance])
    each = losses.ContrastiveLoss(*theirs, distance=DISTANCES[distance], reducer=EACH)

    def ours(z: Tensor) -> Tensor:
        return contrastive(z, LABELS, margin=margin, distance=distance)

    def by_the_paper(z: Tensor) -> Tensor:
        costs = each(joined(z), names(2))
        close, far = (costs[kind]["losses"] for kind in ("pos_loss", "neg_loss"))
        half: Tensor = (close.square().mean() + far.square().mean()) / 2
        return half

    assert not same(ours, lambda z: loss(joined(z), names(2)), z)
    assert same(ours, by_the_paper, z)


@pytest.mark.parametrize("weight", [0.0, 0.01])
@pytest.mark.peers("objectives/n_pair", "PML NPairsLoss of products", "equal")
def test_n_pair(z: Tensor, weight: float) -> None:
    """Sohn, eq. 6, with one pair a class; the mean squared length is PML's LpRegularizer."""
    squared = regularizers.LpRegularizer(power=2)
    loss = losses.NPairsLoss(
        distance=PRODUCTS, embedding_regularizer=squared, embedding_reg_weight=weight
    )
    labels = torch.arange(N).repeat(2)
    assert same(
        lambda z: n_pair(z, None, length_weight=weight), lambda z: loss(joined(z), labels), z
    )


@pytest.mark.peers("objectives/n_pair", "PML NPairsLoss", "differs")
def test_n_pair_by_the_default_distance(z: Tensor) -> None:
    """PML's dot product is by default that of unit vectors, though it has no temperature: its loss
    then stays above log(1 + (n - 1) exp(-2)). Sohn's products are of embeddings as they are, whose
    lengths a penalty keeps small: ours. On unit vectors they are equal."""
    loss, labels = losses.NPairsLoss(), torch.arange(N).repeat(2)

    def ours(z: Tensor) -> Tensor:
        return n_pair(z, None, length_weight=0.0)

    assert not same(ours, lambda z: loss(joined(z), labels), z)
    assert same(lambda z: ours(normalize(z, dim=2)), lambda z: loss(joined(z), labels), z)


@pytest.mark.peers("objectives/n_pair", "PML NPairsLoss, several pairs a class", "differs")
def test_n_pair_of_several_pairs_a_class(z: Tensor) -> None:
    """PML keeps one pair of each class and drops the others without a word; Sohn's batches have no
    others. Ours takes them as further positives, and never as negatives. On the pairs that PML
    keeps they are equal."""
    loss, labels = losses.NPairsLoss(distance=PRODUCTS), names(2)
    anchors = [labels.tolist().index(name) for name in labels.unique().tolist()]
    alike = (labels[:, None] == labels).fill_diagonal_(False)
    positives = [int(alike[anchor].nonzero()[0]) for anchor in anchors]

    def on_kept(z: Tensor) -> Tensor:
        kept = torch.stack([joined(z)[anchors], joined(z)[positives]])
        return n_pair(kept, None, length_weight=0.0)

    def ours(z: Tensor) -> Tensor:
        return n_pair(z, LABELS, length_weight=0.0)

    assert not same(ours, lambda z: loss(joined(z), labels), z)
    assert same(on_kept, lambda z: loss(joined(z), labels), z)


def margin_loss(z: Tensor) -> Tensor:
    own = made("margin", alpha=0.2, beta=1.2, classes=None, positives="views")
    loss: Tensor = own.terms(Projections(z, None))["loss"]
    return loss


def one_negative_each(beta: Tensor) -> tuple[Tensor, tuple[Tensor, Tensor, Tensor]]:
    """Two examples, (2, 2, 5), and their triplets; of each anchor one negative costs something.

    beta: (2,), each example's boundary.
    """
    labels = torch.arange(2).repeat(2)
    for z in (embeddings(2, 5, seed) for seed in range(100)):
        apart = torch.cdist(*[normalize(joined(z), dim=1)] * 2)
        costly = (apart < beta[labels, None] + 0.2) & (labels[:, None] != labels)
        if (costly.sum(1) == 1).all():
            anchors, negatives = costly.nonzero(as_tuple=True)
            return z, (anchors, anchors.roll(2), negatives)
    raise AssertionError("no such batch")


@pytest.mark.peers("methods/margin", "PML MarginLoss", "differs")
def test_margin(z: Tensor) -> None:
    """PML averages over all triplets, or over those that a miner draws at random; ours is the
    expectation over the draws of Wu et al., section 4.1, which has no noise. Where each anchor has
    one negative to draw, PML's loss on these triplets is ours."""
    loss, labels = losses.MarginLoss(margin=0.2, beta=1.2), torch.arange(N).repeat(2)
    assert not same(margin_loss, lambda z: loss(joined(z), labels), z)
    small, drawn = one_negative_each(torch.tensor([1.2, 1.2]))
    assert same(margin_loss, lambda z: loss(joined(z), names(2, torch.arange(2)), drawn), small)


@pytest.mark.peers("methods/margin, a boundary for each class", "PML MarginLoss", "equal")
def test_margin_of_classes() -> None:
    """Section 4.2, on given triplets: an anchor's class says which boundary, and that learns."""
    beta, classes = torch.tensor([1.2, 0.9]).double(), torch.arange(2)
    own = made("margin", alpha=0.2, beta=1.0, classes=2, positives="classes")
    loss = losses.MarginLoss(margin=0.2, beta=1.0, num_classes=2, learn_beta=True)
    own.beta.data, loss.beta.data = beta.clone(), beta.clone()
    small, drawn = one_negative_each(beta)

    def ours(z: Tensor) -> Tensor:
        return own.terms(Projections(z, classes))["loss"]

    def theirs(z: Tensor) -> Tensor:
        found: Tensor = loss(joined(z), names(2, classes), drawn)
        return found

    assert same(ours, theirs, small)
    by_beta = torch.autograd.grad(ours(small) + theirs(small), [own.beta, loss.beta])
    assert torch.allclose(*by_beta) and by_beta[0].unique().numel() == 2
