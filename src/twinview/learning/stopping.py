"""Why a training ends before its last step: a collapse, or somebody who asked it to."""

from twinview.compute import processes
from twinview.core.errors import StoppedError, TrainingError, TwinviewError
from twinview.learning.curves import Curves
from twinview.learning.loop import Step

PATIENCE = 2  # collapsed epochs in a row that end a training; one may be a passing state


def stop_error(
    curves: Curves, collapsed: int, asked: str, step: Step, total: int
) -> TwinviewError | None:
    """The error with which a training ends after this step; None while it goes on.

    collapsed: how many epochs were, in a row. asked: by what this process was asked to stop, or "".
    TrainingError: it has collapsed. StoppedError: it was asked to stop, here or on a process that
    follows; what it had is to be saved first. All processes have to ask at each step: they wait
    for each other here.
    """
    stops = processes.any_process(bool(asked) or collapsed >= PATIENCE)
    if collapsed >= PATIENCE:
        return TrainingError(_collapse(curves))
    if not stops:
        return None
    return StoppedError(
        f"stopped by {asked or 'a signal to another process'} after step {step.number} of {total}; "
        f"`dvc repro`, or the same `dvc exp run`, goes on from step {step.number}"
    )


def _collapse(curves: Curves) -> str:
    last = curves.epochs[-1]
    return (
        f"the training has collapsed: after epoch {last['epoch']} the embeddings of different "
        f"examples are (nearly) the same (spread of cosines {last['cosine_spread']:.4f}, "
        f"directions in use {last['effective_rank']:.1f}). Lower pretrain.learning_rate, raise "
        "pretrain.batch_size, or change the method's options or the chain of views"
    )
