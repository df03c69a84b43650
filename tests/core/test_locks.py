"""A lock is one process's, says whose, and does not outlive it."""

import os
import signal
from pathlib import Path

import pytest

from twinview.core import locks


class TakenError(Exception):
    pass


def refuse(holder: str) -> None:
    raise TakenError(holder)


def test_the_second_one_is_told_who_holds_it(tmp_path: Path) -> None:
    with locks.file_lock(tmp_path / "deep/a.lock", refuse):
        with pytest.raises(TakenError) as caught, locks.file_lock(tmp_path / "deep/a.lock", refuse):
            pytest.fail("held twice")
        assert str(caught.value) == f"process {os.getpid()}"


def test_it_is_free_afterwards_also_after_an_error(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), locks.file_lock(tmp_path / "a.lock", refuse):
        raise ZeroDivisionError
    with locks.file_lock(tmp_path / "a.lock", refuse):
        pass


def test_who_does_not_refuse_waits_until_the_holder_is_killed(tmp_path: Path) -> None:
    told, started = os.pipe()
    if not (child := os.fork()):
        with locks.file_lock(tmp_path / "a.lock", refuse):
            os.write(started, b".")
            signal.pause()
    os.read(told, 1)
    holders: list[str] = []

    def kill(holder: str) -> None:
        holders.append(holder)
        os.kill(child, signal.SIGKILL)

    with locks.file_lock(tmp_path / "a.lock", kill):
        assert holders == [f"process {child}"]
    os.waitpid(child, 0)
