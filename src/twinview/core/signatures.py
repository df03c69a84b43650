"""The options of a plug-in, read from its file without loading it, since most files load PyTorch.

The file is parsed and not run. Only those of its imports, constants and functions are evaluated
that the annotations of the options, and what the file declares, name.
"""

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from twinview.core.errors import ConfigError

DECLARES = "DECLARES"


@dataclass(frozen=True)
class Signature:
    """A callable as its file states it.

    summary: the first line of its docstring, or "". options: the keyword-only parameters, each
    with its evaluated annotation. declared: the value of DECLARES (core/declare.py), or None.
    """

    summary: str
    options: dict[str, Any]
    declared: Any


def read(path: Path, name: str, package: str) -> Signature:
    """The signature of a function or class, read from the source of its file.

    Parameters
    ----------
    path : the file.
    name : the name of the function or class that the file defines.
    package : the package that relative imports of the file start from.

    Raises
    ------
    ConfigError : the file does not define the name, or an annotation is missing or cannot be
        evaluated without loading the file.
    """
    body = _parsed(path).body
    defined = (node for node in body if isinstance(node, ast.FunctionDef | ast.ClassDef))
    target = next((node for node in defined if node.name == name), None)
    if target is None:
        raise ConfigError(f"{path} defines no {name}(); name its callable as the file")
    summary = (ast.get_docstring(target) or "").partition("\n")[0]
    keywords = _keywords(target)
    if bare := [option.arg for option in keywords if option.annotation is None]:
        raise ConfigError(f"{path}: annotate {', '.join(bare)} of {name}() with type and range")
    names = _Names(body, package)
    options = {option.arg: _option(option, names, path) for option in keywords}
    declared = _evaluated(DECLARES, DECLARES, names, path) if DECLARES in names else None
    return Signature(summary, options, declared)


def constant(path: Path, name: str) -> Any:
    """The value that a file states for a name, evaluated in the same way, without loading the file.

    Raises ConfigError for a file that states none, or one that cannot be evaluated so.
    """
    names = _Names(_parsed(path).body, "")
    try:
        return eval(name, names.outside, names)
    except (NameError, AttributeError, ImportError, TypeError) as error:
        raise ConfigError(
            f"{path}: {name} cannot be evaluated without loading the file ({error}); state it at "
            "the top, by what the file imports and its constants"
        ) from None


def _parsed(path: Path) -> ast.Module:
    try:
        return ast.parse(path.read_bytes(), str(path))
    except SyntaxError as error:
        raise ConfigError(f"{path}, line {error.lineno}: {error.msg}; correct it") from None


def _keywords(target: ast.FunctionDef | ast.ClassDef) -> Sequence[ast.arg]:
    """The keyword-only parameters of a function, or of a class's __init__."""
    if isinstance(target, ast.FunctionDef):
        return target.args.kwonlyargs
    methods = (node for node in target.body if isinstance(node, ast.FunctionDef))
    first = next((node for node in methods if node.name == "__init__"), None)
    return first.args.kwonlyargs if first else []


def _option(option: ast.arg, names: "_Names", path: Path) -> Any:
    assert option.annotation is not None
    return _evaluated(ast.unparse(option.annotation), option.arg, names, path)


def _evaluated(text: str, what: str, names: "_Names", path: Path) -> Any:
    try:
        value = eval(text, names.outside, names)
        return eval(value, names.outside, names) if isinstance(value, str) else value
    except (NameError, AttributeError, ImportError, TypeError, SyntaxError) as error:
        raise ConfigError(
            f"{path}: {what}: {text} cannot be evaluated without loading the file ({error}); "
            "it may name what the file imports and its constants, so define your own class in "
            "another file and import it"
        ) from None


class _Names(dict[str, Any]):
    """A file's imports, constants and functions, each evaluated on demand."""

    def __init__(self, body: Sequence[ast.stmt], package: str) -> None:
        super().__init__()
        self.outside = {"__package__": package}
        self._stated = dict(pair for statement in body for pair in _bound(statement))

    def __contains__(self, name: object) -> bool:
        return name in self._stated

    def __missing__(self, name: str) -> Any:
        statement = self._stated[name]  # after a KeyError Python looks among its built-ins
        if isinstance(statement, ast.FunctionDef):
            self._hand_over(statement, name)
        exec(ast.unparse(statement), self.outside, self)
        return self[name]

    def _hand_over(self, function: ast.FunctionDef, name: str) -> None:
        """Makes what a function names global to it: it looks nowhere else once it is called."""
        named = {node.id for node in ast.walk(function) if isinstance(node, ast.Name)}
        for other in named & self._stated.keys() - {name}:
            self.outside[other] = self[other]


def _bound(statement: ast.stmt) -> Iterator[tuple[str, ast.stmt]]:
    """The names that a statement binds, each with a statement that binds that name alone."""
    if isinstance(statement, ast.Import):
        for alias in statement.names:
            yield alias.asname or alias.name.partition(".")[0], ast.Import([alias])
    elif isinstance(statement, ast.ImportFrom):
        for alias in statement.names:
            imported = ast.ImportFrom(statement.module, [alias], statement.level)
            yield alias.asname or alias.name, imported
    elif isinstance(statement, ast.FunctionDef):
        yield statement.name, statement
    elif isinstance(statement, ast.Assign | ast.AnnAssign):
        targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
        for target in targets:
            if isinstance(target, ast.Name):
                yield target.id, statement
