"""A training under way: its steps, what sees them, its checkpoints, and its end."""

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
    """Where a session is saved: Checkpoints, or NoCheckpoints."""

    def save(self, step: int, state: Mapping[str, Any], *, doubtful: bool = False) -> None:
        """Writes the state after a step."""

    def load(self) -> Any:
        """The newest state; None without one."""


@final
class NoCheckpoints:
    """In the place of checkpoints, for a training that need not go on after it was killed."""

    def save(self, step: int, state: Mapping[str, Any], *, doubtful: bool = False) -> None:
        """Forgets it."""

    def load(self) -> None:
        """There is none."""


@final
@dataclass
class Session:
    """A training under way: its state, what watches it, and where both are saved.

    seconds: how long it has trained, in all processes that had a part in it.
    """

    state: State
    watch: Watch
    checkpoints: CheckpointStore
    seconds: float = 0.0

    def resume(self) -> None:
        """Goes back to the newest checkpoint, curves included; without one all stays as it is.

        Those that follow are handed the state.
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
        """The steps that are left, each with what the watch has new of it.

        Saves every so many steps and after the last. Raises what stop_error gives, and where it
        was asked to stop, saves first.
        """
        total, begun = budget.steps(len(train)), time.monotonic() - self.seconds
        for step in loop.continue_training(self.state, train, views, budget):
            new = self.watch.add_step(step)
            self.seconds = time.monotonic() - begun
            yield step, new
            curves = self.watch.curves
            collapsed = curves.collapsed_epochs(budget.warmup_epochs)
            reason = stop_error(curves, collapsed, stop_requested_by(), step, total)
            if isinstance(reason, TrainingError):
                raise reason
            if reason or step.number % checkpoint_every == 0 or step.number == total:
                self._save(doubtful=collapsed > 0)
            if reason:
                raise reason

    def examples_per_second(self, batch_size: int) -> float:
        """Examples a second, all processes together."""
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
    """What the processes after the first do: the same steps, from where its session stands.

    After each step all learn whether one was asked to stop, or the first sees a collapse. It saves
    and says so; what befalls all alike is the first one's to tell, too.
    """
    state.load_state_dict(processes.broadcast(state.state_dict()))
    with contextlib.suppress(TrainingError):
        for _ in loop.continue_training(state, train, views, budget):
            if processes.any_process(bool(stop_requested_by())):
                return


def _require_finite(state: State) -> None:
    """Raises TrainingError rather than let weights that are no numbers become a checkpoint."""
    for name, weight in state.method.named_parameters():
        if not weight.isfinite().all():
            raise TrainingError(
                f"{name} is not finite after step {state.number}; lower pretrain.learning_rate"
            )
