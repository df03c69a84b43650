"""What a command ends with: words for a reader, values for a program, an exit status."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Outcome:
    """text: printed as it is. data: printed instead by --json, as JSON. status: the exit status."""

    text: str
    data: Any
    status: int = 0
