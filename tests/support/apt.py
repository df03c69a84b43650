"""A machine with apt-get and dpkg, and a user who is not root."""

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest


def stand_in(monkeypatch: pytest.MonkeyPatch, unpack: Callable[[Path], object]) -> list[list[str]]:
    """The commands that are run, as they come; none of them really runs.

    unpack: writes what the package holds into the folder that dpkg unpacks it into.
    """
    ran: list[list[str]] = []

    def run(command: list[str], cwd: str, **rest: object) -> subprocess.CompletedProcess[str]:
        ran.append(command[:2])
        if command[:2] == ["apt-get", "download"]:
            (Path(cwd) / f"{command[2]}_1_all.deb").touch()
        elif command[0] == "dpkg":
            unpack(Path(cwd))
        return subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setattr(shutil, "which", lambda name: f"/usr/bin/{name}")
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setattr(subprocess, "run", run)
    return ran
