"""Stage embed: features h of every split from the encoder, and projections z from its head.

`torchrun --nproc-per-node 2 -m pipeline.embed` shares the batches among processes.
"""

from twinview.compute import devices, processes
from twinview.core import paths
from twinview.data import splits
from twinview.models import embeddings, encoder, head
from twinview.settings import params
from twinview.stages import launch, stage
from twinview.stages.declared import Stage

STAGE = Stage(
    reads=(paths.PREPARED, paths.ENCODER, paths.HEAD),
    settings=("embed", "pretrain.device", "pretrain.threads"),
    plug_ins=("encoders", "heads", "modalities"),
    writes=(paths.EMBEDDINGS, paths.PROJECTIONS),
)


def main() -> None:
    """Embeds with the saved encoder, at one fixed batch size."""
    settings = params.load()
    devices.set_threads(settings.pretrain.threads)
    device = devices.choose_device(settings.pretrain.device)
    prepared = splits.load(paths.PREPARED)
    network = encoder.load(paths.ENCODER)
    features = embeddings.embed(network, prepared, settings.embed, device, stage.progress)
    if processes.rank() == 0:
        with stage.show_elapsed("save"):
            embeddings.save(paths.EMBEDDINGS, features)
            projections = embeddings.project(head.load(paths.HEAD), features)
            embeddings.save(paths.PROJECTIONS, projections)


if __name__ == "__main__":
    launch.run(main)
