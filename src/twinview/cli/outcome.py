"""What a command ends with: words for a reader, values for a program, an exit status."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Outcome:
    """text: printed as it is. data: printed instead by --json, as JSON. status: the exit status.

    after: what goes on once that is printed, such as a server; it gives the status.
    """

    text: str
    data: Any
    status: int = 0
    after: Callable[[], int] | None = None
