"""Stage baselines: raw inputs, PCA, the encoder untrained, and the same trained with labels."""

import math
from collections.abc import Mapping
from functools import partial

import torch
from torch import Tensor

from twinview.compute import devices
from twinview.compute.gradient_cache import GradientCache
from twinview.core import paths, randomness
from twinview.core.types import Embeddings, labelled_rows
from twinview.data import splits
from twinview.data.splits import Prepared
from twinview.evaluation import baselines
from twinview.evaluation.whitening import Whitening
from twinview.heads.linear import linear
from twinview.learning import loop
from twinview.methods.cross_entropy import cross_entropy
from twinview.models import baseline_files, embeddings, encoder, reduction
from twinview.optimizers.adamw import adamw
from twinview.settings import left_out, params
from twinview.settings.start_files import require_tracked
from twinview.stages import stage
from twinview.stages.allowed_tasks import require_measurable
from twinview.stages.declared import Stage
from twinview.views.cache import open_views
from twinview.views.live import views_of

# Of the supervised training: the optimizer, and the share of the steps in which the rate rises.
# They are no settings of pretrain: experiments with pretraining share one supervised baseline.
OPTIMIZER, WARMUP = partial(adamw, weight_decay=0.0001), 0.1

STAGE = Stage(
    reads=(paths.PREPARED, paths.VIEWS, paths.WEIGHTS),
    settings=(
        "baselines",
        "embed",
        "encoders",
        "pretrain.encoder",
        "pretrain.micro_batch",
        "pretrain.device",
        "pretrain.precision",
        "pretrain.threads",
    ),
    plug_ins=("encoders", "augmentations", "modalities"),
    writes=(paths.BASELINES,),
)


def main() -> None:
    """Embeds every split by each baseline; the supervised one only if baselines.supervised is set.

    An encoder that starts from weights stands among them as these weights made it, and the
    supervised one starts from the same. Without labels the supervised one is left out. This is
    the first stage of the evaluation, so it refuses tasks of which none can be measured, before
    any training.
    """
    settings = params.load()
    require_tracked(settings.pretrain.encoder, settings.encoders[settings.pretrain.encoder])
    options, pretrain = settings.baselines, settings.pretrain
    devices.set_threads(pretrain.threads)
    device = devices.choose_device(pretrain.device)
    prepared = splits.load(paths.PREPARED)
    unlabelled = splits.unlabelled(prepared.splits)
    require_measurable(prepared.splits, prepared.classes)
    excluded = left_out.baselines(options.supervised, unlabelled)
    description = encoder.Description.for_data(
        prepared, pretrain.encoder, settings.encoders[pretrain.encoder]
    )
    untrained = description.without_start(prepared.statistics)
    network = encoder.build_for(prepared, untrained, options.seed)
    reduction.require_possible(
        settings.embed.components, network.dim, len(prepared.splits["train"])
    )

    with stage.show_elapsed("principal components"):
        fitted, words = baselines.fit_raw(prepared), baselines.words(prepared)
        raw = baselines.raw(prepared, fitted)
        reduced, mapping = baselines.pca(raw, options.pca_components)
    declared = prepared.declared_modality
    save(declared.raw, raw, fitted=fitted)
    if words is not None:
        embeddings.save(paths.BASELINES / declared.raw / baseline_files.WORDS, words)
    save(f"pca_{options.pca_components}", reduced, mapping=mapping, fitted=fitted)

    def embed(name: str, network: encoder.Encoder) -> None:
        features = embeddings.embed(network, prepared, settings.embed, device, stage.progress)
        reduced, mapping = reduction.reduce(features, settings.embed.components)
        save(name, reduced, network=network, mapping=mapping)

    embed("random_encoder", network)
    if description.has_start:
        network = encoder.build_for(prepared, description, options.seed)
        embed("pretrained_backbone", network)
    if options.supervised and not excluded:
        train(settings, prepared, network, device)
        embed("supervised", network)
    for line in left_out.lines(excluded):
        print(f"baselines: {line}")


def save(
    name: str,
    features: Mapping[str, Embeddings],
    *,
    network: encoder.Encoder | None = None,
    mapping: Whitening | None = None,
    fitted: Mapping[str, Tensor] | None = None,
) -> None:
    """Writes a baseline: the features of the splits, and what the features of views take.

    Parameters
    ----------
    name : of the baseline.
    features : of every split.
    network : the encoder that computed them; None: they are raw inputs.
    mapping : what reduced them; None: they are not reduced.
    fitted : what raw inputs were fitted to; None: to nothing.
    """
    folder = paths.BASELINES / name
    with stage.show_elapsed(f"save {name}"):
        embeddings.save(folder, features)
        baseline_files.save(folder, network, mapping, fitted or {})


def train(
    settings: params.Params, prepared: Prepared, network: encoder.Encoder, device: torch.device
) -> None:
    """Trains the encoder on the labelled train examples, one view of each at a time.

    Epochs, batch size and learning rate are those of `baselines`. With fewer labels than a batch
    has examples, each batch has all of them. The encoder takes at most `pretrain.micro_batch`
    examples at a time, since it is the same encoder in the same memory.

    Parameters
    ----------
    settings : the settings of params.yaml.
    prepared : the splits.
    network : the encoder, which is trained in place.
    device : where the training computes.
    """
    options, whole = settings.baselines, prepared.splits["train"]
    split = whole.labelled()
    with randomness.torch_seeded(options.seed, "supervised"):
        head = linear(network.dim, dim=len(prepared.classes))
    views = open_views(paths.VIEWS, whole, prepared.modality)
    if len(split) < len(whole):
        views = views_of(views, labelled_rows(whole.labels))
        print(f"baselines: supervised learns from {len(split):,} of {len(whole):,} train examples")
    batch_size = min(options.batch_size, len(split))
    micro_batch = even_part(batch_size, settings.pretrain.micro_batch)
    method = cross_entropy(GradientCache(network, micro_batch), head)
    budget = loop.Budget(
        options.epochs,
        batch_size,
        options.learning_rate,
        options.epochs * WARMUP,
        options.seed,
        settings.pretrain.precision,
    )
    steps = loop.fit(method, split, views, OPTIMIZER, budget, device)
    for _ in stage.progress(steps, budget.steps(len(split)), "supervised"):
        pass


def even_part(batch_size: int, most: int | None) -> int:
    """The size of the fewest parts of a batch that have at most so many examples; None: one part.

    The parts are as even as they can be: a last part of one example would stop batch norm.
    """
    parts = math.ceil(batch_size / (most or batch_size))
    return math.ceil(batch_size / parts)


if __name__ == "__main__":
    stage.run(main)
