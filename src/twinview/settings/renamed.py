"""Settings of earlier versions, so that an old params.yaml is told each key's new name.

A row is the old dotted name, then the new one, or "gone: " with the reason. Nothing else needs to
know of it: `twinview check` and every stage refuse the old name and say the row.
"""

import copy
from typing import Any

RENAMED = {
    "methods.siamese.labelled": "methods.siamese.positives",
    "methods.siamese.objective": "pretrain.objective",
    "evaluate.probes": "tasks.classification.probes",
    "evaluate.projections": "evaluate.probe_projections",
    "evaluate.few_labels.per_class": "tasks.few_labels.per_class",
    "evaluate.few_labels.draws": "tasks.few_labels.draws",
    "evaluate.few_labels.strength": "tasks.few_labels.C",
    "evaluate.few_labels.seed": "tasks.few_labels.seed",
    "evaluate.few_labels.propagation.neighbours": "tasks.propagation.neighbours",
    "evaluate.few_labels.propagation.whitened": "tasks.propagation.pca_components",
    "evaluate.few_labels.propagation.alpha": "tasks.propagation.alpha",
    "evaluate.few_labels.propagation": "gone: a task that is not wanted is not in evaluate.tasks",
    "gate.beats": "gate.better_than_raw",
    "probes.knn.whitened": "probes.knn.pca_components",
    "probes.linear.strength": "probes.linear.C",
}

_GONE = "gone: "


def advice(old: str) -> str | None:
    """What to do about a name of an earlier version; None for any other name."""
    new = RENAMED.get(old)
    if new is None:
        return None
    if new.startswith(_GONE):
        return f"is gone, since {new.removeprefix(_GONE)}; delete it"
    return f"is called {new} now"


def translated(values: Any) -> tuple[Any, list[str]]:
    """The settings under their new names, and a fault for each old name that they state.

    So what else is wrong with them can be found, and a key that only has its old name is not
    called missing. A new name that is stated too keeps its value.
    """
    tree, faults = copy.deepcopy(values), []
    for old, new in RENAMED.items():
        for value in _taken(tree, old):
            faults.append(f"{old}: {advice(old)}")
            if not new.startswith(_GONE):
                _put(tree, new, value)
    return tree, faults


def _taken(tree: Any, dotted: str) -> list[Any]:
    """The value at a dotted name, taken out with the sections that are empty then; or nothing."""
    first, _, rest = dotted.partition(".")
    if not isinstance(tree, dict) or first not in tree:
        return []
    if not rest:
        return [tree.pop(first)]
    taken = _taken(tree[first], rest)
    if taken and not tree[first]:
        del tree[first]
    return taken


def _put(tree: Any, dotted: str, value: Any) -> None:
    """States a value, unless the new name has one, in sections that are made where they lack."""
    *parents, last = dotted.split(".")
    for name in parents:
        tree = tree.setdefault(name, {}) if isinstance(tree, dict) else None
    if isinstance(tree, dict):
        tree.setdefault(last, value)
