"""Stage pretrain: trains the encoder on the views by the chosen method.

`torchrun --nproc-per-node 2 -m pipeline.pretrain` shares each batch among processes.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from twinview.compute import devices, processes
from twinview.core import files, paths
from twinview.data import splits
from twinview.experiments.provenance import provenance
from twinview.learning import checkpoints, loop
from twinview.learning.pretraining import ResultPaths, Training
from twinview.learning.session import Session
from twinview.settings import params
from twinview.settings.start_files import require_tracked, start_files
from twinview.stages import launch, stage
from twinview.stages.declared import Stage
from twinview.tracking import mlflow_runs, run_names
from twinview.views.cache import INDEX, open_views, read_plan

RECORDED = ("pretrain", "methods", "objectives", "encoders", "heads", "optimizers")
RESULTS = ResultPaths(
    paths.ENCODER, paths.HEAD, paths.PRETRAIN_METRICS, paths.PRETRAIN_STEPS, paths.PRETRAIN_EPOCHS
)

STAGE = Stage(
    reads=(*paths.TRAINING_DATA, paths.VIEWS, paths.WEIGHTS),  # WEIGHTS: DVC cannot depend on null
    settings=(
        "pretrain",
        "views.positives",
        "methods",
        "objectives",
        "encoders",
        "heads",
        "optimizers",
    ),
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
    """Trains and saves the encoder, from the last checkpoint of a killed run if there is one."""
    settings = params.load()
    require_tracked(settings.pretrain.encoder, settings.encoders[settings.pretrain.encoder])
    devices.set_threads(settings.pretrain.threads)
    prepared = splits.load(paths.PREPARED, ("train", "validation"), settings.pretrain.labels)
    views = open_views(paths.VIEWS, prepared.splits["train"], prepared.modality)
    training = Training.from_settings(settings, prepared, read_plan(paths.VIEWS), views)
    if processes.rank() == 0:
        lead(training, settings)
        return
    with stage.deferred_signals() as stop_requested_by:
        training.follow(stop_requested_by)


def lead(training: Training, settings: params.Params) -> None:
    """Trains in the first process, which saves checkpoints, logs curves and writes the results."""
    options = settings.pretrain
    recorded = settings.chosen(*RECORDED) | {"views": {"positives": settings.views.positives}}
    recorded["pretrain"]["processes"] = processes.world_size()
    left_out = loop.count_left_out(training.train, training.budget)
    device = devices.choose_device(options.device)
    weights = start_files(options.encoder, settings.encoders[options.encoder])
    logged = recorded | {"left_out_of_first_epoch": left_out}
    with (
        checkpoints.open_for(fingerprint(recorded, device, weights)) as store,
        stage.deferred_signals() as stop_requested_by,
        mlflow_runs.pretraining(logged, store.training_id, run_names.training_name()) as run,
    ):
        session = training.session(store)
        report_start(training, session, run, left_out)
        steps, left = (
            training.steps(session, stop_requested_by),
            training.total_steps - session.state.number,
        )
        for step, new in stage.progress(steps, left, "pretrain"):
            if new:
                pace = session.examples_per_second(options.batch_size)
                run.log(new | {"examples_per_second": pace}, step.number)
        training.save(RESULTS, session.watch.curves)
        save_record(run.id, training, session, left_out)
        store.record_result(paths.PRETRAIN_RUN)
        run.tag(verdict=session.watch.curves.verdict)


def fingerprint(
    recorded: Mapping[str, Any], device: torch.device, weights: Sequence[Path] = ()
) -> dict[str, str]:
    """What the result depends on: settings except checkpoint_every, code and data, by name.

    Parameters
    ----------
    recorded : the settings.
    device : where the training computes.
    weights : the files that the encoder starts from.
    """
    pretrain = {k: v for k, v in recorded["pretrain"].items() if k != "checkpoint_every"}
    data = [paths.PREPARED / f"{name}.safetensors" for name in ("train", "validation")]
    data += sorted((paths.PREPARED / splits.LABELS / pretrain["labels"]).iterdir())
    data += [paths.PREPARED_INDEX, paths.VIEWS / INDEX, *weights]
    return checkpoints.fingerprint({**recorded, "pretrain": pretrain}, data, device)


def report_start(training: Training, session: Session, run: mlflow_runs.Run, left_out: int) -> None:
    """Prints where the training continues and how many examples an epoch leaves out.

    A training that continues logs its curves so far, since its MLflow run may lack them.

    Parameters
    ----------
    training : the training.
    session : the session, restored from its newest checkpoint.
    run : the MLflow run.
    left_out : how many examples the first epoch leaves out.
    """
    if session.state.number:
        done, total = session.state.number, training.total_steps
        print(f"pretrain: goes on after step {done} of {total}", flush=True)
        run.tag(resumed_after=str(done))
        for step, values in session.watch.curves.by_step().items():
            run.log(values, step)
    if training.note:
        print(f"pretrain: {training.note}")
    if left_out:
        examples = len(training.train)
        print(f"pretrain: each epoch leaves out {left_out:,} of {examples:,}, chosen at random")


def save_record(run_id: str, training: Training, session: Session, left_out: int) -> None:
    """Writes what differs from run to run; so all other files of equal trainings are equal.

    Parameters
    ----------
    run_id : the MLflow run.
    training : the training.
    session : its session, after the last step.
    left_out : how many examples the first epoch left out.
    """
    options, curves = training.settings.pretrain, session.watch.curves
    pace = session.examples_per_second(options.batch_size)
    device = devices.choose_device(options.device)
    record = {
        "run_id": run_id,
        "verdict": curves.verdict,
        "seconds": round(session.seconds, 1),
        "examples_per_second": round(pace),
        "left_out_of_first_epoch": left_out,
        "processes": processes.world_size(),
        "device": str(device),
        "precision": devices.choose_precision(options.precision, device),
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
