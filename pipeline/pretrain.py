"""Stage pretrain: the chosen method trains the encoder on the views.

`torchrun --nproc-per-node 2 -m pipeline.pretrain` shares each batch among processes.
"""

import collections
from collections.abc import Mapping
from typing import Any

import torch

from twinview import (
    artifacts,
    batch_norm,
    checkpoints,
    encoder,
    engine,
    head,
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
from twinview.training import Session, Watch
from twinview.types import Split
from twinview.view_cache import INDEX, open_views, read_plan
from twinview.views import Views

RECORDED = ("pretrain", "methods", "objectives", "encoders", "heads", "optimizers")


@engine.joined()
def main() -> None:
    """Trains, watches for collapse, saves the encoder; goes on where a killed run left off."""
    settings = params.load()
    own = settings.pretrain
    engine.use_threads(own.threads)
    device = engine.choose_device(own.device)
    prepared = splits.load(paths.PREPARED)
    train = prepared.splits["train"]
    views = open_views(paths.VIEWS, train, prepared.modality)
    learner, method = build(settings, prepared)
    if own.compile:
        engine.compile_in_place(learner, device)
    budget = loop.Budget.of(own)
    state = loop.State.before(method, settings.bound("optimizers", own.optimizer), device)
    if engine.rank() > 0:
        follow(state, train, views, budget)
        return
    watch = watched(method, prepared, budget, own.monitored)
    recorded = settings.chosen(*RECORDED)
    with (
        checkpoints.opened(fingerprint(recorded, device)) as kept,
        stage.noted_signals() as asked_to_stop,
        tracking.pretraining(recorded, kept.training) as run,
    ):
        session = Session(state, watch, kept)
        resume(session, run, budget.steps(len(train)))
        steps = session.steps(train, views, budget, own.checkpoint_every, asked_to_stop)
        for step, new in stage.progress(steps, budget.steps(len(train)) - state.number, "pretrain"):
            if new:
                pace = step.number * own.batch_size / session.seconds
                run.log(new | {"examples_per_second": pace}, step.number)
        encoder.save(paths.ENCODER, learner)
        head.save(paths.HEAD, method.head, own.head, settings.heads[own.head], learner.dim)
        save_curves(watch)
        pace = budget.steps(len(train)) * own.batch_size / session.seconds
        precision = engine.choose_precision(own.precision, device)
        save_record(run.id, watch, device, precision, session.seconds, pace)
        kept.note_result(paths.PRETRAIN_RUN)
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
        projector = settings.bound("heads", own.head)(learner.dim)
        views = GradientCache(learner, engine.own_micro_batch(own.batch_size, own.micro_batch))
        method = settings.bound("methods", own.method)(views, projector)
    batch_norm.synchronise(method)
    return learner, method


def fingerprint(recorded: Mapping[str, Any], device: torch.device) -> dict[str, str]:
    """What the training's result depends on: all settings but how often it is saved, code, data."""
    pretrain = {k: v for k, v in recorded["pretrain"].items() if k != "checkpoint_every"}
    data = [paths.PREPARED / f"{name}.safetensors" for name in ("train", "validation")]
    data += [paths.PREPARED / splits.INDEX, paths.VIEWS / INDEX]
    return checkpoints.fingerprint({**recorded, "pretrain": pretrain}, data, device)


def follow(state: loop.State, train: Split, views: Views, budget: loop.Budget) -> None:
    """What the processes after the first do: the same steps, from where the first one stands.

    Signals are the first one's to obey: it saves, and its end is theirs.
    """
    state.load_state_dict(engine.from_first(state.state_dict()))
    with stage.noted_signals():
        collections.deque(loop.go_on(state, train, views, budget), maxlen=0)


def resume(session: Session, run: tracking.Run, total: int) -> None:
    """Goes on from the last checkpoint where there is one, and says so; MLflow's curve likewise."""
    session.resume()
    engine.from_first(session.state.state_dict())
    if session.state.number:
        print(f"pretrain: goes on after step {session.state.number} of {total}", flush=True)
        run.tag(resumed_after=str(session.state.number))
        for step, values in session.watch.curves().items():
            run.log(values, step)


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
    run_id: str, watch: Watch, device: torch.device, precision: str, seconds: float, pace: float
) -> None:
    """What differs from run to run: kept apart, so that equal trainings give equal files."""
    record = {
        "run_id": run_id,
        "verdict": watch.verdict(),
        "seconds": round(seconds, 1),
        "examples_per_second": round(pace),
        "device": str(device),
        "precision": precision,
        **provenance(),
    }
    artifacts.save_json(paths.PRETRAIN_RUN, record)


if __name__ == "__main__":
    stage.run(main)
