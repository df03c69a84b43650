"""What a source became."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from twinview.data.splits import Prepared


@dataclass(frozen=True)
class Divided:
    """The prepared splits, the columns of the table of examples, and sentences on both."""

    prepared: Prepared
    table: Mapping[str, Sequence[Any]]
    notes: tuple[str, ...]
