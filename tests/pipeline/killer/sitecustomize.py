"""Kills a pretraining at a chosen moment: just before it renames a file whose name ends as told.

TWINVIEW_KILL="name whom SIGNAL": whom is self, leader (DVC; the trainer then halts) or group.
DVC leads the group of the command; the parent may be a shell between the two.
"""

import os
import signal
import sys

_name, _whom, _signal = os.environ["TWINVIEW_KILL"].split()


def _hook(event: str, arguments: tuple[object, ...]) -> None:
    if event == "os.rename" and str(arguments[1]).endswith(_name):
        target = {"self": os.getpid(), "leader": os.getpgid(0), "group": -os.getpgid(0)}[_whom]
        os.kill(target, signal.Signals[_signal])
        if _whom == "leader":
            os.kill(os.getpid(), signal.SIGSTOP)


if "pipeline.pretrain" in sys.orig_argv:
    sys.addaudithook(_hook)
