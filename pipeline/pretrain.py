"""Stage pretrain: the chosen method trains the encoder on the views.

`torchrun --nproc-per-node 2 -m pipeline.pretrain` shares each batch among processes.
"""

from collections.abc import Mapping
from functools import partial
from typing import Any

import torch

from twinview.compute import batch_norm, engine
from twinview.compute.gradient_cache import GradientCache
from twinview.core import files, paths, randomness
from twinview.core.csv_files import save_rows
from twinview.core.errors import DataError
from twinview.core.types import Split
from twinview.data import splits
from twinview.data.splits import Prepared
from twinview.experiments.provenance import provenance
from twinview.learning import checkpoints, loop
from twinview.learning.parts import Method
from twinview.learning.watch import Session, Watch, follow
from twinview.models import encoder, head
from twinview.settings import params
from twinview.settings.sections import Pretrain
from twinview.stages import launch, stage
from twinview.tracking import mlflow_runs, run_names
from twinview.views.cache import INDEX, open_views, read_plan
from twinview.views.plan import LiveViews, PairViews, Views

RECORDED = ("pretrain", "methods", "objectives", "encoders", "heads", "optimizers")


def main() -> None:
    """Trains, watches for collapse, saves the encoder; goes on where a killed run left off."""
    settings = params.load()
    own = settings.pretrain
    engine.use_threads(own.threads)
    device = engine.choose_device(own.device)
    prepared = splits.load(paths.PREPARED)
    learner, method = build(settings, prepared)
    train, views = examples(settings, prepared, opened(prepared, learner, method), method)
    if own.compile:
        engine.compile_in_place(learner, device)
    state = loop.State.before(method, settings.bound("optimizers", own.optimizer), device)
    if engine.rank() == 0:
        lead(settings, prepared, train, views, state, learner)
        return
    with stage.noted_signals() as asked_to_stop:
        follow(state, train, views, loop.Budget.of(own), asked_to_stop)


def lead(
    settings: params.Params,
    prepared: Prepared,
    train: Split,
    views: Views,
    state: loop.State,
    learner: encoder.Encoder,
) -> None:
    """The training as the first process has it: with checkpoints, curves, tracker and results."""
    own = settings.pretrain
    budget = loop.Budget.of(own)
    total, left_out = budget.steps(len(train)), loop.left_out(train, budget)
    recorded = settings.chosen(*RECORDED)
    recorded["pretrain"]["processes"] = engine.processes()
    watch = watched(state.method, prepared, budget, len(train), own.monitored)
    with (
        checkpoints.opened(fingerprint(recorded, engine.choose_device(own.device))) as kept,
        stage.noted_signals() as asked_to_stop,
        mlflow_runs.pretraining(
            recorded | {"left_out_of_first_epoch": left_out},
            kept.training,
            run_names.of_training(),
        ) as run,
    ):
        session = Session(state, watch, kept)
        resume(session, run, total)
        print(f"pretrain: an epoch leaves out {left_out:,} of {len(train):,}, each one others")
        steps = session.steps(train, views, budget, own.checkpoint_every, asked_to_stop)
        for step, new in stage.progress(steps, total - state.number, "pretrain"):
            if new:
                pace = session.pace(own.batch_size)
                run.log(new | {"examples_per_second": pace}, step.number)
        encoder.save(paths.ENCODER, learner)
        head.save(paths.HEAD, state.method.head, own.head, settings.heads[own.head], learner.dim)
        save_curves(watch)
        save_record(run.id, session, own, left_out)
        kept.note_result(paths.PRETRAIN_RUN)
        run.tag(verdict=watch.verdict())


def opened(prepared: Prepared, learner: encoder.Encoder, method: Method) -> Views:
    """The train split's views and, for a method that wants some, its small crops, rendered live."""
    train = prepared.splits["train"]
    views = open_views(paths.VIEWS, train, prepared.modality)
    if method.small is not None:
        render = read_plan(paths.VIEWS).small_renderer(prepared.modality, method.small)
        views.small = partial(LiveViews(render, train).take, count=method.small.count)
        encoder.require_places(learner, views.small(torch.arange(1), 0)[0])
    return views


