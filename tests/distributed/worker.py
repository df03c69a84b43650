"""Started by torchrun: computes every case alone, then together, and writes how far they differ.

Before it joins, a process is alone and has the whole batch; after, it has its own part of it.
"""

import json
import os
import sys
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, final

import torch
from torch import Tensor, nn

from tests.support.plugins import bound, options
from tests.support.small_convnet import SMALL_CONVNET
from twinview.compute import batch_norm, processes
from twinview.compute.gradient_cache import GradientCache
from twinview.core import registry
from twinview.core.types import Batch, Pairs, Projections, Split, Statistics
from twinview.data.splits import Prepared
from twinview.encoders.backbone import backbone
from twinview.encoders.convnet import convnet
from twinview.heads.linear import linear
from twinview.heads.nonlinear import nonlinear
from twinview.learning.loop import Budget, batches, fit
from twinview.learning.parts import Method
from twinview.methods.cross_entropy import cross_entropy
from twinview.methods.simclr import simclr
from twinview.models.embeddings import embed
from twinview.settings.sections import Embed, SmallCrops
from twinview.views.groups import group_views
from twinview.views.live import Views, pair_views

N = 24
WORLD = int(os.environ.get("WORLD_SIZE", "1"))
CPU = torch.device("cpu")


def pictures(n: int = N, views: int = 2) -> Tensor:
    """Views of n pictures, all different."""
    return torch.randn(views, n, 1, 8, 8, generator=torch.Generator().manual_seed(0)).double()


def batch(views: Tensor) -> Batch:
    """This process's part of the whole one."""
    rows = processes.local_rows(torch.arange(views.shape[1]))
    return Batch(views[:, rows], rows % 3, rows)


def learner(norm: str) -> nn.Module:
    torch.manual_seed(0)
    return convnet((1, 8, 8), **SMALL_CONVNET | {"norm": norm}).double()


def contrastive(norm: str, micro_batch: int) -> Method:
    encoder = learner(norm)
    head = nonlinear(24, depth=1, hidden=10, dim=5, norm="hidden").double()
    method = simclr(GradientCache(encoder, micro_batch), head, temperature=0.3, views=2)
    batch_norm.synchronise(method)
    return method


def advance(method: Method, views: Tensor) -> list[Tensor]:
    """Loss, gradients and running statistics of one step, without the step."""
    terms = method.terms(processes.gather_projections(method.project(batch(views))))
    terms["loss"].backward()
    processes.average_gradients(method.parameters())
    gradients = [p.grad for p in method.parameters() if p.grad is not None]
    return [terms["loss"].detach(), *gradients, *method.buffers()]


def a_step() -> list[Tensor]:
    return advance(contrastive("group", N), pictures())


def a_step_with_batch_norm() -> list[Tensor]:
    return advance(contrastive("batch", N), pictures())


def a_step_in_chunks() -> list[Tensor]:
    return advance(contrastive("group", 2), pictures())


def a_step_in_chunks_with_batch_norm() -> list[Tensor]:
    """The k-th chunks of all processes have their statistics together."""
    views, micro_batch = pictures(), 2
    if processes.world_size() == 1:
        parts = torch.arange(N).view(WORLD, -1, micro_batch)
        views, micro_batch = views[:, parts.transpose(0, 1).flatten()], micro_batch * WORLD
    return advance(contrastive("batch", micro_batch), views)


def a_step_with_labels() -> list[Tensor]:
    encoder = learner("batch")
    method = cross_entropy(GradientCache(encoder, N), nn.Linear(24, 3).double())
    batch_norm.synchronise(method)
    return advance(method, pictures()[:1])


def a_step_with_a_backbone() -> list[Tensor]:
    torch.manual_seed(0)
    encoder = backbone((1, 8, 8), library="torchvision", model="shufflenet_v2_x0_5", weights=None)
    encoder = encoder.double()
    method = simclr(
        GradientCache(encoder, N), linear(encoder.dim, dim=5).double(), temperature=0.3, views=2
    )
    batch_norm.synchronise(method)
    return advance(method, pictures())


@final
class Prototypes(Method):
    """Has weights on the far side of the exchange."""

    views = 2

    def __init__(self) -> None:
        super().__init__()
        self.encoder = GradientCache(learner("group"), N)
        self.prototypes = nn.Linear(24, 7).double()

    def project(self, batch: Batch) -> Projections:
        return Projections(self.encoder(batch.views), batch.labels)

    def terms(self, projections: Projections) -> dict[str, Tensor]:
        assert projections.labels is not None
        scores = self.prototypes(projections.z).log_softmax(dim=2)
        return {"loss": (scores[0] * scores[1].exp()).sum() * (1 + projections.labels[-1])}

    def chance(self, n: int) -> float:
        return 1.0


