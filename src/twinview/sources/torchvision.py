"""A classification data set of torchvision, by the name of its class (torchvision.datasets).

Its own splits are kept: train, validation where there is one, and test. Where there is only a
validation split, as of ImageNet, it is the test split.
"""

from collections.abc import Mapping
from typing import Annotated

import torch
from pydantic import AfterValidator

from twinview.core import declare
from twinview.core.paths import inside_project, root
from twinview.core.types import Source, Split
from twinview.data.torchvision_sets import Part, load_parts
from twinview.pictures.files import fit_upright


def torchvision(
    shape: tuple[int, int, int],
    *,
    name: str,
    folder: Annotated[str, AfterValidator(inside_project)],
    download: bool,
    arguments: Mapping[str, str | int | bool | tuple[int, ...]],
) -> Source:
    """All pictures; ids count them, first those of train, then of validation, then of test.

    Parameters
    ----------
    shape : (channels, height, width), to which each picture is scaled and cut.
    name : of the class, such as CIFAR10.
    folder : torchvision's root, where the data lie or are put; it is inside the project's folder.
    download : whether torchvision fetches what is missing.
    arguments : others of the class. With a split among them there is no other split.

    Raises
    ------
    ConfigError : there is no such class, or it takes no such argument.
    DataError : the data are missing, broken or cannot be fetched, or are no pictures with a class
        each.
    """
    parts = load_parts(name, root() / folder, download, arguments, shape, fit_upright)
    if set(parts) == {"train", "test"}:
        test = _split([parts["test"]], first=len(parts["train"].inputs))
        return Source(_split([parts["train"]]), test, parts["train"].classes, "image")
    given = tuple(split for split, part in parts.items() for _ in range(len(part.inputs)))
    fit, classes = _split(list(parts.values())), next(iter(parts.values())).classes
    return Source(fit, None, classes, "image", given if len(parts) > 1 else None)


DECLARES = declare.Source(modality="image", fitted=True, called_by="name")


def _split(parts: list[Part], first: int = 0) -> Split:
    inputs = torch.cat([part.inputs for part in parts]) if len(parts) > 1 else parts[0].inputs
    labels = torch.cat([part.labels for part in parts])
    return Split(inputs, labels, torch.arange(first, first + len(inputs)))
