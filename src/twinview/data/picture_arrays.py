"""Arrays of pictures and of labels that others saved, checked, and in the order that we use."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from twinview.core.counts import counted
from twinview.core.errors import ConfigError, DataError
from twinview.data.labels import clean

Array = NDArray[Any]
LAYOUTS = {"nhw": 3, "nhwc": 4, "nchw": 4}  # the number of axes
CHANNELS = (1, 3)


def as_pictures(array: Array, layout: str, place: str) -> Tensor:
    """The pictures as a view of the array, uint8 (n, c, h, w).

    Parameters
    ----------
    array : uint8; its pages may be mapped from a file.
    layout : the order of its axes: nhw, nhwc or nchw.
    place : the array's file and name, for errors.

    Raises
    ------
    DataError : the array has another type, or no picture.
    ConfigError : the array does not have this layout.
    """
    if array.dtype != np.uint8:
        raise DataError.at(place, f"is {array.dtype}", _remedy(array))
    if not _has_layout(array.shape, layout):
        fitting = [name for name in LAYOUTS if _has_layout(array.shape, name)]
        raise ConfigError.at(
            place,
            f"has the shape {array.shape}, and layout {layout} has {LAYOUTS[layout]} axes"
            f"{', c of which is 1 or 3' if 'c' in layout else ''}",
            f"set layout to {' or '.join(fitting)}" if fitting else _shape_remedy(array.shape),
        )
    if 0 in array.shape:
        raise DataError.at(place, f"has the shape {array.shape}", "give it pictures")
    pictures = torch.from_numpy(array)
    return {
        "nhw": lambda: pictures[:, None],
        "nhwc": lambda: pictures.permute(0, 3, 1, 2),
        "nchw": lambda: pictures,
    }[layout]()


def texts_of(array: Array, count: int, place: str) -> tuple[str | None, ...]:
    """One text for each example; whole numbers become their digits.

    The number -1 and an empty text are none, as is usual where only some examples have labels.

    Parameters
    ----------
    array : (count,) or (count, 1), of whole numbers, booleans or texts.
    count : the number of examples.
    place : the array's file and name, for errors.

    Raises
    ------
    DataError : the array has another shape or type.
    """
    if array.shape not in ((count,), (count, 1)):
        raise DataError.at(
            place,
            f"has the shape {array.shape}",
            f"give it one value for each of {counted(count, 'example')}",
        )
    values = array.reshape(count)
    if values.dtype.kind == "f":
        missing = np.flatnonzero(np.isnan(values))
        which = f" and has NaN, first in row {missing[0]}" if len(missing) else ""
        remedy = "write whole numbers, with -1 for an example without a label"
        raise DataError.at(place, f"is {values.dtype}{which}", remedy)
    if values.dtype.kind in "iu":
        return tuple(None if value == -1 else str(value) for value in values.tolist())
    if values.dtype.kind in "Ub":
        return tuple(clean(str(value)) for value in values.tolist())
    raise DataError.at(place, f"is {values.dtype}", "write whole numbers or texts")


def number(column: Sequence[str | None] | None, names: Sequence[str], none: int) -> Tensor | None:
    """The number of each text among the names, or `none`; None for a column without a text."""
    if column is None or not names:
        return None
    numbers: dict[str | None, int] = {name: place for place, name in enumerate(names)}
    return torch.tensor([numbers.get(text, none) for text in column])


def _has_layout(shape: tuple[int, ...], layout: str) -> bool:
    if len(shape) != LAYOUTS[layout]:
        return False
    return "c" not in layout or shape[layout.index("c")] in CHANNELS


def _remedy(array: Array) -> str:
    if array.dtype.kind == "f":
        return (
            "write bytes: of values from 0 to 1, (x * 255).round().astype('uint8'); of values from "
            "0 to 255, x.round().astype('uint8')"
        )
    return "write bytes, x.astype('uint8'), after a look at x.min() and x.max()"


def _shape_remedy(shape: tuple[int, ...]) -> str:
    if 4 in shape[1:] and len(shape) == 4:
        return "leave out the fourth channel, which is transparency: x[..., :3] or x[:, :3]"
    return "give it the axes (n, h, w), (n, h, w, c) or (n, c, h, w)"
