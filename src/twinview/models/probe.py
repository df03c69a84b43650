"""The linear probe as it is saved and used: it gives class probabilities of frozen features."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from twinview.core import files
from twinview.core.errors import DataError
from twinview.core.tensor_files import load_tensors, save_tensors
from twinview.evaluation.logistic import LogisticModel

WEIGHTS = "probe.safetensors"
DESCRIPTION = "probe.json"


@dataclass(frozen=True)
class Probe:
    """A fitted probe.

    model: the fitted logistic regression. classes: the names of its classes, by label.
    """

    model: LogisticModel
    classes: tuple[str, ...]

    def probabilities(self, features: Tensor) -> Tensor:
        """The probabilities (n, k) of features (n, d), in the order of `classes`."""
        return self.model.logits(features).softmax(1)


@dataclass(frozen=True)
class NoProbe:
    """What stands in the place of a probe where the data have no labels.

    why: a clause, such as "the data have no labels".
    """

    why: str


def save(folder: Path, probe: Probe, options: Mapping[str, Any]) -> None:
    """Writes weights and description; equal probes give equal bytes. options: those of the fit."""
    description = {
        "probe": "linear",
        "options": options,
        "classes": list(probe.classes),
        "width": probe.model.weights.shape[1],
    }
    with files.atomic_folder(folder) as temporary:
        save_tensors(temporary / WEIGHTS, vars(probe.model))
        files.save_json(temporary / DESCRIPTION, description)


def save_none(folder: Path, absent: NoProbe) -> None:
    """Writes a folder without weights, whose description says why there is no probe."""
    description = {"probe": None, "why": absent.why}
    with files.atomic_folder(folder) as temporary:
        files.save_json(temporary / DESCRIPTION, description)


def load(folder: Path) -> Probe | NoProbe:
    """What save or save_none wrote. Raises DataError when the files do not belong together."""
    path = folder / DESCRIPTION
    value = files.load_json(path)
    try:
        if isinstance(value, dict) and value.get("probe", "") is None:
            return NoProbe(value["why"])
        classes, width = tuple(value["classes"]), int(value["width"])
    except (TypeError, ValueError) as error:
        remedy = "`dvc repro --force evaluate` fits the probe anew"
        raise DataError.at(path, f"does not describe a probe ({error})", remedy) from None
    weights = load_tensors(folder / WEIGHTS)
    expected = {"mean": (width,), "std": (width,), "weights": (len(classes), width)}
    expected |= {"bias": (len(classes),)}
    shapes = {name: tuple(tensor.shape) for name, tensor in weights.items()}
    if shapes != expected:
        raise DataError.at(
            folder / WEIGHTS,
            f"holds {shapes}, where {DESCRIPTION} says {expected}",
            "`dvc repro --force evaluate` fits the probe anew",
        )
    return Probe(LogisticModel(**weights), classes)


def with_class_names(model: LogisticModel, classes: Sequence[str]) -> Probe:
    """A probe whose classes have names; it knows the classes up to its largest label."""
    return Probe(model, tuple(classes[: len(model.bias)]))
