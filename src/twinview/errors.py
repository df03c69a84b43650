"""Every exception that twinview raises for something a user can mend."""


class TwinviewError(Exception):
    """A fault that the user can mend; its message names the value, the place and the remedy."""


class ConfigError(TwinviewError):
    """A wrong setting: params.yaml, an option of a plug-in, a command's argument."""


class DataError(TwinviewError):
    """A wrong file: missing, truncated, edited, or made for something else."""


class BusyError(TwinviewError):
    """Something else holds what is needed: another run, a port, the room on the disk."""


class TrainingError(TwinviewError):
    """A training that cannot go on, such as one whose loss is no longer a number."""


class LostError(TwinviewError):
    """Another process of a training ended, or cannot be reached."""


class StoppedError(TwinviewError):
    """A run that was asked to stop, and has saved what it had."""
