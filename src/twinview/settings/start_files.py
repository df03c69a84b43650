"""The files of weights that the chosen encoder starts from; a training depends on their content."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from twinview.core import declare, paths
from twinview.core.errors import ConfigError
from twinview.core.registry import declaration


def start_files(encoder: str, options: Mapping[str, Any]) -> list[Path]:
    """The files that the options of an encoder name."""
    declared = declaration("encoders", encoder)
    assert isinstance(declared, declare.Encoder)
    named = declared.start_files
    return [Path(file) for file in named(options)] if named else []


def require_tracked(encoder: str, options: Mapping[str, Any]) -> None:
    """Raises ConfigError for a file that is missing, or outside of the folder that DVC watches."""
    for file in start_files(encoder, options):
        place = f"encoders.{encoder}"
        if ".." in file.parts or paths.WEIGHTS not in file.parents:
            raise ConfigError.at(
                place,
                f"names {file}, which is not in {paths.WEIGHTS}/, the folder in which DVC notices "
                "a change of the file",
                "put the file there",
            )
        if not file.is_file():
            raise ConfigError.at(
                place,
                f"names {file}, which does not exist",
                "put the file there, and `dvc add` it for runs in a copy of the project (--queue, "
                "--temp), which have tracked files only",
            )
