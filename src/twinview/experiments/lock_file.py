"""What dvc.lock says of a run: the settings, data and code that its results come from."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from twinview.core import dvc_lock, paths
from twinview.core.dvc_lock import LOCK, Read
from twinview.core.errors import DataError
from twinview.core.registry import KINDS
from twinview.settings.dotted import value_at
from twinview.settings.renamed import NEW

_CODE = ("src/", "pipeline/")
_AFTER = ("report", "publish")  # stages on which no result depends
# The reports that numbers and verdicts are read from. git stores them, and DVC their checksums.
_RESULTS = (paths.METRICS, paths.BASELINE_METRICS, paths.PRETRAIN_METRICS)

Stages = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True)
class Out:
    """A file or folder that a stage wrote. md5: DVC's checksum; that of a folder ends in .dir."""

    stage: str
    path: str
    size: int
    files: int
    md5: str


def recorded_outs(stages: Sequence[str]) -> list[Out]:
    """All outs of these stages, in order.

    DVC writes the entry of a stage as soon as it has ended, so a stage finds the entries of those
    before it. Raises DataError if dvc.lock lacks a stage.
    """
    recorded = dvc_lock.load()["stages"]
    missing = [stage for stage in stages if stage not in recorded]
    if missing:
        raise DataError.at(LOCK, f"has no results of stage {missing[0]}", "`dvc repro` makes them")
    return [
        Out(stage, out["path"], out["size"], out.get("nfiles", 1), out["md5"])
        for stage in stages
        for out in _outs({stage: recorded[stage]})
    ]


def code(lock: Mapping[str, Any]) -> dict[str, str]:
    """The hashes, by path, of the files of code that the results come from."""
    deps = [dep for stage in _stages(lock).values() for dep in stage.get("deps", [])]
    return {dep["path"]: dep["md5"] for dep in deps if dep["path"].startswith(_CODE)}


def edited(lock: Mapping[str, Any], folder: Path) -> list[str]:
    """The files of code below the folder that differ from those that the results come from."""
    return [path for path, md5 in code(lock).items() if _md5(folder / path) != md5]


def outs(lock: Mapping[str, Any]) -> dict[str, int]:
    """The bytes of the stages' outs by hash, so that each content counts once."""
    return {out["md5"]: out["size"] for out in _outs(lock["stages"])}


def hash_of(lock: Mapping[str, Any], path: Path) -> str | None:
    """The hash of an out; None if no stage made it."""
    matching = (out for out in _outs(lock["stages"]) if out["path"] == str(path))
    return next((out["md5"] for out in matching), None)


def hash_of_dep(lock: Mapping[str, Any], path: str) -> str | None:
    """The hash that a file had when a stage read it; None if no stage read it."""
    deps = (dep for stage in lock["stages"].values() for dep in stage.get("deps", []))
    return next((dep["md5"] for dep in deps if dep["path"] == path), None)


def stale(lock: Mapping[str, Any], settings: Mapping[str, Any]) -> str | None:
    """Why the results are not those of the settings in params.yaml; None if they are.

    A stage may have run with other settings, or on other outs of an earlier stage, as happens when
    only some stages are run.
    """
    stages = _stages(lock)
    for name, key, value in _params(stages):
        if (where := _differs(value, value_at(settings, key), key)) is not None:
            return f"{name} ran with another {where} than params.yaml states"
    hashes = {out["path"]: out["md5"] for out in _outs(stages)}
    for name, stage in stages.items():
        for dep in stage.get("deps", []):
            if hashes.get(dep["path"], dep["md5"]) != dep["md5"]:
                return f"{name} ran on another {dep['path']} than there is"
    return None


def ran_with(lock: Mapping[str, Any], stage: str, settings: Mapping[str, Any]) -> bool:
    """Whether a stage has run with its settings as they are now."""
    ran = {name: of for name, of in lock["stages"].items() if name == stage}
    return bool(ran) and all(
        _differs(value, value_at(settings, key), key) is None for _, key, value in _params(ran)
    )


def altered(lock: Mapping[str, Any], read: Read) -> str | None:
    """Why the reports that `read` gives are not those that the stages wrote; None if they are.

    They differ from DVC's checksums after an edit by hand, or after a script ran without DVC. Line
    ends and white space at the end of a file do not count, since git may change them.
    """
    for stage, entry in _stages(lock).items():
        for out in entry.get("outs", []):
            path = Path(out["path"])
            if path in _RESULTS and out["md5"] not in _checksums(read(path)):
                return f"{path} is not what {stage} wrote, by its checksum in {LOCK}"
    return None


def _checksums(text: str) -> list[str]:
    """The MD5 of a text as it is, and of the text with one line end after it."""
    texts = (text, f"{text.strip()}\n")
    return [hashlib.md5(content.encode()).hexdigest() for content in texts]


def _md5(path: Path) -> str | None:
    return hashlib.md5(path.read_bytes()).hexdigest() if path.is_file() else None


def _outs(stages: Stages) -> Iterator[Mapping[str, Any]]:
    """The outs of all these stages."""
    return (out for stage in stages.values() for out in stage.get("outs", []))


def _stages(lock: Mapping[str, Any]) -> Stages:
    return {name: stage for name, stage in lock["stages"].items() if name not in _AFTER}


def _params(stages: Stages) -> Iterator[tuple[str, str, Any]]:
    for name, stage in stages.items():
        for key, value in stage.get("params", {}).get("params.yaml", {}).items():
            yield name, key, value


def _differs(first: Any, second: Any, key: str) -> str | None:
    """The first setting at or below the key in which two trees differ, or None."""
    if not isinstance(first, Mapping) or not isinstance(second, Mapping):
        return None if first == second else key
    names = [k for k in {**first, **second} if k in first or not _is_new(second[k], key, k)]
    keys = (_differs(first.get(k), second.get(k), f"{key}.{k}") for k in names)
    return next((key for key in keys if key is not None), None)


def _is_new(value: Any, section: str, name: str) -> bool:
    """Whether a setting came after the stage had run, with a value under which nothing changes.

    That is a candidate of a kind of plug-ins, which the stage did not choose, or a value that
    renamed.NEW states.
    """
    dotted = f"{section}.{name}"
    return section in KINDS or (dotted in NEW and NEW[dotted] == value)
