"""The results of a contender in all tasks that the data allow, for both stages of evaluation."""

from collections.abc import Mapping

from twinview.core import entries
from twinview.data import splits
from twinview.evaluation import protocol
from twinview.evaluation.contender import Contender, Result, Task
from twinview.evaluation.group_folds import add_group_folds
from twinview.settings import left_out


def judge(
    contender: Contender,
    tasks: Mapping[str, Task],
    group_folds: int | None,
    *,
    saw_labels: bool = False,
) -> dict[str, Result]:
    """The results by entry, also those over divisions by groups if they are asked for.

    Parameters
    ----------
    contender : the features.
    tasks : the chosen tasks by name; those that need labels are left out if a split has none.
    group_folds : the number of divisions by groups, or None.
    saw_labels : whether the encoder has learnt from labels. Then it has seen those of examples that
        other divisions test, so that it has no results over them.
    """
    excluded = left_out.tasks(list(tasks), splits.unlabelled(contender.parts))
    able = {name: task for name, task in tasks.items() if name not in excluded}
    results = protocol.evaluate(contender, able.values())
    again = [name for name in able if entries.declaration(name).over_groups]
    if group_folds is None or saw_labels or not again:
        return results
    measures = {measure for name in again for measure in entries.declaration(name).measures}
    return add_group_folds(results, contender, [able[n] for n in again], measures, group_folds)
