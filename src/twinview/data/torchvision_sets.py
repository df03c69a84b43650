"""torchvision's classification data sets: their splits, pictures and classes."""

import inspect
import pickle
import tarfile
import zipfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from twinview.core.errors import ConfigError, DataError
from twinview.core.registry import did_you_mean
from twinview.core.types import NO_LABEL
from twinview.data.fetching import limited_sockets

Fit = Callable[[Image.Image, tuple[int, int, int]], Tensor]

# The words of torchvision's split argument, of which a class has one or none of each row.
_WORDS = {
    "train": ("train", "trainval", "train-standard"),
    "validation": ("val", "valid"),
    "test": ("test",),
}
_FAULTS = (
    OSError, RuntimeError, ValueError, ImportError, EOFError, KeyError,
    tarfile.TarError, zipfile.BadZipFile, pickle.UnpicklingError,
)  # fmt: skip
_NO_PICTURES = "name a data set of pictures with a class each"


@dataclass(frozen=True)
class Part:
    """A split: inputs uint8 (n, c, h, w), labels (n,) int64, and the names of all classes."""

    inputs: Tensor
    labels: Tensor
    classes: tuple[str, ...]


def load_parts(
    name: str,
    folder: Path,
    download: bool,
    arguments: Mapping[str, Any],
    shape: tuple[int, int, int],
    fit: Fit,
) -> dict[str, Part]:
    """The splits of a data set, in the order train, validation, test; one where it has no splits.

    Parameters
    ----------
    name : of the class in torchvision.datasets.
    folder : torchvision's root.
    download : whether missing files are fetched.
    arguments : others of the class.
    shape, fit : the (c, h, w) of inputs, and what makes such an input of a picture.

    Raises
    ------
    ConfigError : there is no such class, or it takes no such argument.
    DataError : the data are missing or broken, or no pictures with a class each.
    """
    make, parameters = _find(name)
    if unknown := [key for key in arguments if key not in parameters]:
        raise ConfigError.at(
            "sources.torchvision.arguments",
            f"has {unknown[0]!r}, which {name} does not take{did_you_mean(unknown[0], parameters)}",
            "take it out",
        )
    options = dict(arguments)
    options |= {"root": str(folder)} if "root" in parameters else {}
    options |= {"download": download} if "download" in parameters else {}
    place = f"torchvision's {name} in {folder}"
    parts = {
        split: _read(part, shape, fit, place)
        for split, part in _splits(make, parameters, options, place)
    }
    if "test" not in parts and "validation" in parts:
        parts["test"] = parts.pop("validation")
    return _with_one_numbering(parts)


def _find(name: str) -> tuple[type[Any], list[str]]:
    """The class, and the names of its parameters, those of its bases too if it passes them on."""
    from torchvision import datasets  # it takes a second

    known = [own for own in datasets.__all__ if inspect.isclass(getattr(datasets, own))]
    if name not in known:
        place = "sources.torchvision.name"
        near = did_you_mean(name, known)
        raise ConfigError.at(
            place, f"is {name!r}, which torchvision.datasets lacks{near}", "set it"
        )
    parameters: list[str] = []
    for base in inspect.getmro(getattr(datasets, name)):
        own = inspect.signature(base.__init__).parameters  # type: ignore[misc]
        parameters += [key for key in own if key not in ("self", "args", "kwargs")]
        if not any(value.kind is value.VAR_KEYWORD for value in own.values()):
            break
    return getattr(datasets, name), parameters


def _splits(
    make: type[Any], parameters: list[str], options: dict[str, Any], place: str
) -> Iterator[tuple[str, Any]]:
    """The data sets of the splits: by the flag `train`, by the argument `split`, or one of all."""
    if "train" in parameters and "train" not in options:
        for name, flag in (("train", True), ("test", False)):
            yield name, _make(make, options | {"train": flag}, place)
    elif "split" in parameters and "split" not in options:
        for name, words in _WORDS.items():
            made = (_make(make, options | {"split": word}, place) for word in words)
            if part := next((part for part in made if part is not None), None):
                yield name, part
    else:
        yield "train", _make(make, options, place)


def _make(make: type[Any], options: Mapping[str, Any], place: str) -> Any:
    """The data set; None where it has no such split."""
    try:
        with limited_sockets():
            return make(**options)
    except TypeError as error:
        words = str(error).removeprefix(f"{make.__name__}.__init__() ")
        remedy = "state the arguments that it needs in sources.torchvision.arguments"
        raise ConfigError.at(place, f"cannot be made ({words})", remedy) from None
    except _FAULTS as error:
        if "for argument split" in str(error):
            return None
        fetched = options.get("download")
        remedy = "put its files there by hand"
        reason = " ".join(str(error).split()) or type(error).__name__
        raise DataError.at(
            place,
            f"could not be {'fetched or ' if fetched else ''}read ({reason})",
            remedy if fetched else f"set sources.torchvision.download to true, or {remedy}",
        ) from None


def _with_one_numbering(parts: Mapping[str, Part]) -> dict[str, Part]:
    """The splits with the same classes in each, which go by name: those of all splits."""
    names = list(dict.fromkeys(name for part in parts.values() for name in part.classes))
    renumbered = {}
    for split, part in parts.items():
        if part.classes != tuple(names):
            numbers = torch.tensor([*map(names.index, part.classes), NO_LABEL])
            part = Part(part.inputs, numbers[part.labels], tuple(names))
        renumbered[split] = part
    return renumbered


def _read(part: Any, shape: tuple[int, int, int], fit: Fit, place: str) -> Part:
    """All examples of a data set."""
    if not len(part):
        raise DataError.at(place, "holds no example", _NO_PICTURES)
    inputs = torch.empty((len(part), *shape), dtype=torch.uint8)
    labels = torch.empty(len(part), dtype=torch.int64)
    for row in range(len(part)):
        picture, label = _example(part, row, place)
        inputs[row], labels[row] = fit(picture, shape), label
    return Part(inputs, labels, _classes(part, labels))


def _example(part: Any, row: int, place: str) -> tuple[Image.Image, int]:
    try:
        example = part[row]
    except _FAULTS as error:
        problem = f"has an example {row} that cannot be read ({error})"
        raise DataError.at(place, problem, "delete its files, and fetch them again") from None
    picture, label = example if isinstance(example, tuple) and len(example) == 2 else (None, None)
    if not isinstance(picture, Image.Image):
        raise DataError.at(place, "holds no pictures with one label each", _NO_PICTURES)
    if label is None:  # as of STL10's unlabelled pictures
        return picture, NO_LABEL
    if isinstance(label, Tensor | np.ndarray) and label.ndim == 0:
        label = label.item()
    if not isinstance(label, int | np.integer):
        raise DataError.at(place, f"has labels such as {label!r}", _NO_PICTURES)
    return picture, max(int(label), NO_LABEL)


def _classes(part: Any, labels: Tensor) -> tuple[str, ...]:
    """The names of the classes, which are numbers where the data set has no names."""
    names = getattr(part, "classes", None) or getattr(part, "categories", None)
    if not isinstance(names, list | tuple):
        names = range(int(labels.max()) + 1)
    return tuple(name[0] if isinstance(name, tuple) else str(name) for name in names)
