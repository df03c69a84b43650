"""The check that a task is left for data without labels, before the training."""

from collections.abc import Sequence

from twinview.settings import left_out, params


def require_task(unlabelled: Sequence[str]) -> None:
    """Raises ConfigError when evaluate.tasks names only tasks that need labels.

    The stage that calls this does not declare evaluate.tasks: its result does not depend on it, and
    a change of the tasks must not train the supervised baseline again. So it stands here.

    unlabelled: the names of the splits without labels.
    """
    left_out.tasks(params.load().evaluate.tasks, unlabelled)
