"""A training that no MLflow records, and an out of a pipeline that DVC did not run."""

from pathlib import Path

from twinview.experiments import lock_file


class Unrecorded:
    """A run of MLflow that records nothing."""

    id = "none"

    def __init__(self, *given: object) -> None: ...

    def __enter__(self) -> "Unrecorded":
        return self

    def __exit__(self, *given: object) -> None: ...

    def log(self, *given: object) -> None: ...

    def tag(self, **given: object) -> None: ...


def out(path: Path) -> lock_file.Out:
    """An out of the stage prepare."""
    return lock_file.Out("prepare", str(path), 1, 1, "hash")
