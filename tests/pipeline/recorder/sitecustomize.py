"""Records, for each process whose PYTHONPATH has this folder, what it loaded and opened."""

import atexit
import json
import os
import sys
import uuid
from pathlib import Path

_root = Path(os.environ["TWINVIEW_RECORD_ROOT"])
_folder = Path(os.environ["TWINVIEW_RECORD_TO"])
_run = Path.cwd()
_opened: set[str] = set()
_parent = os.getpid()


def _hook(event: str, arguments: tuple[object, ...]) -> None:
    if event == "open" and isinstance(arguments[0], str):
        _opened.add(str(Path(arguments[0]).absolute()))


def _inside(paths: set[str]) -> list[str]:
    """Paths below the folder of the run, which may be a temporary copy, or of the project."""
    found = set()
    for path in map(Path, paths):
        for folder in (_run, _root):
            if path.is_relative_to(folder):
                found.add(str(path.relative_to(folder)))
                break
    return sorted(found)


def _write() -> None:
    stage = Path(sys.argv[0]).stem
    if os.getpid() == _parent and Path(sys.argv[0]).parent.name == "pipeline":
        modules = {
            str(m.__file__) for m in list(sys.modules.values()) if getattr(m, "__file__", None)
        }
        record = {"stage": stage, "modules": _inside(modules), "opened": _inside(_opened)}
        (_folder / f"{stage}-{uuid.uuid4().hex}.json").write_text(json.dumps(record))


sys.addaudithook(_hook)
atexit.register(_write)
