"""Examples that are in memory already, divided as stage prepare divides those of a source."""

from typing import Any

import numpy as np
import torch
from torch import Tensor

from twinview.core import registry
from twinview.core.counts import counted
from twinview.core.errors import DataError
from twinview.core.types import Modality, Source, Split
from twinview.data.source_splits import split_source
from twinview.data.splits import Prepared

MODALITY = "image"


def as_tensor(examples: Any) -> Tensor:
    """Pictures as a tensor on the CPU. Raises DataError unless they are uint8 (n, c, h, w)."""
    if not isinstance(examples, np.ndarray | Tensor):
        raise DataError(
            f"examples: are a {type(examples).__name__}; give a NumPy array or a PyTorch tensor, "
            "uint8 (n, c, h, w)"
        )
    if isinstance(examples, np.ndarray) and examples.dtype.kind not in "biuf":
        raise DataError(f"examples: are an array of {examples.dtype}; give uint8 (n, c, h, w)")
    if isinstance(examples, np.ndarray):
        # PyTorch warns of arrays that cannot be written to, and refuses negative strides.
        examples = torch.from_numpy(np.require(examples, requirements=["C", "W"]))
    modality: Modality = registry.bind("modalities", MODALITY, {})()
    try:
        modality.check(examples)
    except DataError as error:
        raise DataError(
            f"examples: {error}. Floats from 0 to 1 become bytes by (examples * 255).round() and "
            "the type uint8; grey pictures (n, h, w) get their channel by examples[:, None]"
        ) from None
    inputs: Tensor = examples.detach().cpu()
    return inputs


def divided(inputs: Tensor, labels: Any, held_out: int, seed: int) -> Prepared:
    """Train and validation splits; the test split has no rows. An example's id is its row.

    labels: None, or one for each example, whole numbers or texts, which are numbered in order.
    held_out: the number of validation examples. Raises DataError for other labels.
    """
    numbers, classes = _numbered(labels, len(inputs))
    rows = torch.arange(len(inputs))
    fit = Split(inputs, numbers, rows)
    source = Source(fit, None, classes, MODALITY)
    sizes = {"train": len(fit) - held_out, "validation": held_out, "test": 0}
    return split_source(source, sizes, seed)


def _numbered(labels: Any, count: int) -> tuple[Tensor | None, tuple[str, ...]]:
    """The number of each label's class, and the names of the classes."""
    if labels is None:
        return None, ()
    names = labels.cpu().numpy() if isinstance(labels, Tensor) else np.asarray(labels)
    if names.shape != (count,):
        raise DataError(
            f"labels: have the shape {names.shape}; give one for each of the "
            f"{counted(count, 'example')}, or none at all"
        )
    if names.dtype == object and all(isinstance(name, str) for name in names):
        names = names.astype(str)
    if names.dtype.kind not in "biuU":
        raise DataError(f"labels: are {names.dtype}; give whole numbers or texts")
    classes, numbers = np.unique(names, return_inverse=True)
    return torch.from_numpy(numbers), tuple(map(str, classes))