def a_step_with_weights_behind_the_exchange() -> list[Tensor]:
    return advance(Prototypes(), pictures())


@final
class Pictures(Views):
    def __init__(self, small: SmallCrops | None = None) -> None:
        if small is not None:
            crops = pictures(2 * N + 5, small.count)[..., : small.side, : small.side]
            self.small_crops = lambda rows, epoch: crops[:, rows]

    def take(self, rows: Tensor, epoch: int, count: int) -> Tensor:
        return pictures(2 * N + 5, count)[torch.arange(count)[:, None], rows]


ROWS = Split(torch.zeros(2 * N + 5, 1), torch.arange(2 * N + 5), torch.arange(2 * N + 5))
BUDGET = Budget(
    epochs=2, batch_size=N, learning_rate=0.1, warmup_epochs=0, seed=0, precision="float32"
)


def a_training() -> list[Tensor]:
    """Four steps: of the 53 examples, five are dropped in each epoch."""
    method = contrastive("batch", N)
    optimizer = registry.bind("optimizers", "sgd", {"weight_decay": 0.1, "momentum": 0.9})
    steps = fit(method, ROWS, Pictures(), optimizer, BUDGET, CPU)
    losses = torch.tensor([step.loss for step in steps])
    return [losses, *method.state_dict().values()]


def steps_of(make: Callable[..., Method], norm: str, micro_batch: int) -> list[Tensor]:
    """Two steps of any method."""
    encoder = GradientCache(learner(norm), micro_batch)
    return steps(make, encoder, replace(ROWS, labels=ROWS.ids % 3), Pictures)


def steps_with_labelled_pairs(objective: str) -> list[Tensor]:
    pairs = Pairs(ROWS.ids, ROWS.ids.flip(0), ROWS.ids % 3 == 0)
    by_pairs = partial(bound("methods", "siamese", objective), positives="pairs")
    encoder = GradientCache(learner("batch"), N)
    return steps(by_pairs, encoder, pairs.as_split(), lambda small: pair_views(Pictures(), pairs))


def steps(
    make: Callable[..., Method],
    encoder: nn.Module,
    split: Split,
    views: Callable[[SmallCrops | None], Views],
) -> list[Tensor]:
    """Losses and counts, the last gradients, and all state after one epoch."""
    method = make(encoder, nonlinear(24, depth=1, hidden=10, dim=5, norm="hidden")).double()
    batch_norm.synchronise(method)
    optimizer = registry.bind("optimizers", "sgd", {"weight_decay": 0.1, "momentum": 0.9})
    done = fit(method, split, views(method.small_crops), optimizer, replace(BUDGET, epochs=1), CPU)
    told = torch.tensor([[step.loss, *step.counts.values()] for step in done])
    gradients = [p.grad for p in method.parameters() if p.grad is not None]
    return [told, *gradients, *(value.double() for value in method.state_dict().values())]


def embedded() -> list[Tensor]:
    """Seven batches of one split, one of another: neither number divides."""
    rows = {"train": torch.arange(53), "validation": torch.arange(8)}
    splits = {name: Split(pictures(53)[0, own].float(), None, own) for name, own in rows.items()}
    prepared = Prepared(splits, ("a",), "image", Statistics((0.5,), (0.5,)))
    own = Embed(batch_size=8, mirror=True, components=None)
    found = embed(learner("batch").float(), prepared, own, CPU, lambda batches, *_: iter(batches))
    return [part.features for part in processes.broadcast(found).values()]


def the_order_of_examples() -> list[Tensor]:
    """Gathered, the batches are those of one process, in its order."""
    return batches_of(BUDGET)


def the_order_of_balanced_examples() -> list[Tensor]:
    return batches_of(replace(BUDGET, examples_per_class=8))


def the_order_and_the_views_of_groups() -> list[Tensor]:
    """Groups of two rows, of which every batch has one, with a view of each."""
    groups = ROWS.ids // 2
    views = group_views(Pictures(), groups, seed=0)
    return batches_of(replace(BUDGET, groups_apart=True), groups, views)


def batches_of(
    budget: Budget, groups: Tensor | None = None, views: Views | None = None
) -> list[Tensor]:
    split, found = replace(ROWS, labels=ROWS.ids % 5, groups=groups), []
    for own in batches(split, views or Pictures(), budget, 1, 2):
        everyones = processes.gather_projections(Projections(own.views.flatten(2), own.labels))
        assert everyones.labels is not None
        found += [everyones.z, everyones.labels]
    return found


