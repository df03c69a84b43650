"""The check that the chosen tasks can be measured on the data, before the training."""

from collections import Counter
from collections.abc import Mapping, Sequence

from twinview.core import entries
from twinview.core.errors import ConfigError
from twinview.core.types import Split
from twinview.data import splits
from twinview.data.group_folds import redraw_splits
from twinview.settings import left_out, params


def require_measurable(parts: Mapping[str, Split], classes: Sequence[str]) -> None:
    """Raises ConfigError when the data rule out what evaluate and tasks ask for.

    The stage that calls this does not declare these settings: its result does not depend on them,
    and a change of the tasks must not train the supervised baseline again. So it stands here.

    Parameters
    ----------
    parts : the splits.
    classes : the names of the classes, by label.
    """
    settings = params.load()
    unlabelled = splits.unlabelled(parts)
    excluded = left_out.tasks(settings.evaluate.tasks, unlabelled)
    if unlabelled:
        return
    labelled = {name: part.labelled() for name, part in parts.items()}
    counts = {name: _counts(part, classes) for name, part in labelled.items()}
    faults = [
        fault
        for task in settings.evaluate.tasks
        if task not in excluded and (check := entries.declaration(task).check_counts)
        for fault in check(settings.tasks[task], counts)
    ]
    if faults:
        raise ConfigError("\n".join(faults), faults)
    if settings.evaluate.group_folds is not None:
        for _ in redraw_splits(labelled, settings.evaluate.group_folds):
            pass


def _counts(part: Split, classes: Sequence[str]) -> Counter[str]:
    assert part.labels is not None
    return Counter(classes[label] for label in part.labels.tolist())
