"""The result of a command: text for a reader, data for a program, an exit status."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Outcome:
    """The result of a command.

    text: is printed. data: is printed as JSON in place of the text if --json is given. status: the
    exit status. after: is called when the result has been printed, such as a server; it returns
    the exit status.
    """

    text: str
    data: Any
    status: int = 0
    after: Callable[[], int] | None = None
