"""The errors that end a training before its last step: a collapse, or a request to stop."""

from twinview.compute import processes
from twinview.core.errors import StoppedError, TrainingError, TwinviewError
from twinview.learning.curves import Curves
from twinview.learning.loop import Step

PATIENCE = 2  # this many collapsed epochs in a row end a training; a single one may pass


def stop_error(
    curves: Curves, collapsed_epochs: int, stopped_by: str, step: Step, total_steps: int
) -> TwinviewError | None:
    """The error that ends the training after this step, or None.

    Every process has to call this after each step, since the processes wait for each other here.

    Parameters
    ----------
    curves : the curves up to this step.
    collapsed_epochs : how many epochs in a row were collapsed, up to the last one.
    stopped_by : what asked this process to stop, such as SIGINT; "" when nothing did.
    step : the step that was just done.
    total_steps : the number of steps of the whole training.

    Returns
    -------
    error : TrainingError when the training has collapsed; StoppedError when this or another process
        was asked to stop, which the caller raises after saving; None when the training goes on.
    """
    stops = processes.any_process(bool(stopped_by) or collapsed_epochs >= PATIENCE)
    if collapsed_epochs >= PATIENCE:
        return TrainingError(_describe_collapse(curves))
    if not stops:
        return None
    return StoppedError(
        f"stopped by {stopped_by or 'a signal to another process'} after step {step.number} of "
        f"{total_steps}; `dvc repro`, or the same `dvc exp run`, goes on from step {step.number}"
    )


def _describe_collapse(curves: Curves) -> str:
    last = curves.epochs[-1]
    return (
        f"the training has collapsed: after epoch {last['epoch']} the embeddings of different "
        f"examples are (nearly) the same (spread of cosines {last['cosine_spread']:.4f}, "
        f"directions in use {last['effective_rank']:.1f}). Lower pretrain.learning_rate, raise "
        "pretrain.batch_size, or change the method's options or the chain of views"
    )
