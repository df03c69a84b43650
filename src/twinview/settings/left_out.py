"""What a run leaves out because splits have no labels, each with the reason.

Reasons are sentences about the one that is left out, such as "it needs labels, and the test split
has none". reports/evaluation.json keeps them for the page, `show` and the gate.
"""

from collections.abc import Sequence

from twinview.core import entries
from twinview.core.errors import ConfigError
from twinview.core.registry import names

LeftOut = dict[str, str]  # the reason by name
SUPERVISED = "supervised"  # the baseline that learns from labels


def tasks(chosen: Sequence[str], unlabelled: Sequence[str]) -> LeftOut:
    """The chosen tasks that need labels, where a split has none.

    Parameters
    ----------
    chosen : evaluate.tasks.
    unlabelled : the names of the splits without labels.

    Raises
    ------
    ConfigError : no task is left.
    """
    if not unlabelled:
        return {}
    reason = f"it needs labels, and {_splits(unlabelled)} none"
    found = {name: reason for name in chosen if entries.declaration(name).needs_labels}
    if len(found) == len(chosen):
        declared = {name: entries.declaration(name) for name in names("tasks")}
        able = [n for n, of in declared.items() if not of.needs_labels and of.modality is None]
        raise ConfigError.at(
            "evaluate.tasks",
            f"is [{', '.join(chosen)}], of which each needs labels, and {_splits(unlabelled)} none",
            f"name a task that needs none ({', '.join(able)}), or give the data labels",
        )
    return found


def baselines(supervised: bool, unlabelled: Sequence[str]) -> LeftOut:
    """The supervised baseline, if it is asked for and a split has no labels.

    Parameters
    ----------
    supervised : baselines.supervised.
    unlabelled : the names of the splits without labels.
    """
    if not (supervised and unlabelled):
        return {}
    return {SUPERVISED: f"it learns from labels, and {_splits(unlabelled)} none"}


def lines(found: LeftOut) -> list[str]:
    """One line for each that is left out."""
    return [f"{name} is left out: {reason}" for name, reason in found.items()]


def _splits(named: Sequence[str]) -> str:
    *first, last = named
    if not first:
        return f"the {last} split has"
    return f"the {', '.join(first)} and {last} splits have"
