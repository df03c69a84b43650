"""Stage pretrain: the chosen method trains the encoder on the views.

`torchrun --nproc-per-node 2 -m pipeline.pretrain` shares each batch among processes.
"""

from collections.abc import Mapping
from typing import Any

import torch

from twinview.compute import devices, processes
from twinview.core import files, paths
from twinview.data import splits
from twinview.experiments.provenance import provenance
from twinview.learning import checkpoints, loop
from twinview.learning.pretraining import Places, Training
from twinview.learning.session import Session
from twinview.settings import params
from twinview.stages import launch, stage
from twinview.stages.declared import Stage
from twinview.tracking import mlflow_runs, run_names
from twinview.views.cache import INDEX, open_views, read_plan

RECORDED = ("pretrain", "methods", "objectives", "encoders", "heads", "optimizers")
PLACES = Places(
    paths.ENCODER, paths.HEAD, paths.PRETRAIN_METRICS, paths.PRETRAIN_STEPS, paths.PRETRAIN_EPOCHS
)

STAGE = Stage(
    reads=(paths.PREPARED, paths.VIEWS),
    settings=("pretrain", "methods", "objectives", "encoders", "heads", "optimizers"),
    plug_ins=(
        "methods",
        "objectives",
        "encoders",
        "heads",
        "optimizers",
        "augmentations",
        "modalities",
    ),
    writes=(paths.ENCODER, paths.HEAD, paths.PRETRAIN_RUN),
    in_git=(paths.PRETRAIN_STEPS, paths.PRETRAIN_EPOCHS),
    metrics=(paths.PRETRAIN_METRICS,),
)


def main() -> None:
    """Trains, watches for collapse, saves the encoder; goes on where a killed run left off."""
    settings = params.load()
    devices.set_threads(settings.pretrain.threads)
    prepared = splits.load(paths.PREPARED)
    views = open_views(paths.VIEWS, prepared.splits["train"], prepared.modality)
    training = Training.of(settings, prepared, read_plan(paths.VIEWS), views)
    if processes.rank() == 0:
        lead(training, settings)
        return
    with stage.noted_signals() as asked_to_stop:
        training.follow(asked_to_stop)


def lead(training: Training, settings: params.Params) -> None:
    """The training as the first process has it: with checkpoints, curves, tracker and results."""
    own = settings.pretrain
    recorded = settings.chosen(*RECORDED)
    recorded["pretrain"]["processes"] = processes.world_size()
    left_out = loop.left_out(training.train, training.budget)
    logged = recorded | {"left_out_of_first_epoch": left_out}
    with (
        checkpoints.opened(fingerprint(recorded, devices.choose_device(own.device))) as kept,
        stage.noted_signals() as asked_to_stop,
        mlflow_runs.pretraining(logged, kept.training, run_names.training_name()) as run,
    ):
        session = training.session(kept)
        tell_beginning(training, session, run, left_out)
        steps, left = training.steps(session, asked_to_stop), training.total - session.state.number
        for step, new in stage.progress(steps, left, "pretrain"):
            if new:
                pace = session.pace(own.batch_size)
                run.log(new | {"examples_per_second": pace}, step.number)
        training.save(PLACES, session.watch.curves)
        save_record(run.id, training, session, left_out)
        kept.note_result(paths.PRETRAIN_RUN)
        run.tag(verdict=session.watch.curves.verdict)


def fingerprint(recorded: Mapping[str, Any], device: torch.device) -> dict[str, str]:
    """What the training's result depends on: all settings but how often it is saved, code, data."""
    pretrain = {k: v for k, v in recorded["pretrain"].items() if k != "checkpoint_every"}
    data = [paths.PREPARED / f"{name}.safetensors" for name in ("train", "validation")]
    data += paths.PREPARED.glob(splits.PAIRS)
    data += [paths.PREPARED / splits.INDEX, paths.VIEWS / INDEX]
    return checkpoints.fingerprint({**recorded, "pretrain": pretrain}, data, device)


def tell_beginning(
    training: Training, session: Session, run: mlflow_runs.Run, left_out: int
) -> None:
    """Says where the training goes on, to MLflow's curve too, and what an epoch leaves out."""
    if session.state.number:
        done, total = session.state.number, training.total
        print(f"pretrain: goes on after step {done} of {total}", flush=True)
        run.tag(resumed_after=str(done))
        for step, values in session.watch.curves.by_step().items():
            run.log(values, step)
    examples = len(training.train)
    print(f"pretrain: an epoch leaves out {left_out:,} of {examples:,}, each one others")


def save_record(run_id: str, training: Training, session: Session, left_out: int) -> None:
    """What differs from run to run: kept apart, so that equal trainings give equal files."""
    own, curves = training.settings.pretrain, session.watch.curves
    pace, device = session.pace(own.batch_size), devices.choose_device(own.device)
    record = {
        "run_id": run_id,
        "verdict": curves.verdict,
        "seconds": round(session.seconds, 1),
        "examples_per_second": round(pace),
        "left_out_of_first_epoch": left_out,
        "processes": processes.world_size(),
        "device": str(device),
        "precision": devices.choose_precision(own.precision, device),
        **provenance(),
    }
    files.save_json(paths.PRETRAIN_RUN, record)
    last = curves.epochs[-1]
    print(
        f"pretrain: {curves.verdict}; loss {last['loss']:.3f} (chance {curves.chance:.3f}), "
        f"{round(last['negatives'], 1):,g} negatives an anchor, {pace:,.0f} examples/s"
    )


if __name__ == "__main__":
    launch.run(main)
