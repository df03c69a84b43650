"""Writes down, for each process whose PYTHONPATH has this folder, whom it wants to talk to.

TWINVIEW_WITNESS: the file. A line is an event of Python's and what it is about: a name that is
looked up, an address that is connected to or listened on, a reporter that DVC starts apart.
"""

import os
import sys

_to = os.environ["TWINVIEW_WITNESS"]


def _hook(event: str, arguments: tuple[object, ...]) -> None:
    if event in ("socket.connect", "socket.sendto", "socket.bind"):
        _note(event, str(arguments[1]))
    elif event in ("socket.getaddrinfo", "socket.gethostbyname"):
        _note(event, str(arguments[0]))
    elif event == "subprocess.Popen" and "daemon" in (words := list(map(str, arguments[1]))):  # type: ignore[call-overload]
        _note("daemon", words[-2])


def _note(event: str, what: str) -> None:
    with open(_to, "a") as file:  # noqa: PTH123
        file.write(f"{event} {what}\n")


sys.addaudithook(_hook)
