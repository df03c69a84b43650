"""Stage baselines: raw inputs, PCA, a random encoder, and the same encoder trained with labels."""

from collections.abc import Mapping
from functools import partial
from pathlib import Path

import torch

from twinview.compute import devices, processes
from twinview.compute.gradient_cache import GradientCache
from twinview.core import paths, randomness
from twinview.core.types import Embeddings
from twinview.data import splits
from twinview.data.splits import Prepared
from twinview.evaluation import baselines
from twinview.heads.linear import linear
from twinview.learning import loop
from twinview.methods.cross_entropy import cross_entropy
from twinview.models import embeddings, encoder, extractors
from twinview.settings import left_out, params
from twinview.stages import stage
from twinview.stages.allowed_tasks import require_task
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
    """Embeds every split by each baseline; the supervised one only if baselines.supervised is set.

    Without labels the supervised one is left out. This is the first stage of the evaluation, so it
    refuses tasks of which none can be measured, before any training.
    """
    settings = params.load()
    options, pretrain = settings.baselines, settings.pretrain
    devices.set_threads(pretrain.threads)
    device = devices.choose_device(pretrain.device)
    prepared = splits.load(paths.PREPARED)
    unlabelled = splits.unlabelled(prepared.splits)
    require_task(unlabelled)
    excluded = left_out.baselines(options.supervised, unlabelled)
    description = encoder.Description.for_data(
        prepared, pretrain.encoder, settings.encoders[pretrain.encoder]
    )
    network = encoder.build(description, options.seed)

    with stage.show_elapsed("principal components"):
        raw = baselines.raw(prepared)
        embeddings.save(paths.BASELINES / "raw_pixels", raw)
        folder = paths.BASELINES / f"pca_{options.pca_components}"
        reduced, components = baselines.pca(raw, options.pca_components)
        embeddings.save(folder, reduced)
        extractors.save_components(folder, components)
    embed = partial(embeddings.embed, network, prepared, settings.embed, device)
    save_encoder(paths.BASELINES / "random_encoder", network, embed(stage.progress))
    if options.supervised and not excluded:
        train(settings, prepared, network, device)
        save_encoder(paths.BASELINES / "supervised", network, embed(stage.progress))
    for line in left_out.lines(excluded):
        print(f"baselines: {line}")


def save_encoder(
    folder: Path, network: encoder.Encoder, features: Mapping[str, Embeddings]
) -> None:
    """Writes the features of the splits, and the encoder, which the features of views need."""
    with stage.show_elapsed("save"):
        embeddings.save(folder, features)
        extractors.save_encoder(folder, network)


def train(
    settings: params.Params, prepared: Prepared, network: encoder.Encoder, device: torch.device
) -> None:
    """Trains the encoder with labels on the views of train, for as many epochs as pretraining.

    It has as many steps too, unless pretraining learns from labelled pairs.

    Parameters
    ----------
    settings : the settings of params.yaml.
    prepared : the splits.
    network : the encoder, which is trained in place.
    device : where the training computes.
    """
    options, pretrain = settings.baselines, settings.pretrain
    split = prepared.splits["train"]
    with randomness.torch_seeded(options.seed, "supervised"):
        head = linear(network.dim, dim=len(prepared.classes))
    micro_batch = processes.local_micro_batch(pretrain.batch_size, pretrain.micro_batch)
    method = cross_entropy(GradientCache(network, micro_batch), head)
    views = open_views(paths.VIEWS, split, prepared.modality)
    budget = loop.Budget(
        pretrain.epochs,
        pretrain.batch_size,
        loop.scale_learning_rate(
            options.learning_rate, pretrain.batch_size, pretrain.learning_rate_scaling
        ),
        pretrain.warmup_epochs,
        options.seed,
        pretrain.precision,
    )
    optimizer = settings.bound("optimizers", pretrain.optimizer)
    steps = loop.fit(method, split, views, optimizer, budget, device)
    for _ in stage.progress(steps, budget.steps(len(split)), "supervised"):
        pass


if __name__ == "__main__":
    stage.run(main)