def norms() -> list[Tensor]:
    """torch's own where one process has the whole batch; outputs, gradients and statistics."""
    found = []
    for norm, shape in (
        (nn.BatchNorm1d(5), (N, 5)),
        (nn.BatchNorm2d(5, momentum=0.3, eps=0.1), (N, 5, 3, 4)),
        (nn.BatchNorm1d(5, affine=False), (N, 5)),
    ):
        model = nn.Sequential(norm).double()
        batch_norm.synchronise(model)
        x = 3 + 2 * torch.randn(*shape, generator=torch.Generator().manual_seed(0)).double()
        x.requires_grad_()
        for _ in range(2):
            y = model(processes.local_rows(x))
            weight = processes.local_rows(torch.arange(x.numel()).view(shape).sin())
            # The loss of the whole, on every process, as gather and terms make it.
            processes.all_reduce((y * weight).sum()).backward()
        assert x.grad is not None
        found += [processes.all_reduce(x.grad) / processes.world_size(), *model.buffers()]
        if weights := list(model.parameters()):
            processes.average_gradients(weights)
            found += [weight.grad for weight in weights if weight.grad is not None]
        found.append(model.eval()(x.detach()))
    return found


def a_step_with_dropout() -> list[Tensor]:
    """Each process draws for its own examples."""
    head = nn.Sequential(nn.Dropout(), nn.Linear(24, 5)).double()
    return advance(
        simclr(GradientCache(learner("group"), N), head, temperature=0.3, views=2), pictures()
    )


def a_step_in_as_small_chunks_with_batch_norm() -> list[Tensor]:
    """micro_batch counts a process's own examples: a chunk's statistics are of as many more."""
    return advance(contrastive("batch", 2), pictures())


def a_step_in_float32() -> list[Tensor]:
    """Sums in another order."""
    return advance(contrastive("batch", N).float(), pictures().float())


def methods() -> dict[str, Any]:
    """Every method; siamese by every objective; of four views; MoCo as other versions have it."""
    made = {name: bound("methods", name) for name in registry.names("methods")}
    for name in registry.names("objectives"):
        made[f"siamese_by_{name}"] = bound("methods", "siamese", name)
    classes = bound("methods", "siamese", "triplet")
    made["siamese_by_classes"] = partial(classes, positives="classes")
    for name in ("simclr", "sup_con"):
        made[f"{name}_of_four_views"] = partial(bound("methods", name), views=4)
    even = bound("methods", "siamese", "alignment_uniformity")
    made["siamese_by_alignment_uniformity_of_four_views"] = partial(even, views=4)
    labelled = {"alpha": 0.2, "beta": 1.2, "classes": 3, "positives": "classes"}
    made["margin_with_labels"] = registry.bind("methods", "margin", labelled)
    moco, changes = options("methods", "moco"), {"symmetric": True, "predictor_hidden": 6}
    made["moco_symmetric"] = registry.bind("methods", "moco", {**moco, **changes})
    whole = {**moco, **changes, "queue": None, "batch_norm_group": None}
    made["moco_without_queue_and_groups"] = registry.bind("methods", "moco", whole)
    return made


# docs/decisions/0007-several-processes.md says why; test_processes.py holds it to this list.
EXCEPTIONS: dict[str, Callable[[], list[Tensor]]] = {
    case.__name__: case
    for case in (
        a_step_with_dropout,
        a_step_in_as_small_chunks_with_batch_norm,
        a_step_in_float32,
    )
}
CASES: dict[str, Callable[[], list[Tensor]]] = {
    case.__name__: case
    for case in (
        a_step,
        a_step_with_batch_norm,
        a_step_in_chunks,
        a_step_in_chunks_with_batch_norm,
        a_step_with_labels,
        a_step_with_a_backbone,
        a_step_with_weights_behind_the_exchange,
        a_training,
        the_order_of_examples,
        the_order_of_balanced_examples,
        the_order_and_the_views_of_groups,
        norms,
        embedded,
    )
}
for name in ("contrastive", "nt_logistic"):
    CASES[f"steps_with_labelled_pairs_by_{name}"] = partial(steps_with_labelled_pairs, name)
for name, make in methods().items():
    CASES[f"steps_of_{name}"] = partial(steps_of, make, "batch", N)
    CASES[f"steps_of_{name}_in_chunks"] = partial(steps_of, make, "group", 2)


def difference(alone: list[Tensor], together: list[Tensor]) -> float:
    """The greatest; infinite when the shapes differ."""
    if [t.shape for t in alone] != [t.shape for t in together]:
        return float("inf")
    return max((a - b).abs().max().item() for a, b in zip(alone, together, strict=True))


def main() -> None:
    torch.set_num_threads(1)
    cases = CASES | EXCEPTIONS
    alone = {name: case() for name, case in cases.items()}
    with processes.process_group():
        assert processes.world_size() == WORLD
        found = {name: difference(alone[name], case()) for name, case in cases.items()}
        path = Path(sys.argv[1]) / f"{processes.rank()}.json"
    path.write_text(json.dumps(found))


if __name__ == "__main__":
    main()