def examples(
    settings: params.Params, prepared: Prepared, views: Views, method: Method
) -> tuple[Split, Views]:
    """What batches are made of, and its views: train examples, or labelled pairs of them.

    Raises DataError where a method that learns from pairs has none, or not a batch of them.
    """
    train, pairs = prepared.splits["train"], prepared.pairs
    if not method.pairs:
        return train, views
    count, wanted = len(pairs or ()), settings.pretrain.batch_size
    if pairs is None or count < wanted:
        raise DataError(
            f"methods.{settings.pretrain.method} learns from labelled pairs, and the file that "
            f"data.pairs names has {count:,} of them, not a batch of {wanted:,}; name another "
            "file, or lower pretrain.batch_size"
        )
    return pairs.as_split(), PairViews(views, pairs)


def build(settings: params.Params, prepared: Prepared) -> tuple[encoder.Encoder, Method]:
    """The encoder with its first weights, and the method around it."""
    own = settings.pretrain
    options = settings.encoders[own.encoder]
    learner = encoder.build(encoder.Description.of(prepared, own.encoder, options), own.seed)
    with randomness.torch_seeded(own.seed, "method"):
        projector = settings.bound("heads", own.head)(learner.dim)
        views = GradientCache(learner, engine.own_micro_batch(own.batch_size, own.micro_batch))
        method = settings.bound("methods", own.method)(views, projector)
    batch_norm.synchronise(method)
    return learner, method


def fingerprint(recorded: Mapping[str, Any], device: torch.device) -> dict[str, str]:
    """What the training's result depends on: all settings but how often it is saved, code, data."""
    pretrain = {k: v for k, v in recorded["pretrain"].items() if k != "checkpoint_every"}
    data = [paths.PREPARED / f"{name}.safetensors" for name in ("train", "validation")]
    data += paths.PREPARED.glob(splits.PAIRS)
    data += [paths.PREPARED / splits.INDEX, paths.VIEWS / INDEX]
    return checkpoints.fingerprint({**recorded, "pretrain": pretrain}, data, device)


def resume(session: Session, run: mlflow_runs.Run, total: int) -> None:
    """Goes on from the last checkpoint where there is one, and says so; MLflow's curve likewise."""
    session.resume()
    if session.state.number:
        print(f"pretrain: goes on after step {session.state.number} of {total}", flush=True)
        run.tag(resumed_after=str(session.state.number))
        for step, values in session.watch.curves().items():
            run.log(values, step)


def watched(
    method: Method, prepared: Prepared, budget: loop.Budget, examples: int, monitored: int
) -> Watch:
    """A watch over a training on so many examples, by the same augmentations of validation ones.

    As many train examples vote on those.
    """
    validation = evenly(prepared.splits["validation"], monitored)
    bank = evenly(prepared.splits["train"], monitored)
    render = read_plan(paths.VIEWS).renderer(prepared.modality)
    per_epoch = budget.steps_per_epoch(examples)
    return Watch(method, validation, bank, render, per_epoch, budget.batch_size)


def evenly(split: Split, count: int) -> Split:
    """So many examples, or all: from the whole split, since sources may have a class together."""
    count = min(count, len(split))
    return split.take(torch.arange(count) * len(split) // count)


def save_curves(watch: Watch) -> None:
    """What is tracked, and depends on settings and seeds only."""
    files.save_json(paths.PRETRAIN_METRICS, watch.summary())
    save_rows(paths.PRETRAIN_STEPS, watch.steps)
    save_rows(paths.PRETRAIN_EPOCHS, watch.epochs)


def save_record(run_id: str, session: Session, own: Pretrain, left_out: int) -> None:
    """What differs from run to run: kept apart, so that equal trainings give equal files."""
    watch, pace = session.watch, session.pace(own.batch_size)
    device = engine.choose_device(own.device)
    record = {
        "run_id": run_id,
        "verdict": watch.verdict(),
        "seconds": round(session.seconds, 1),
        "examples_per_second": round(pace),
        "left_out_of_first_epoch": left_out,
        "processes": engine.processes(),
        "device": str(device),
        "precision": engine.choose_precision(own.precision, device),
        **provenance(),
    }
    files.save_json(paths.PRETRAIN_RUN, record)
    last = watch.epochs[-1]
    print(
        f"pretrain: {watch.verdict()}; loss {last['loss']:.3f} (chance {watch.chance:.3f}), "
        f"{round(last['negatives'], 1):,g} negatives an anchor, {pace:,.0f} examples/s"
    )


if __name__ == "__main__":
    launch.run(main)
