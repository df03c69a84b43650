"""The settings of a training that is started from Python: those of params.yaml, with changes.

A checkout reads the project's params.yaml; an installed package reads its copy, defaults.yaml.
docs/decisions/0010-from-python.md says why.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from twinview.core.errors import ConfigError
from twinview.core.registry import did_you_mean
from twinview.settings.params import Params, parse, whole_model

_INSTALLED = Path(__file__).with_name("defaults.yaml")
FILE = _INSTALLED if _INSTALLED.exists() else Path(__file__).parents[3] / "params.yaml"
PLACE = "what twinview.train was given"
# The sections that a training reads. A change of another section would have no effect.
TRAINING_SECTIONS = (
    "views", "pretrain", "augmentations", "encoders", "heads", "optimizers", "objectives",
    "methods",
)  # fmt: skip
# The size of each split is multiplied by this, so that no section that a training does not read
# asks for more examples than there are.
_PLENTY = 10**6


def with_changes(changes: Mapping[str, Any]) -> Params:
    """The default settings with the changes: values by dotted name, such as pretrain.epochs.

    data.train, data.validation and data.test keep their proportions, not their sizes. Raises
    ConfigError for a name or a value that params.yaml cannot have, and for a section that no
    training reads.
    """
    tree = YAML(typ="safe").load(FILE.read_text(encoding="utf-8"))
    for dotted, value in changes.items():
        _put(tree, dotted, value)
    for split in ("train", "validation", "test"):
        tree["data"][split] *= _PLENTY
    parse(whole_model(), tree, PLACE)
    return parse(Params, tree, PLACE)


def _put(tree: dict[str, Any], dotted: str, value: Any) -> None:
    """Sets a value and makes missing sections, so that the model refuses unknown names later."""
    section, *names = dotted.split(".")
    if section not in TRAINING_SECTIONS:
        near = did_you_mean(section, TRAINING_SECTIONS)
        raise ConfigError(f"{dotted}: a training reads no section {section!r}{near}")
    for name in (section, *names[:-1]):
        tree = tree.setdefault(name, {})
        if not names or not isinstance(tree, dict):
            raise ConfigError(f"{dotted}: is no setting; name one, such as pretrain.epochs")
    tree[names[-1]] = value
