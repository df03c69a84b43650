"""Stage embed: the encoder's features of every split."""

from twinview import embeddings, encoder, engine, params, paths, splits, stage


def main() -> None:
    """Embeds with the saved encoder, at one fixed batch size."""
    settings = params.load()
    engine.use_threads(settings.pretrain.threads)
    device = engine.choose_device(settings.pretrain.device)
    prepared = splits.load(paths.PREPARED)
    learned = encoder.load(paths.ENCODER)
    features = embeddings.embed(learned, prepared, settings.embed, device, stage.progress)
    embeddings.save(paths.EMBEDDINGS, features)


if __name__ == "__main__":
    stage.run(main)
