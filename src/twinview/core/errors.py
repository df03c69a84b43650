"""The exceptions for faults that a user can fix, and how commands describe them."""

import errno
import os
import traceback
from collections.abc import Sequence
from typing import NamedTuple, Self

DEBUG = "TWINVIEW_DEBUG"  # an environment variable; when it is set, errors show their traceback
INTERRUPTED = 130  # the exit status after Ctrl-C, as shells have it


class Fault(NamedTuple):
    """One fault: the setting or file, what is wrong with it (its value and why), and the remedy."""

    place: str
    problem: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.place} {self.problem}; {self.remedy}"


class TwinviewError(Exception):
    """A fault that the user can fix; the message names the place, the value, why, and the remedy.

    faults: the single faults, when the message lists several. fault: the parts of the message, when
    `at` made it.
    """

    def __init__(
        self, message: str, faults: Sequence[str] = (), fault: Fault | None = None
    ) -> None:
        super().__init__(message)
        self.faults = tuple(faults)
        self.fault = fault

    @classmethod
    def at(cls, place: object, problem: str, remedy: str) -> Self:
        """The error whose message is the sentence "<place> <problem>; <remedy>".

        Parameters
        ----------
        place : the setting, such as pretrain.micro_batch, or the file.
        problem : begins with a verb and names the value: "is 256, which does not divide 384".
        remedy : an imperative: "set it to 128".
        """
        fault = Fault(str(place), problem, remedy)
        return cls(str(fault), fault=fault)


class ConfigError(TwinviewError):
    """A wrong setting: one of params.yaml, an option of a plug-in, an argument of a command."""


class DataError(TwinviewError):
    """A wrong file: it is missing, truncated, edited, or belongs to something else."""


class MissingError(DataError):
    """A file that does not exist; a caller that can do without it catches this error."""


class EncodingError(DataError):
    """A file that is not UTF-8 text. reason: the message without the remedy."""

    def __init__(self, place: str, error: UnicodeDecodeError, remedy: str) -> None:
        self.reason = f"{place} is not UTF-8 text: {error}"
        super().__init__(f"{self.reason}; {remedy}")


class BusyError(TwinviewError):
    """Something else holds what the command needs: another run, a port, the space on the disk."""


class TrainingError(TwinviewError):
    """A training that cannot continue, for example because its loss is not a number any more."""


class ProcessLostError(TwinviewError):
    """Another process of the training has ended or cannot be reached."""


class StoppedError(TwinviewError):
    """A run that was asked to stop, and has saved its state."""


def describe(error: TwinviewError | OSError) -> str:
    """The error in one paragraph, with its remedy.

    When TWINVIEW_DEBUG is set (the option --debug sets it), the traceback goes to standard error
    first.
    """
    if os.environ.get(DEBUG):
        traceback.print_exception(error)
    if isinstance(error, TwinviewError):
        return str(error)
    # Of a file that was to replace another, the other one is what the user knows.
    path = error.filename if error.filename2 is None else error.filename2
    where = f"{os.fspath(path)}: " if path is not None else ""
    remedy = _REMEDIES.get(error.errno or 0, "TWINVIEW_DEBUG=1 shows where it happened")
    return f"{where}{error.strerror or error}; {remedy}"


_REMEDIES = {
    errno.EACCES: "see who owns it, and what its folder permits (`ls -ld`)",
    errno.EPERM: "see who owns it, and what its folder permits (`ls -ld`)",
    errno.EROFS: "the disk can only be read; work in a copy on another one",
    errno.ENOSPC: "the disk is full; `twinview clean` says what can go",
    errno.EDQUOT: "the quota is used up; `twinview clean` says what can go",
    errno.EFBIG: "a file must not grow so large here (`ulimit -f`)",
    errno.EMFILE: "too many files are open; raise `ulimit -n`",
    errno.ENOMEM: "the memory is used up; lower pretrain.batch_size or pretrain.micro_batch",
    errno.ENOENT: "run in the project's folder; `dvc repro` makes what stages write",
    errno.EEXIST: "a file lies where a folder should be; move it away",
    errno.ENOTDIR: "a file lies where a folder should be; move it away",
    errno.EISDIR: "a folder lies where a file should be; move it away",
}
