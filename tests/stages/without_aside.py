"""Runs stages in the current folder with everything aside replaced by next to nothing.

python tests/stages/without_aside.py replaced|real STAGE...
"""

import contextlib
import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

ROOT = Path(__file__).parents[2]
RUN = SimpleNamespace(id="", log=lambda values, step: None, tag=lambda **tags: None)
# What the stages ask for of each module that is aside, and the least that does.
REPLACED: dict[str, dict[str, Any]] = {
    "twinview": {"__path__": [str(ROOT / "src/twinview")]},
    "twinview.core.dvc_lock": {"load": dict},
    "twinview.core.locks": {"file_lock": lambda *given: contextlib.nullcontext()},
    "twinview.core.outs": {},
    **{
        f"twinview.{package}": {"__path__": [str(ROOT / f"src/twinview/{package}")]}
        for package in ("experiments", "stages", "tracking")
    },
    # The stages that record entries count it: they need what it says of them.
    "twinview.evaluation.label_counts": {
        "MEASURES": {"accuracy": "accuracy", "f1": "F1"},
        "entries": lambda prefix, words, options: {
            f"{prefix}_{count}": f"{count} {words}" for count in options["per_class"]
        },
        "check": lambda *given, **more: (),
        "is_entry": lambda *given: False,
    },
    "twinview.experiments.lock_file": {"outs": dict},
    "twinview.experiments.provenance": {"provenance": dict},
    "twinview.settings.check_cache": {},
    "twinview.settings.renamed": {
        "advice": lambda name: None,
        "translate": lambda tree: (tree, []),
    },
    "twinview.settings.result_names": {
        "shared_names": lambda *given: (),
        "unknown_metrics": lambda *given: (),
    },
    "twinview.stages.allowed_tasks": {"require_measurable": lambda parts, classes: None},
    "twinview.stages.aside": {
        "is_aside": lambda module: False,
        "holds_only_docstring": lambda path: False,
    },
    "twinview.stages.declared": {"Stage": dict},
    "twinview.stages.launch": {},
    "twinview.stages.stage": {
        "show_elapsed": lambda what: contextlib.nullcontext(),
        "run_with_bar": lambda parts, *given: list(parts),
        "deferred_signals": lambda: contextlib.nullcontext(str),
        "progress": lambda items, *given: iter(items),
    },
    "twinview.tracking.mlflow_runs": {
        "Run": object,
        "pretraining": lambda *given: contextlib.nullcontext(RUN),
    },
    "twinview.tracking.run_names": {"training_name": str},
}


class Replacer(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Gives what stands above for each module that is aside, and refuses others of them."""

    def __init__(self) -> None:
        path = ROOT / "src/twinview/stages/aside.py"
        spec = importlib.util.spec_from_file_location("list_of_aside", path)
        assert spec is not None and spec.loader is not None
        self.list = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(self.list)

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        return importlib.machinery.ModuleSpec(name, self) if self.list.is_aside(name) else None

    def exec_module(self, module: ModuleType) -> None:
        if module.__name__ not in REPLACED:
            raise ImportError(
                f"{module.__name__} is aside, and {__file__} has nothing in its place"
            )
        vars(module).update(REPLACED[module.__name__])


if __name__ == "__main__":
    how, *stages = sys.argv[1:]
    sys.path.insert(0, str(ROOT))
    if how == "replaced":
        sys.meta_path.insert(0, Replacer())
    for stage in stages:
        importlib.import_module(f"pipeline.{stage}").main()
