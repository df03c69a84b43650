"""Fetching of public data: Debian's packages, and limits for downloads that do not end."""

import contextlib
import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from twinview.core.errors import DataError
from twinview.core.files import atomic_folder

LIMIT_S = 300  # for each command, and for a server that sends nothing
SYSTEM = Path("/")


def find_or_unpack(folder: Path, origin: str, package: str, inside: Path, setting: str) -> Path:
    """The folder that holds a Debian package's files.

    It is `folder` where that exists, else the installed package's own folder. Where neither exists,
    the package is downloaded and unpacked into `folder`, which appears when it is whole.

    Parameters
    ----------
    folder : where the files lie, or are put.
    origin : folder fetches nothing; debian fetches what is missing.
    package : the package's name.
    inside : where the files lie in the package, relative to the root.
    setting : the source's section of params.yaml, for errors.

    Raises
    ------
    DataError : the files are not there and could not be fetched.
    """
    if folder.is_dir():
        return folder
    if origin == "folder":
        raise DataError.at(
            folder, "does not exist", f"put the files there, or set {setting}.origin to debian"
        )
    if found := installed(inside):
        return found
    try:
        with downloaded(package, inside) as found, atomic_folder(folder) as temporary:
            shutil.copytree(found, temporary, symlinks=True, dirs_exist_ok=True)
    except (OSError, subprocess.SubprocessError) as error:
        raise DataError.at(
            f"Debian's package {package}",
            f"could not be fetched ({error})",
            f"install it (`apt-get install {package}`), or put its /{inside} into {folder}",
        ) from None
    return folder


def installed(inside: Path) -> Path | None:
    """The folder of an installed package, or None. inside: its path, relative to the root."""
    folder = SYSTEM / inside
    return folder if folder.is_dir() else None


@contextlib.contextmanager
def downloaded(package: str, inside: Path) -> Iterator[Path]:
    """A folder of a Debian package that apt downloads, until the block ends; root is not needed.

    Raises OSError with apt's reasons.
    """
    for program in ("apt-get", "dpkg"):
        if not shutil.which(program):
            raise OSError(f"this machine has no {program}")
    with tempfile.TemporaryDirectory() as scratch:
        _download(package, scratch)
        archive = next(Path(scratch).glob("*.deb"))
        _run(["dpkg", "-x", str(archive), scratch], scratch)
        if not (folder := Path(scratch) / inside).is_dir():
            raise OSError(f"the package {package} has no /{inside}")
        yield folder


@contextlib.contextmanager
def limited_sockets() -> Iterator[None]:
    """Makes connections fail after LIMIT_S without a byte, since torchvision sets no limit."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(LIMIT_S)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)


def _download(package: str, folder: str) -> None:
    """Downloads a package into a folder. Raises OSError with apt's reasons."""
    reasons = []
    if os.geteuid() == 0:  # a new machine has no package lists, and only root can get them
        try:
            _run(["apt-get", "update"], folder)
        except OSError as error:
            reasons.append(str(error))
    try:
        _run(["apt-get", "download", package], folder)
    except OSError as error:
        raise OSError("; ".join([str(error), *reasons])) from None


def _run(command: list[str], folder: str) -> None:
    finished = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, errors="replace", timeout=LIMIT_S
    )
    if finished.returncode:
        lines = finished.stderr.strip().splitlines() or ["no reason given"]
        raise OSError(f"{' '.join(command)}: {lines[-1]}")
