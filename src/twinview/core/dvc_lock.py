"""The content of dvc.lock, checked; experiments and stages read it here."""

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from twinview.core.errors import DataError, EncodingError, MissingError

LOCK = Path("dvc.lock")
_READ_HERE = partial(Path.read_text, encoding="utf-8")
_CONFLICT = ("<<<<<<<", ">>>>>>>")  # begin the lines that git marks a conflict with

# Returns the text of one of the project's files, of a folder or of a commit. Raises MissingError
# for a missing file and EncodingError for a file that is not text.
Read = Callable[[Path], str]


class _Dep(BaseModel):
    path: str
    md5: str


class _Out(_Dep):
    size: int


class _Stage(BaseModel):
    deps: list[_Dep] = []
    params: dict[str, dict[str, Any]] = {}
    outs: list[_Out] = []


class _Lock(BaseModel):
    """The part of DVC's format that the project reads. A stage without outs has no list of outs."""

    stages: dict[str, _Stage]


def load(read: Read = _READ_HERE) -> Mapping[str, Any]:
    """The content of dvc.lock, as `read` gives it; without a file there are no stages.

    Raises DataError for a broken file, such as one with the marks of a conflict in git.
    """
    try:
        text = read(LOCK)
        if any(line.startswith(_CONFLICT) for line in text.splitlines()):
            raise broken_error("it has the marks of a conflict in git")
        lock: Mapping[str, Any] = YAML(typ="safe").load(text)
        _Lock.model_validate(lock)
    except (FileNotFoundError, MissingError):
        return {"stages": {}}
    except (UnicodeDecodeError, EncodingError):
        raise broken_error("it is not UTF-8 text") from None
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"])) or "all of it"
        raise broken_error(f"{place}: {first['msg']}") from None
    except YAMLError as error:
        raise broken_error(" ".join(str(error).split())) from None
    return lock


def broken_error(reason: str) -> DataError:
    """The error for a file that is not as DVC writes it."""
    return DataError(
        f"{LOCK} is broken ({reason}); `git checkout HEAD {LOCK}` brings back the commit's, or "
        "delete it: `dvc repro` writes it anew, and takes the results from DVC's cache"
    )
