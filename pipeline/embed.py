"""Stage embed: the encoder's features h of every split, and the projections z of its head."""

from twinview import embeddings, encoder, engine, head, params, paths, splits, stage


def main() -> None:
    """Embeds with the saved encoder, at one fixed batch size."""
    settings = params.load()
    engine.use_threads(settings.pretrain.threads)
    device = engine.choose_device(settings.pretrain.device)
    prepared = splits.load(paths.PREPARED)
    learned = encoder.load(paths.ENCODER)
    features = embeddings.embed(
        learned, prepared, settings.embed.batch_size, device, stage.progress
    )
    embeddings.save(paths.EMBEDDINGS, features)
    projections = embeddings.projected(head.load(paths.HEAD), features)
    embeddings.save(paths.PROJECTIONS, projections)


if __name__ == "__main__":
    stage.run(main)
