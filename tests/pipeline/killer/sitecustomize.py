"""Kills a pretraining at a chosen moment: just before it renames a file whose name ends as told.

TWINVIEW_KILL="name whom SIGNAL": whom is self, parent (DVC; the trainer then halts) or group.
"""

import os
import signal
import sys

_name, _whom, _signal = os.environ["TWINVIEW_KILL"].split()


def _hook(event: str, arguments: tuple[object, ...]) -> None:
    if event == "os.rename" and str(arguments[1]).endswith(_name):
        target = {"self": os.getpid(), "parent": os.getppid(), "group": -os.getpgid(0)}[_whom]
        os.kill(target, signal.Signals[_signal])
        if _whom == "parent":
            os.kill(os.getpid(), signal.SIGSTOP)


if "pipeline.pretrain" in sys.orig_argv:
    sys.addaudithook(_hook)
