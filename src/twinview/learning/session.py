"""A training session: its steps, its watch, its checkpoints, and its end."""

import contextlib
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, final

from twinview.compute import processes
from twinview.core.errors import TrainingError
from twinview.core.types import Split
from twinview.learning import loop
from twinview.learning.loop import Budget, State, Step
from twinview.learning.stopping import stop_error
from twinview.learning.watch import Watch
from twinview.views.live import Views


class CheckpointStore(Protocol):
    """Where a session saves its state: Checkpoints or NoCheckpoints."""

    def save(self, step: int, state: Mapping[str, Any], *, doubtful: bool = False) -> None:
        """Writes the state after a step. doubtful: the training may have collapsed."""

    def load(self) -> Any:
        """The newest state, or None."""


@final
class NoCheckpoints:
    """No checkpoints, for a training that starts anew after it was killed."""

    def save(self, step: int, state: Mapping[str, Any], *, doubtful: bool = False) -> None:
        """Does nothing."""

    def load(self) -> None:
        """None: there is no state."""


@final
@dataclass
class Session:
    """A training with its watch and its checkpoints.

    seconds: how long it has trained, summed over all runs that continued it.
    """

    state: State
    watch: Watch
    checkpoints: CheckpointStore
    seconds: float = 0.0

    def resume(self) -> None:
        """Restores state and curves from the newest checkpoint, if there is one.

        The other processes get the state by broadcast (see follow).
        """
        if saved := self.checkpoints.load():
            self.state.load_state_dict(saved["state"])
            self.watch.curves.load_state_dict(saved["curves"])
            self.seconds = saved["seconds"]
        processes.broadcast(self.state.state_dict())

    def steps(
        self,
        train: Split,
        views: Views,
        budget: Budget,
        checkpoint_every: int,
        stop_requested_by: Callable[[], str],
    ) -> Iterator[tuple[Step, dict[str, float]]]:
        """The remaining steps, each with the values that are new in the curves.

        Parameters
        ----------
        train, views, budget : as in loop.continue_training.
        checkpoint_every : the number of steps between checkpoints; the last step saves one too.
        stop_requested_by : names what asked to stop, such as SIGINT; "" when nothing did.

        Raises
        ------
        StoppedError : a process was asked to stop; the state is saved first.
        TrainingError : the training has collapsed, or a number is not finite.
        """
        total, begun = budget.steps(len(train)), time.monotonic() - self.seconds
        for step in loop.continue_training(self.state, train, views, budget):
            new = self.watch.add_step(step)
            self.seconds = time.monotonic() - begun
            yield step, new
            curves = self.watch.curves
            collapsed = curves.collapsed_epochs(budget.warmup_epochs)
            error = stop_error(curves, collapsed, stop_requested_by(), step, total)
            if isinstance(error, TrainingError):
                raise error
            if error or step.number % checkpoint_every == 0 or step.number == total:
                self._save(doubtful=collapsed > 0)
            if error:
                raise error

    def examples_per_second(self, batch_size: int) -> float:
        """The mean speed so far, of all processes together."""
        return self.state.number * batch_size / self.seconds

    def _save(self, *, doubtful: bool) -> None:
        _require_finite(self.state)
        parts = {"state": self.state.state_dict(), "curves": self.watch.curves.state_dict()}
        self.checkpoints.save(
            self.state.number, parts | {"seconds": self.seconds}, doubtful=doubtful
        )


def follow(
    state: State, train: Split, views: Views, budget: Budget, stop_requested_by: Callable[[], str]
) -> None:
    """Trains in a process other than the first: the same steps, from the first process's state.

    After each step all processes learn whether one was asked to stop or the first has seen a
    collapse. Only the first process saves, and only it reports errors, since all have the same.

    Parameters
    ----------
    state : it is replaced by that of the first process.
    train, views, budget : as in loop.continue_training.
    stop_requested_by : names what asked this process to stop; "" when nothing did.
    """
    state.load_state_dict(processes.broadcast(state.state_dict()))
    with contextlib.suppress(TrainingError):
        for _ in loop.continue_training(state, train, views, budget):
            if processes.any_process(bool(stop_requested_by())):
                return


def _require_finite(state: State) -> None:
    """Raises TrainingError for weights that are not finite, before they become a checkpoint."""
    for name, weight in state.method.named_parameters():
        if not weight.isfinite().all():
            raise TrainingError.at(
                name, f"is not finite after step {state.number}", "lower pretrain.learning_rate"
            )
