"""Kills a pretraining at a chosen moment: just before it renames a file whose name ends as told.

TWINVIEW_KILL="name whom SIGNAL": whom is self, leader (DVC; the trainer then halts) or group; of
several processes: stage, which started them, or follower, the last that it started.
DVC leads the group of the command; the parent may be a shell between the two.
"-name": just before the file is removed. "dvc.lock": just before DVC opens it to write.
"""

import os
import signal
import sys
from pathlib import Path

_name, _whom, _signal = os.environ["TWINVIEW_KILL"].split()


def _hook(event: str, arguments: tuple[object, ...]) -> None:
    if _moment(event, arguments).endswith(_name):
        os.kill(_target(), signal.Signals[_signal])
        if _whom == "leader":
            os.kill(os.getpid(), signal.SIGSTOP)


def _moment(event: str, arguments: tuple[object, ...]) -> str:
    if event == "os.rename":
        return str(arguments[1])
    if event == "os.remove":
        return f"-{Path(str(arguments[0])).name}"
    if event == "open" and str(arguments[1]).startswith("w"):
        return str(arguments[0]) if str(arguments[0]).endswith("dvc.lock") else ""
    return ""


def _target() -> int:
    if _whom == "follower":
        stage = os.getppid()
        children = Path(f"/proc/{stage}/task/{stage}/children").read_text()
        return int(children.split()[-1])
    group = os.getpgid(0)
    return {"self": os.getpid(), "leader": group, "group": -group, "stage": os.getppid()}[_whom]


if "pipeline.pretrain" in sys.orig_argv or _name == "dvc.lock":
    sys.addaudithook(_hook)
