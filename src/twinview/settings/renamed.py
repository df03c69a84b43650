"""Settings of earlier versions: an error about an old params.yaml names each key's new name.

A row is the old dotted name, then the new one, or "gone: " with the reason. A new row needs no
other change: `twinview check` and every stage refuse the old name with the row's advice.
"""

import copy
from collections.abc import Mapping
from typing import Any

from twinview.settings.dotted import section_of

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
        section, name = section_of(tree, old)
        if not isinstance(section, dict) or name not in section:
            continue
        faults.append(f"{old}: {advice(old)}")
        value = section.pop(name)
        new_section, new_name = section_of(tree, new)
        if isinstance(new_section, dict) and not new.startswith(_GONE):
            new_section.setdefault(new_name, _new_value(old, value))
    return tree, faults


def _new_value(old: str, value: Any) -> Any:
    values = VALUES.get(old, {})
    return next((new for old_value, new in values.items() if old_value == value), value)
