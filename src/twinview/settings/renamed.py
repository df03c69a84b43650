"""Settings of earlier versions: an error about an old params.yaml names each key's new name.

A row is the old dotted name, then the new one, or "gone: " with the reason. A new row needs no
other change: `twinview check` and every stage refuse the old name with the row's advice.
"""

import copy
from collections.abc import Mapping
from typing import Any

RENAMED = {
    "baselines.components": "baselines.pca_components",
    "encoders.convnet.grid": "encoders.convnet.pool_size",
    "encoders.convnet.pooled": "encoders.convnet.pooled_layers",
    "evaluate.few_labels.draws": "tasks.few_labels.draws",
    "evaluate.few_labels.per_class": "tasks.few_labels.per_class",
    "evaluate.few_labels.propagation.alpha": "tasks.propagation.alpha",
    "evaluate.few_labels.propagation.neighbours": "tasks.propagation.neighbours",
    "evaluate.few_labels.propagation.whitened": "tasks.propagation.pca_components",
    "evaluate.few_labels.propagation": "gone: a task that is not wanted is not in evaluate.tasks",
    "evaluate.few_labels.seed": "tasks.few_labels.seed",
    "evaluate.few_labels.strength": "tasks.few_labels.C",
    "evaluate.probes": "tasks.classification.probes",
    "evaluate.projections": "evaluate.probe_projections",
    "gate.beats": "gate.better_than_raw",
    "heads.linear.out": "heads.linear.dim",
    "heads.nonlinear.out": "heads.nonlinear.dim",
    "methods.byol.hidden": "methods.byol.predictor_hidden",
    "methods.fast_siam.hidden": "methods.fast_siam.predictor_hidden",
    "methods.margin.labelled": "methods.margin.positives",
    "methods.moco.hidden": "methods.moco.predictor_hidden",
    "methods.moco.norm_group": "methods.moco.batch_norm_group",
    "methods.moco.rising": "methods.moco.decay_schedule",
    "methods.siamese.labelled": "methods.siamese.positives",
    "methods.siamese.objective": "pretrain.objective",
    "methods.swav.small": "methods.swav.small_crops",
    "pretrain.monitored": "pretrain.monitor_examples",
    "probes.knn.whitened": "probes.knn.pca_components",
    "probes.linear.strength": "probes.linear.C",
}

# For old names whose values have changed too: each old value and the new value.
VALUES: Mapping[str, Mapping[Any, str]] = {
    "methods.margin.labelled": {False: "views", True: "classes"},
    "methods.moco.rising": {False: "constant", True: "cosine"},
    "methods.siamese.labelled": {False: "views", True: "classes"},
}

_GONE = "gone: "


def advice(old: str) -> str | None:
    """What to do about a setting of an earlier version; None for any other setting."""
    new = RENAMED.get(old)
    if new is None:
        return None
    if new.startswith(_GONE):
        return f"is gone, since {new.removeprefix(_GONE)}; delete it"
    values = VALUES.get(old, {})
    pairs = [f"{new_value} for {str(old_value).lower()}" for old_value, new_value in values.items()]
    return f"is called {new} now" + (f", with {', '.join(pairs)}" if pairs else "")


def translate(values: Any) -> tuple[Any, list[str]]:
    """The settings under their new names, and a fault for each old name in them.

    So a check of the result finds what else is wrong, and does not call a renamed setting missing.
    Where the old and the new name both have a value, the value of the new name stays.
    """
    tree, faults = copy.deepcopy(values), []
    for old, new in RENAMED.items():
        for value in _taken(tree, old):
            faults.append(f"{old}: {advice(old)}")
            if not new.startswith(_GONE):
                _put(tree, new, _new_value(old, value))
    return tree, faults


def _new_value(old: str, value: Any) -> Any:
    values = VALUES.get(old, {})
    return next((new for old_value, new in values.items() if old_value == value), value)


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
