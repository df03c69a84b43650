"""Code that cannot change a result, so that an edit of it makes no result and no checkpoint stale.

A module belongs here when stages give the same bits without it; tests/stages/test_aside.py runs
them with each one replaced. core.errors does not belong here: what is caught decides what goes on.
"""

import ast
from collections.abc import Collection
from pathlib import Path

# A name that ends in a dot is a package with all that is in it.
ASIDE = {
    "twinview": "the public face, for other people's programs; no stage uses it",
    "twinview.core.commands": "asks git and DVC, for the names and the tags of runs",
    "twinview.core.locks": "keeps two processes from the same work",
    "twinview.core.outs": "refuses to start where an out cannot be written",
    "twinview.experiments.": "reads commits, experiments and DVC's lock file",
    "twinview.settings.check_cache": "remembers which settings were checked before",
    "twinview.stages.": "declares stages, starts processes, notes signals, shows progress",
    "twinview.tracking.": "tells MLflow",
}


def is_aside(module: str, counted: Collection[str] = ()) -> bool:
    """Whether a module cannot change a result; counted: those of ASIDE that can, for a stage."""
    return any(
        module == name.removesuffix(".") or (name.endswith(".") and module.startswith(name))
        for name in ASIDE.keys() - set(counted)
    )


def holds_only_docstring(path: Path) -> bool:
    """Whether a file is a package's __init__.py that holds only a docstring."""
    if path.name != "__init__.py":
        return False
    body = ast.parse(path.read_bytes(), str(path)).body
    return all(isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) for node in body)
