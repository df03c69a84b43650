"""Stage pretrain: the chosen method trains the encoder on the views."""

import time

import torch

from twinview import artifacts, encoder, engine, loop, params, paths, seeds, splits, stage, tracking
from twinview.provenance import provenance
from twinview.tables import save_rows
from twinview.training import Watch
from twinview.view_cache import open_views, read_plan


def main() -> None:
    """Trains, watches for collapse, saves the encoder; MLflow gets live curves."""
    settings = params.load()
    own = settings.pretrain
    engine.use_threads(own.threads)
    device = engine.choose_device(own.device)
    prepared = splits.load(paths.PREPARED)
    train = prepared.splits["train"]
    views = open_views(paths.VIEWS, train, prepared.modality)

    options = settings.encoders[own.encoder]
    learner = encoder.build(encoder.Description.of(prepared, own.encoder, options), own.seed)
    with seeds.torch_seeded(own.seed, "method"):
        head = settings.bound("heads", own.head)(learner.dim)
        method = settings.bound("methods", own.method)(learner, head)
    budget = loop.Budget(own.epochs, own.batch_size, own.learning_rate, own.warmup_epochs, own.seed)
    watch = Watch(
        method,
        prepared.splits["validation"].take(torch.arange(own.monitored)),
        read_plan(paths.VIEWS).renderer(prepared.modality),
        budget.steps_per_epoch(len(train)),
        own.batch_size,
    )
    optimizer = settings.bound("optimizers", own.optimizer)
    steps = loop.fit(method, train, views, optimizer, budget, device)

    recorded = settings.chosen("pretrain", "methods", "encoders", "heads", "optimizers")
    with tracking.pretraining(recorded) as run:
        started = time.monotonic()
        for step in stage.progress(steps, budget.steps(len(train)), "pretrain"):
            if new := watch.see(step):
                pace = step.number * own.batch_size / (time.monotonic() - started)
                run.log(new | {"examples_per_second": pace}, step.number)
        seconds = time.monotonic() - started
        summary = watch.summary()
        encoder.save(paths.ENCODER, learner)
        artifacts.save_json(paths.PRETRAIN_METRICS, summary)
        save_rows(paths.PRETRAIN_STEPS, watch.steps)
        save_rows(paths.PRETRAIN_EPOCHS, watch.epochs)
        record = {
            "run_id": run.id,
            "verdict": watch.verdict(),
            "seconds": round(seconds, 1),
            "examples_per_second": round(budget.steps(len(train)) * own.batch_size / seconds),
            "device": str(device),
            **provenance(),
        }
        artifacts.save_json(paths.PRETRAIN_RUN, record)
        run.tag(verdict=watch.verdict())
    print(
        f"pretrain: {watch.verdict()}; loss {summary['loss']:.3f} (chance {watch.chance:.3f}), "
        f"{record['examples_per_second']:,} examples/s"
    )


if __name__ == "__main__":
    stage.run(main)
