"""Stage baselines: raw inputs, PCA, a random encoder, and the same encoder trained with labels."""

from functools import partial

import torch

from twinview.compute import devices, processes
from twinview.compute.gradient_cache import GradientCache
from twinview.core import paths, randomness
from twinview.data import splits
from twinview.data.splits import Prepared
from twinview.evaluation import baselines
from twinview.heads.linear import linear
from twinview.learning import loop
from twinview.methods.cross_entropy import cross_entropy
from twinview.models import embeddings, encoder
from twinview.settings import params
from twinview.stages import stage
from twinview.stages.declared import Stage
from twinview.views.cache import open_views

STAGE = Stage(
    reads=(paths.PREPARED, paths.VIEWS),
    settings=(
        "baselines",
        "embed",
        "encoders",
        "optimizers",
        "pretrain.encoder",
        "pretrain.optimizer",
        "pretrain.epochs",
        "pretrain.batch_size",
        "pretrain.micro_batch",
        "pretrain.learning_rate_scaling",
        "pretrain.warmup_epochs",
        "pretrain.device",
        "pretrain.precision",
        "pretrain.threads",
    ),
    plug_ins=("encoders", "optimizers", "augmentations", "modalities"),
    writes=(paths.BASELINES,),
)


def main() -> None:
    """Embeds every split by each baseline; that with labels only where it is wanted.

    It is the first stage whose results evaluation alone reads, so unlabelled data are refused here,
    before anything is trained.
    """
    settings = params.load()
    own, shared = settings.baselines, settings.pretrain
    devices.set_threads(shared.threads)
    device = devices.choose_device(shared.device)
    prepared = splits.load(paths.PREPARED)
    splits.require_labels(prepared.splits)
    options = settings.encoders[shared.encoder]
    learner = encoder.build(
        encoder.Description.for_data(prepared, shared.encoder, options), own.seed
    )

    with stage.show_elapsed("principal components"):
        raw = baselines.raw(prepared)
        found = {
            "raw_pixels": raw,
            f"pca_{own.pca_components}": baselines.pca(raw, own.pca_components),
        }
    embed = partial(embeddings.embed, learner, prepared, settings.embed, device)
    found["random_encoder"] = embed(stage.progress)
    if own.supervised:
        train(settings, prepared, learner, device)
        found["supervised"] = embed(stage.progress)
    for contender, features in stage.progress(found.items(), len(found), "save"):
        embeddings.save(paths.BASELINES / contender, features)


def train(
    settings: params.Params, prepared: Prepared, learner: encoder.Encoder, device: torch.device
) -> None:
    """Trains the encoder with labels, for pretraining's epochs, on the same views of train.

    So for as many steps, unless pretraining learns from labelled pairs.
    """
    own, shared = settings.baselines, settings.pretrain
    split = prepared.splits["train"]
    with randomness.torch_seeded(own.seed, "supervised"):
        head = linear(learner.dim, dim=len(prepared.classes))
    micro_batch = processes.local_micro_batch(shared.batch_size, shared.micro_batch)
    method = cross_entropy(GradientCache(learner, micro_batch), head)
    views = open_views(paths.VIEWS, split, prepared.modality)
    budget = loop.Budget(
        shared.epochs,
        shared.batch_size,
        loop.scale_learning_rate(
            own.learning_rate, shared.batch_size, shared.learning_rate_scaling
        ),
        shared.warmup_epochs,
        own.seed,
        shared.precision,
    )
    optimizer = settings.bound("optimizers", shared.optimizer)
    steps = loop.fit(method, split, views, optimizer, budget, device)
    for _ in stage.progress(steps, budget.steps(len(split)), "supervised"):
        pass


if __name__ == "__main__":
    stage.run(main)
