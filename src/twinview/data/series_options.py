"""Options that sources of time series share; PyTorch is not imported."""

from dataclasses import dataclass
from typing import Annotated

from annotated_types import Ge, Len


@dataclass(frozen=True, kw_only=True)
class WindowOptions:
    """How recordings are cut; a source of series has these options under the name window.

    length: the steps of a window; None: a window is a whole recording, and shorter ones than the
    longest end with missing values. step: how many steps after a window the next one begins.
    """

    length: Annotated[int, Ge(2)] | None
    step: Annotated[int, Ge(1)]


@dataclass(frozen=True, kw_only=True)
class SeriesColumns:
    """The names of a table's columns, or of a .npz's arrays; the source series has these options.

    series: which recording a row is of. time: numbers that grow within a recording; None: the rows
    are in order. channels: the values; of a .npz, the one array (n, channels, steps). label,
    group, split: None where there is none. A .npz has neither series nor time.
    """

    series: str | None
    time: str | None
    channels: Annotated[tuple[str, ...], Len(1)]
    label: str | None
    group: str | None
    split: str | None
