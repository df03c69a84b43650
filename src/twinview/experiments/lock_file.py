"""dvc.lock as DVC writes it: what the results of a run were really made of."""

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from twinview.core import paths
from twinview.core.errors import DataError, EncodingError, MissingError

LOCK = Path("dvc.lock")
_CODE = ("src/", "pipeline/")
_AFTER = ("report", "publish")  # no result depends on them
# The reports that numbers and verdicts are read from; git keeps them, DVC their checksums.
_RESULTS = (paths.METRICS, paths.BASELINE_METRICS, paths.PRETRAIN_METRICS)

Stages = Mapping[str, Mapping[str, Any]]


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
    """What DVC's format has, as far as anything here reads it; only stages with outs state outs."""

    stages: dict[str, _Stage]


@dataclass(frozen=True)
class Out:
    """A file or folder that a stage wrote. md5: DVC's, which ends in .dir for a folder."""

    stage: str
    path: str
    size: int
    files: int
    md5: str


def recorded_outs(stages: Sequence[str]) -> list[Out]:
    """All outs of these stages, in order.

    DVC writes an entry as soon as its stage has ended, so a stage finds those before it.
    Raises DataError where one is not there.
    """
    found = load()["stages"]
    absent = [stage for stage in stages if stage not in found]
    if absent:
        raise DataError(f"{LOCK} has no results of stage {absent[0]}; `dvc repro` makes them")
    return [
        Out(stage, out["path"], out["size"], out.get("nfiles", 1), out["md5"])
        for stage in stages
        for out in _made({stage: found[stage]})
    ]


def _here(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except FileNotFoundError:
        raise MissingError(f"{path} is missing; `dvc repro` makes it") from None
    except UnicodeDecodeError as error:
        raise EncodingError(str(path), error, "`dvc repro` makes it anew") from None


def load(read: Callable[[Path], str] = _here) -> Mapping[str, Any]:
    """What dvc.lock states, of this folder or as `read` has it; no stages where there is none.

    Raises DataError for a broken one.
    """
    try:
        return load_required(read)
    except MissingError:
        return {"stages": {}}


def load_required(read: Callable[[Path], str]) -> Mapping[str, Any]:
    """The same of a file that has to be there. Raises MissingError, DataError for a broken one."""
    try:
        found: Mapping[str, Any] = YAML(typ="safe").load(read(LOCK))
        _Lock.model_validate(found)
    except ValidationError as error:
        first = error.errors()[0]
        raise broken_error(
            f"{'.'.join(map(str, first['loc'])) or 'all of it'}: {first['msg']}"
        ) from None
    except EncodingError as error:
        raise broken_error(error.reason) from None
    except YAMLError as error:
        raise broken_error(" ".join(str(error).split())) from None
    return found


def broken_error(reason: str) -> DataError:
    """What is said of a file that is not as DVC writes it."""
    return DataError(
        f"{LOCK} is broken ({reason}); `git checkout HEAD {LOCK}` brings back the commit's, or "
        "delete it: `dvc repro` writes it anew, and takes the results from DVC's cache"
    )


def code(lock: Mapping[str, Any]) -> dict[str, str]:
    """The files of code that the results come from, with the hash of each."""
    deps = [dep for stage in _stages(lock).values() for dep in stage.get("deps", [])]
    return {dep["path"]: dep["md5"] for dep in deps if dep["path"].startswith(_CODE)}


def edited(lock: Mapping[str, Any], folder: Path) -> list[str]:
    """The files of code below folder that are not what the results come from."""
    return [path for path, md5 in code(lock).items() if _md5(folder / path) != md5]


def outs(lock: Mapping[str, Any]) -> dict[str, int]:
    """The bytes of everything that the stages made, by hash, so that no content counts twice."""
    return {out["md5"]: out["size"] for out in _made(lock["stages"])}


def hash_of(lock: Mapping[str, Any], path: Path) -> str | None:
    """The hash of an out; None where no stage made it."""
    made = (out for out in _made(lock["stages"]) if out["path"] == str(path))
    return next((out["md5"] for out in made), None)


def hash_of_dep(lock: Mapping[str, Any], path: str) -> str | None:
    """The hash that a file had when a stage read it; None where no stage did."""
    deps = (dep for stage in lock["stages"].values() for dep in stage.get("deps", []))
    return next((dep["md5"] for dep in deps if dep["path"] == path), None)


def stale(lock: Mapping[str, Any], settings: Mapping[str, Any]) -> str | None:
    """Why the results are not those of the settings, as params.yaml holds them; None: they are.

    A stage may have run with other settings than are stated now, or on other outs of an earlier
    stage than there are now, as happens where only some stages were run.
    """
    stages = _stages(lock)
    for name, key, value in _params(stages):
        if (where := _differs(value, value_at(settings, key), key)) is not None:
            return f"{name} ran with another {where} than params.yaml states"
    made = {out["path"]: out["md5"] for out in _made(stages)}
    for name, stage in stages.items():
        for dep in stage.get("deps", []):
            if made.get(dep["path"], dep["md5"]) != dep["md5"]:
                return f"{name} ran on another {dep['path']} than there is"
    return None


def altered(lock: Mapping[str, Any], read: Callable[[Path], str]) -> str | None:
    """Why the reports that `read` has are not those that the stages wrote; None: they are.

    DVC's checksums tell, as after an edit by hand, or a script that ran without DVC. Line ends do
    not count, which git may change, nor white space at the file's end, which it may lose.
    """
    for stage, made in _stages(lock).items():
        for out in made.get("outs", []):
            path = Path(out["path"])
            if path in _RESULTS and out["md5"] not in _checksums(read(path)):
                return f"{path} is not what {stage} wrote, by its checksum in {LOCK}"
    return None


def _checksums(text: str) -> list[str]:
    """The MD5 of a text as it is, and of one that ends with a line."""
    return [hashlib.md5(one.encode()).hexdigest() for one in (text, f"{text.strip()}\n")]


def value_at(tree: Any, dotted: str) -> Any:
    """A setting by its dotted name; None where the tree has none."""
    for key in dotted.split("."):
        tree = tree.get(key) if isinstance(tree, Mapping) else None
    return tree


def _md5(path: Path) -> str | None:
    return hashlib.md5(path.read_bytes()).hexdigest() if path.is_file() else None


def _made(stages: Stages) -> Iterator[Mapping[str, Any]]:
    """The outs of all these stages."""
    return (out for stage in stages.values() for out in stage.get("outs", []))


def _stages(lock: Mapping[str, Any]) -> Stages:
    return {name: stage for name, stage in lock["stages"].items() if name not in _AFTER}


def _params(stages: Stages) -> Iterator[tuple[str, str, Any]]:
    for name, stage in stages.items():
        for key, value in stage.get("params", {}).get("params.yaml", {}).items():
            yield name, key, value


def _differs(one: Any, other: Any, key: str) -> str | None:
    """The first setting at or below key in which two trees differ."""
    if not isinstance(one, Mapping) or not isinstance(other, Mapping):
        return None if one == other else key
    found = (_differs(one.get(k), other.get(k), f"{key}.{k}") for k in {**one, **other})
    return next((where for where in found if where is not None), None)
