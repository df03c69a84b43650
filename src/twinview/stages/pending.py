"""The stages that DVC has yet to run, by dvc.lock; `outlook` says from them how long a run takes.

DVC decides for one stage after the other. This module foresees that: a stage runs if its settings
or its code are not those that dvc.lock records, if something that it wrote is missing, or if it
reads from a stage that runs. DVC may still take results from its run cache, which is not foreseen.
"""

import hashlib
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from twinview.core import dvc_lock, paths
from twinview.settings.dotted import value_at

_CACHE = Path(".dvc/cache/files/md5")  # unless the user has moved it: then what is missing runs
_CODE = ("src/", "pipeline/")

Entry = Mapping[str, Any]  # of one stage in dvc.lock


def recorded() -> Mapping[str, Entry]:
    """The entries of dvc.lock by stage; none without a file. Raises DataError for a broken one."""
    entries: Mapping[str, Entry] = dvc_lock.load()["stages"]
    return entries


def pending(
    stages: Sequence[str],
    finished: Collection[str],
    settings: Mapping[str, Any],
    entries: Mapping[str, Entry],
) -> list[str]:
    """Those of the stages that will run.

    Parameters
    ----------
    stages : the names of stages, each after those that it reads from.
    finished : the stages that this run of DVC has run already.
    settings : the tree in params.yaml.
    entries : as `recorded` returns them.
    """
    running: list[str] = []
    for name in stages:
        entry, before = entries.get(name), (*running, *finished)
        if name not in finished and (
            entry is None
            or _is_outdated(entry, settings)
            or any(_reads_anew(entry, entries.get(of, {}), of in finished) for of in before)
        ):
            running.append(name)
    return running


def upstream(targets: Collection[str], entries: Mapping[str, Entry]) -> set[str]:
    """The targets, and all stages that they read from, as far as dvc.lock knows."""
    found = set(targets)
    for name in targets:
        for other, entry in entries.items():
            if other not in found and _read_from(entries.get(name, {}), entry):
                found |= upstream({other}, entries)
    return found


def _is_outdated(entry: Entry, settings: Mapping[str, Any]) -> bool:
    """Whether a stage has other settings or other code now, or lacks an out."""
    stated = entry.get("params", {}).get("params.yaml", {})
    return (
        any(value_at(settings, key) != value for key, value in stated.items())
        or any(_md5(path) != md5 for path, md5 in _files(entry, "deps") if path.startswith(_CODE))
        or not all(_is_there(path, md5) for path, md5 in _files(entry, "outs"))
    )


def _reads_anew(entry: Entry, earlier: Entry, finished: bool) -> bool:
    """Whether a stage reads what an earlier one has written anew, or will.

    finished: whether the earlier one has run, so that what it wrote is known to be new or not.
    """
    written = dict(_files(earlier, "outs"))
    read = _read_from(entry, earlier)
    return any(not finished or written.get(path) != md5 for path, md5 in read)


def _read_from(entry: Entry, earlier: Entry) -> list[tuple[str, str]]:
    """The deps of a stage, with checksums, that an earlier one writes or that lie in its outs."""
    outs = [path for path, _ in _files(earlier, "outs")]
    return [
        (path, md5)
        for path, md5 in _files(entry, "deps")
        if any(Path(path).is_relative_to(out) for out in outs)
    ]


def _files(entry: Entry, kind: str) -> list[tuple[str, str]]:
    """The paths and the checksums of a stage's deps or outs."""
    return [(of["path"], of.get("md5", "")) for of in entry.get(kind, [])]


def _md5(path: str) -> str | None:
    file = Path(path)
    return hashlib.md5(file.read_bytes()).hexdigest() if file.is_file() else None


def _is_there(path: str, md5: str) -> bool:
    """Whether an out is in the folder or in DVC's cache."""
    cached = paths.root() / _CACHE / md5[:2] / md5[2:]
    return Path(path).exists() or cached.exists()
