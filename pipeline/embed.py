"""Stage embed: features h of every split from the encoder, and projections z from its head.

`torchrun --nproc-per-node 2 -m pipeline.embed` shares the batches among processes.
"""

from collections.abc import Mapping
from dataclasses import replace

from twinview.compute import devices, processes
from twinview.core import paths
from twinview.core.types import Embeddings
from twinview.data import splits
from twinview.models import embedder, embeddings, encoder, head, reduction, reference
from twinview.models.embedder import Embedder
from twinview.settings import params
from twinview.stages import launch, stage
from twinview.stages.declared import Stage

STAGE = Stage(
    reads=(paths.PREPARED, paths.ENCODER, paths.HEAD),
    settings=("embed", "pretrain.device", "pretrain.threads"),
    plug_ins=("encoders", "heads", "modalities"),
    writes=(paths.EMBEDDINGS, paths.PROJECTIONS, paths.EMBEDDER),
)


def main() -> None:
    """Embeds with the saved encoder, at one fixed batch size; writes how pictures are embedded."""
    settings = params.load()
    devices.set_threads(settings.pretrain.threads)
    device = devices.choose_device(settings.pretrain.device)
    prepared = splits.load(paths.PREPARED)
    network = encoder.load(paths.ENCODER)
    components, examples = settings.embed.components, len(prepared.splits["train"])
    reduction.require_possible(components, network.dim, examples)
    features = embeddings.embed(network, prepared, settings.embed, device, stage.progress)
    if processes.rank() == 0:
        save(Embedder(network.cpu(), settings.embed.mirror), features, components)


def save(plain: Embedder, features: Mapping[str, Embeddings], components: int | None) -> None:
    """Writes features, projections, and the embedder.

    Parameters
    ----------
    plain : the embedder that reduces nothing.
    features : its features of every split.
    components : embed.components.
    """
    with stage.show_elapsed("save"):
        reduced, mapping = reduction.reduce(features, components)
        embeddings.save(paths.EMBEDDINGS, reduced)
        embeddings.save(paths.PROJECTIONS, embeddings.project(head.load(paths.HEAD), features))
        near = reference.fit(reduced["train"].features, reduced["validation"].features)
        embedder.save(paths.EMBEDDER, replace(plain, reduction=mapping), near)
    if mapping is not None:
        kept = mapping.projection.shape[1]
        print(f"embed: {plain.encoder.dim} features are reduced to {kept}, in which train varies")


if __name__ == "__main__":
    launch.run(main)
