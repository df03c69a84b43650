"""Every exception that twinview raises for something a user can mend, and how errors are told."""

import errno
import os
import traceback
from collections.abc import Sequence

DEBUG = "TWINVIEW_DEBUG"  # an environment variable; when it is set, errors show their traceback
INTERRUPTED = 130  # the exit status after Ctrl-C, as shells have it


class TwinviewError(Exception):
    """A fault that the user can mend; its message names the value, the place and the remedy.

    faults: where there are several, each by itself.
    """

    def __init__(self, message: str, faults: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.faults = tuple(faults)


class ConfigError(TwinviewError):
    """A wrong setting: params.yaml, an option of a plug-in, a command's argument."""


class DataError(TwinviewError):
    """A wrong file: missing, truncated, edited, or made for something else."""


class MissingError(DataError):
    """A file that is not there, where another reader may do without it."""


class EncodingError(DataError):
    """A file that is not UTF-8 text. reason: that, without the remedy."""

    def __init__(self, place: str, error: UnicodeDecodeError, remedy: str) -> None:
        self.reason = f"{place} is not UTF-8 text: {error}"
        super().__init__(f"{self.reason}; {remedy}")


class BusyError(TwinviewError):
    """Something else holds what is needed: another run, a port, the room on the disk."""


class TrainingError(TwinviewError):
    """A training that cannot go on, such as one whose loss is no longer a number."""


class ProcessLostError(TwinviewError):
    """Another process of a training ended, or cannot be reached."""


class StoppedError(TwinviewError):
    """A run that was asked to stop, and has saved what it had."""


def describe(error: TwinviewError | OSError) -> str:
    """The error in one paragraph. Its traceback goes to standard error first, where that is asked
    for by TWINVIEW_DEBUG, or by --debug, which sets it."""
    if os.environ.get(DEBUG):
        traceback.print_exception(error)
    if isinstance(error, TwinviewError):
        return str(error)
    where = f"{os.fspath(error.filename)}: " if error.filename is not None else ""
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
    errno.ENOTDIR: "a file lies where a folder should be; move it away",
    errno.EISDIR: "a folder lies where a file should be; move it away",
}
