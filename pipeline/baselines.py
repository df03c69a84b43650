"""Stage baselines: raw inputs, PCA, a random encoder, and the same encoder trained with labels."""

from twinview import (
    contenders,
    embeddings,
    encoder,
    engine,
    loop,
    params,
    paths,
    seeds,
    splits,
    stage,
)
from twinview.gradient_cache import GradientCache
from twinview.heads.linear import linear
from twinview.methods.cross_entropy import cross_entropy
from twinview.view_cache import open_views


def main() -> None:
    """Embeds every split by each baseline."""
    settings = params.load()
    own, shared = settings.baselines, settings.pretrain
    engine.use_threads(shared.threads)
    device = engine.choose_device(shared.device)
    prepared = splits.load(paths.PREPARED)
    train, size = prepared.splits["train"], settings.embed.batch_size

    options = settings.encoders[shared.encoder]
    learner = encoder.build(encoder.Description.of(prepared, shared.encoder, options), own.seed)
    raw = contenders.raw(prepared)
    embeddings.save(paths.BASELINES / "raw_pixels", raw)
    embeddings.save(paths.BASELINES / f"pca_{own.components}", contenders.pca(raw, own.components))
    untrained = embeddings.embed(learner, prepared, size, device, stage.progress)
    embeddings.save(paths.BASELINES / "random_encoder", untrained)

    with seeds.torch_seeded(own.seed, "supervised"):
        head = linear(learner.dim, out=len(prepared.classes))
    micro_batch = engine.own_micro_batch(shared.batch_size, shared.micro_batch)
    method = cross_entropy(GradientCache(learner, micro_batch), head)
    views = open_views(paths.VIEWS, train, prepared.modality)
    budget = loop.Budget(
        shared.epochs,
        shared.batch_size,
        loop.scaled(own.learning_rate, shared.batch_size, shared.learning_rate_scaling),
        shared.warmup_epochs,
        own.seed,
        shared.precision,
    )
    optimizer = settings.bound("optimizers", shared.optimizer)
    steps = loop.fit(method, train, views, optimizer, budget, device)
    for _ in stage.progress(steps, budget.steps(len(train)), "supervised"):
        pass
    trained = embeddings.embed(learner, prepared, size, device, stage.progress)
    embeddings.save(paths.BASELINES / "supervised", trained)


if __name__ == "__main__":
    stage.run(main)
