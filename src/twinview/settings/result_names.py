"""Checks of the names of results: two tasks may not share one, and the gate has to know its own.

tasks: the options of each task by its name, as the section tasks of params.yaml states them.
"""

from collections.abc import Iterator
from typing import Any

from twinview.core import entries
from twinview.core.registry import did_you_mean, names
from twinview.settings.sections import Evaluate, Gate


def shared_names(evaluate: Evaluate, tasks: Any) -> Iterator[str]:
    """A sentence for each name that the results of two chosen tasks would share."""
    task_of: dict[str, str] = {}
    for task in evaluate.tasks:
        for name in entries.declared({task: tasks[task]} if task in tasks else {}):
            if (other := task_of.setdefault(name, task)) != task:
                yield (
                    f"evaluate.tasks: {other!r} and {task!r} both have results called {name!r}; "
                    "take one of the tasks out"
                )


def unknown_metrics(gate: Gate, tasks: Any) -> Iterator[str]:
    """A sentence for each metric in the gate that no task declares.

    Tasks that are not in evaluate.tasks count too: the gate itself reports that their metrics are
    absent.
    """
    stated = {name: tasks[name] for name in names("tasks") if name in tasks}
    known = [
        f"{name}.{measure}"
        for name, entry in entries.declared(stated).items()
        for measure in entry.measures
    ]
    for setting in ("floors", "drops", "better_than_raw"):
        for name in getattr(gate, setting):
            if name not in known and not _could_be(name):
                yield f"gate.{setting}: {name!r} is no metric{did_you_mean(name, known)}"


def _could_be(name: str) -> bool:
    """Whether a task has the metric under other options."""
    entry, _, measure = name.removesuffix(entries.OVER_GROUPS).rpartition(".")
    tasks = map(entries.declaration, names("tasks"))
    return any(
        measure in task.measures
        and task.could_have(entry)
        and (task.over_groups or not name.endswith(entries.OVER_GROUPS))
        for task in tasks
    )
