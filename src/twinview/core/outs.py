"""Checks that each stage can replace its outputs: what lies at their paths must be no link.

DVC and the stages replace an output as a whole. Every stage and `twinview check` call this, so
that the fault is known before the work and not after it.
"""

from pathlib import Path

from twinview.core.errors import DataError
from twinview.core.paths import OUTS

_CACHED = "/files/md5/"  # under cache.type symlink an output is a link to here in DVC's cache


def check() -> None:
    """Raises DataError, with every fault, when a stage cannot replace its outputs."""
    faults = sorted({fault for out in OUTS if (fault := _parent_fault(out) or _fault(out))})
    if faults:
        lines = "\n".join(f"  {fault}" for fault in faults)
        raise DataError(
            f"stages cannot write here:\n{lines}\nMove it away (`dvc repro` makes anew what stages "
            "write). To keep large files on another disk, `dvc cache dir --local /disk/cache` and "
            "`dvc config --local cache.type symlink`; data/raw may be a link",
            faults,
        )


def _parent_fault(out: Path) -> str | None:
    """What is wrong with a folder above the output, from the outermost on; or None."""
    for place in reversed(out.parents[:-1]):
        if place.is_symlink():
            return _link_fault(place)
        if place.exists() and not place.is_dir():
            return f"{place} is a file, where a folder has to be"
    return None


def _fault(out: Path) -> str | None:
    """What is wrong with what lies at the output's own path, or None."""
    if out.is_symlink():
        is_cached = bool(out.suffix) and _CACHED in str(out.readlink())
        return None if is_cached else _link_fault(out)
    if out.exists() and out.is_dir() == bool(out.suffix):
        kinds = ("folder", "file") if out.suffix else ("file", "folder")
        return "{} is a {}, where a {} has to be".format(out, *kinds)
    return None


def _link_fault(place: Path) -> str:
    return f"{place} is a link to {place.readlink()}"
