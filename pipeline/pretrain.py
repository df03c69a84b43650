"""Stage pretrain: the chosen method trains the encoder on the views.

`torchrun --nproc-per-node 2 -m pipeline.pretrain` shares each batch among processes.
"""

import collections
import time

import torch

from twinview import (
    artifacts,
    batch_norm,
    encoder,
    engine,
    loop,
    params,
    paths,
    seeds,
    splits,
    stage,
    tracking,
)
from twinview.gradient_cache import GradientCache
from twinview.parts import Method
from twinview.provenance import provenance
from twinview.splits import Prepared
from twinview.tables import save_rows
from twinview.training import Watch
from twinview.view_cache import open_views, read_plan


@engine.joined()
def main() -> None:
    """Trains, watches for collapse, saves the encoder; MLflow gets live curves."""
    settings = params.load()
    own = settings.pretrain
    engine.use_threads(own.threads)
    device = engine.choose_device(own.device)
    prepared = splits.load(paths.PREPARED)
    train = prepared.splits["train"]
    views = open_views(paths.VIEWS, train, prepared.modality)
    learner, method = build(settings, prepared)
    budget = loop.Budget(own.epochs, own.batch_size, own.learning_rate, own.warmup_epochs, own.seed)
    optimizer = settings.bound("optimizers", own.optimizer)
    steps = loop.fit(method, train, views, optimizer, budget, device)
    if engine.rank() > 0:
        collections.deque(steps, maxlen=0)
        return
    watch = watched(method, prepared, budget, own.monitored)

    recorded = settings.chosen("pretrain", "methods", "encoders", "heads", "optimizers")
    with tracking.pretraining(recorded) as run:
        started = time.monotonic()
        for step in stage.progress(steps, budget.steps(len(train)), "pretrain"):
            if new := watch.see(step):
                pace = step.number * own.batch_size / (time.monotonic() - started)
                run.log(new | {"examples_per_second": pace}, step.number)
        seconds = time.monotonic() - started
        encoder.save(paths.ENCODER, learner)
        save_curves(watch)
        pace = budget.steps(len(train)) * own.batch_size / seconds
        save_record(run.id, watch, device, seconds, pace)
        run.tag(verdict=watch.verdict())
    loss = watch.epochs[-1]["loss"]
    print(
        f"pretrain: {watch.verdict()}; loss {loss:.3f} (chance {watch.chance:.3f}), "
        f"{pace:,.0f} examples/s"
    )


def build(settings: params.Params, prepared: Prepared) -> tuple[encoder.Encoder, Method]:
    """The encoder with its first weights, and the method around it."""
    own = settings.pretrain
    options = settings.encoders[own.encoder]
    learner = encoder.build(encoder.Description.of(prepared, own.encoder, options), own.seed)
    with seeds.torch_seeded(own.seed, "method"):
        head = settings.bound("heads", own.head)(learner.dim)
        views = GradientCache(learner, engine.own_micro_batch(own.batch_size, own.micro_batch))
        method = settings.bound("methods", own.method)(views, head)
    batch_norm.synchronise(method)
    return learner, method


def watched(method: Method, prepared: Prepared, budget: loop.Budget, examples: int) -> Watch:
    """A watch over the training, on validation examples and by the same augmentations."""
    validation = prepared.splits["validation"].take(torch.arange(examples))
    render = read_plan(paths.VIEWS).renderer(prepared.modality)
    per_epoch = budget.steps_per_epoch(len(prepared.splits["train"]))
    return Watch(method, validation, render, per_epoch, budget.batch_size)


def save_curves(watch: Watch) -> None:
    """What is tracked, and depends on settings and seeds only."""
    artifacts.save_json(paths.PRETRAIN_METRICS, watch.summary())
    save_rows(paths.PRETRAIN_STEPS, watch.steps)
    save_rows(paths.PRETRAIN_EPOCHS, watch.epochs)


def save_record(
    run_id: str, watch: Watch, device: torch.device, seconds: float, pace: float
) -> None:
    """What differs from run to run: kept apart, so that equal trainings give equal files."""
    record = {
        "run_id": run_id,
        "verdict": watch.verdict(),
        "seconds": round(seconds, 1),
        "examples_per_second": round(pace),
        "device": str(device),
        **provenance(),
    }
    artifacts.save_json(paths.PRETRAIN_RUN, record)


if __name__ == "__main__":
    stage.run(main)
