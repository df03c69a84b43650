"""Settings of earlier versions, so that an old params.yaml is told each key's new name.

A row is the old dotted name, then the new one, or "gone: " with the reason. Nothing else needs to
know of it: `twinview check` and every stage refuse the old name and say the row.
"""

import copy
from collections.abc import Mapping
from typing import Any

RENAMED = {
    "baselines.components": "baselines.pca_components",
    "encoders.convnet.grid": "encoders.convnet.pool_size",
    "encoders.convnet.pooled": "encoders.convnet.pooled_layers",
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
}

# The values of old names whose new names have other ones.
VALUES: Mapping[str, Mapping[Any, str]] = {
    "methods.margin.labelled": {False: "views", True: "classes"},
    "methods.moco.rising": {False: "constant", True: "cosine"},
    "methods.siamese.labelled": {False: "views", True: "classes"},
}

_GONE = "gone: "


def advice(old: str) -> str | None:
    """What to do about a name of an earlier version; None for any other name."""
    new = RENAMED.get(old)
    if new is None:
        return None
    if new.startswith(_GONE):
        return f"is gone, since {new.removeprefix(_GONE)}; delete it"
    values = VALUES.get(old, {})
    pairs = [f"{value} for {str(was).lower()}" for was, value in values.items()]
    return f"is called {new} now" + (f", with {', '.join(pairs)}" if pairs else "")


def translate(values: Any) -> tuple[Any, list[str]]:
    """The settings under their new names, and a fault for each old name that they state.

    So what else is wrong with them can be found, and a key that only has its old name is not
    called missing. A new name that is stated too keeps its value.
    """
    tree, faults = copy.deepcopy(values), []
    for old, new in RENAMED.items():
        section, name = _section(tree, old)
        if not isinstance(section, dict) or name not in section:
            continue
        faults.append(f"{old}: {advice(old)}")
        value = section.pop(name)
        target, last = _section(tree, new)
        if isinstance(target, dict) and not new.startswith(_GONE):
            target.setdefault(last, _new_value(old, value))
    return tree, faults


def _new_value(old: str, value: Any) -> Any:
    values = VALUES.get(old, {})
    return next((new for was, new in values.items() if was == value), value)


def _section(tree: Any, dotted: str) -> tuple[Any, str]:
    """What the last name of a dotted one is looked up in, and that name."""
    *parents, last = dotted.split(".")
    for name in parents:
        tree = tree.get(name) if isinstance(tree, Mapping) else None
    return tree, last
