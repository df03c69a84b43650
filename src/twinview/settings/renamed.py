"""Settings of earlier versions: an error about an old params.yaml names each key's new name.

A row is the old dotted name, then the new one, several new ones, or "gone: " with the reason. A
new row needs no other change: `twinview check` and every stage refuse the old name with the row's
advice.
"""

import copy
from collections.abc import Mapping
from typing import Any

from twinview.settings.dotted import section_of, value_at

RENAMED: Mapping[str, str | tuple[str, ...]] = {
    "baselines.components": "baselines.pca_components",
    "encoders.convnet.grid": "encoders.convnet.pool_size",
    "encoders.convnet.pooled": "encoders.convnet.pooled_layers",
    "evaluate.few_labels.draws": ("tasks.few_labels.draws", "tasks.propagation.draws"),
    "evaluate.few_labels.per_class": ("tasks.few_labels.per_class", "tasks.propagation.per_class"),
    "evaluate.few_labels.propagation.alpha": "tasks.propagation.alpha",
    "evaluate.few_labels.propagation.neighbours": "tasks.propagation.neighbours",
    "evaluate.few_labels.propagation.whitened": "tasks.propagation.pca_components",
    "evaluate.few_labels.propagation": "gone: a task that is not wanted is not in evaluate.tasks",
    "evaluate.few_labels.seed": ("tasks.few_labels.seed", "tasks.propagation.seed"),
    "evaluate.few_labels.strength": "tasks.few_labels.C",
    "evaluate.probes": "tasks.classification.probes",  # and see _chosen_tasks
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

# Words in lists: each old word and the new one.
WORDS: Mapping[str, Mapping[str, str]] = {"gate.verdicts": {"learning": "healthy"}}

# Names that came with a version, each with the value under which nothing changes.
NEW: Mapping[str, Any] = {
    "data.size": 28,
    "data.channels": 1,
    "data.background": [0, 0, 0],
    "data.jpeg_margin": 2,
    "data.max_left_out": None,
    "data.duplicates": "report",
    "data.near_pairs": "report",
    "views.positives": "example",
    "pretrain.labels": "used",
    "pretrain.early_view_scale": 1.0,
    "encoders.convnet.first_layer": "learned",
    "embed.components": None,
    "evaluate.group_folds": None,
    "tasks.classification.measures": ["accuracy", "precision", "recall", "f1"],
    "encoders.backbone.weights": None,
    "methods.simclr.views": 2,
    "methods.sup_con.views": 2,
    "methods.siamese.views": 2,
}

# Names that came with a version, each with the name whose value it has where nothing changes.
BEFORE: Mapping[str, str] = {
    "baselines.epochs": "pretrain.epochs",
    "baselines.batch_size": "pretrain.batch_size",
}

_GONE = "gone: "


def advice(old: str) -> str | None:
    """What to do about a name of an earlier version; None for any other name."""
    if old not in RENAMED:
        return None
    new = _new_names(old)
    if not new:
        return f"is gone, since {str(RENAMED[old]).removeprefix(_GONE)}; delete it"
    values = VALUES.get(old, {})
    pairs = [f"{value} for {str(was).lower()}" for was, value in values.items()]
    return f"is called {' and '.join(new)} now" + (f", with {', '.join(pairs)}" if pairs else "")


def translate(values: Any) -> tuple[Any, list[str]]:
    """The settings under their new names, and a fault for each old name that they state.

    So other faults can be found too, and a key that has only its old name is not called missing.
    A new name that is stated too keeps its value.
    """
    tree, faults = copy.deepcopy(values), []
    implied = _implied(tree)
    for old in RENAMED:
        for value in _taken(tree, old):
            faults.append(f"{old}: {advice(old)}")
            for new in _new_names(old):
                _put(tree, new, copy.deepcopy(implied.get(new, _new_value(old, value))))
    for name, words in WORDS.items():
        faults.extend(_reworded(tree, name, words))
    before = {new: value_at(tree, old) for new, old in BEFORE.items()}
    before = {new: value for new, value in before.items() if value is not None}
    new_names = {
        name: value
        for name, value in {**NEW, **before}.items()
        if isinstance(section_of(tree, name)[0], Mapping)
    }
    for new, value in ((implied if faults else {}) | new_names).items():
        if _put(tree, new, value):
            faults.append(f"{new}: is new; set it to {_as_yaml(value)} for the same results")
    return tree, faults


def _reworded(tree: Any, name: str, words: Mapping[str, str]) -> list[str]:
    """Puts new words into the list at a dotted name; returns a fault for each old one."""
    said, (section, last) = value_at(tree, name), section_of(tree, name)
    if not isinstance(said, list) or not isinstance(section, dict):
        return []
    section[last] = [words.get(word, word) for word in said]
    return [f"{name}: {word} is called {words[word]} now" for word in said if word in words]


def _implied(tree: Any) -> dict[str, Any]:
    """What settings of an earlier version imply, and today's state, by name."""
    if not isinstance(tree, Mapping):
        return {}
    implied: dict[str, Any] = {"data.modality": "image", "evaluate.group_folds": None}
    if tasks := _chosen_tasks(tree):
        implied["evaluate.tasks"] = tasks
    pretrain = tree.get("pretrain")
    if isinstance(pretrain, Mapping) and pretrain.get("method") != "siamese":
        implied |= {"pretrain.objective": "none", "objectives.none": {}}
    return implied


def _as_yaml(value: Any) -> str:
    if isinstance(value, list):
        return f"[{', '.join(map(str, value))}]"
    return "null" if value is None else str(value)


def _chosen_tasks(tree: Mapping[str, Any]) -> list[str]:
    """The tasks that were evaluated under settings of before evaluate.tasks; empty for others."""
    evaluate = tree.get("evaluate")
    if not isinstance(evaluate, Mapping) or "tasks" in evaluate:
        return []
    few = evaluate.get("few_labels")
    spread = isinstance(few, Mapping) and bool(few.get("propagation"))
    stated = {
        "classification": "probes" in evaluate,
        "few_labels": bool(few),
        "propagation": spread,
    }
    return [task for task, was in stated.items() if was]


def _new_names(old: str) -> tuple[str, ...]:
    """The new names of a setting; none if it is gone."""
    new = RENAMED[old]
    if isinstance(new, tuple):
        return new
    return () if new.startswith(_GONE) else (new,)


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


def _put(tree: Any, dotted: str, value: Any) -> bool:
    """States a value unless the name has one, in sections that are made if missing; whether so."""
    *parents, last = dotted.split(".")
    for name in parents:
        tree = tree.setdefault(name, {}) if isinstance(tree, dict) else None
    if not isinstance(tree, dict) or last in tree:
        return False
    tree[last] = value
    return True
