"""What stages have written, by dvc.lock: sizes and checksums that DVC itself took."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ruamel.yaml import YAML

from twinview.errors import DataError

LOCK = Path("dvc.lock")


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
    found = YAML(typ="safe").load(LOCK.read_text())["stages"] if LOCK.is_file() else {}
    absent = [stage for stage in stages if stage not in found]
    if absent:
        raise DataError(f"{LOCK} has no results of stage {absent[0]}; `dvc repro` makes them")
    return [
        Out(stage, out["path"], out["size"], out.get("nfiles", 1), out["md5"])
        for stage in stages
        for out in found[stage].get("outs", [])
    ]
