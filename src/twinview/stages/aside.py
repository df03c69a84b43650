"""Modules that cannot change a result, so that their edits make no result or checkpoint stale.

A module belongs here when stages give the same bits without it; tests/stages/test_aside.py runs
the stages with each module replaced. core.errors does not belong here, since a caught error decides
how a stage continues.
"""

import ast
from collections.abc import Collection
from pathlib import Path

# A name that ends in a dot is a package with all of its modules.
ASIDE = {
    "twinview": "the public interface for other programs; no stage uses it",
    "twinview.core.commands": "asks git and DVC for the names and tags of runs",
    "twinview.core.dvc_lock": "reads DVC's lock file, for experiments and forecasts",
    "twinview.core.locks": "keeps two processes from doing the same work",
    "twinview.core.outs": "refuses to start when an out cannot be written",
    "twinview.evaluation.label_counts": "names entries; stages that record these count it",
    "twinview.experiments.": "reads commits, experiments and DVC's lock file",
    "twinview.settings.check_cache": "remembers which settings have been checked",
    "twinview.settings.dotted": "reads settings by dotted names, for experiments and tracking",
    "twinview.settings.renamed": "says the new names of settings of earlier versions",
    "twinview.settings.result_names": "refuses names of results, and changes none",
    "twinview.stages.": "declares stages, starts processes, defers signals, shows progress",
    "twinview.tracking.": "logs to MLflow",
}


def is_aside(module: str, counted: Collection[str] = ()) -> bool:
    """Whether a module cannot change a result. counted: names of ASIDE that can, for this stage."""
    return any(
        module == name.removesuffix(".") or (name.endswith(".") and module.startswith(name))
        for name in ASIDE.keys() - set(counted)
    )


def holds_only_docstring(path: Path) -> bool:
    """Whether a file is an __init__.py with nothing but a docstring."""
    if path.name != "__init__.py":
        return False
    body = ast.parse(path.read_bytes(), str(path)).body
    return all(isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) for node in body)
