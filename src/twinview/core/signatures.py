"""The options of a plug-in, read from its file without loading it: most files load PyTorch.

The file is parsed and not run. Of its imports and its constants those alone are evaluated that the
annotations of the options name.
"""

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from twinview.core.errors import ConfigError


@dataclass(frozen=True)
class Signature:
    """A callable as its file states it. summary: its docstring's first line, or none.

    options: the keyword-only parameters, each with its annotation evaluated.
    """

    summary: str
    options: dict[str, Any]


def read(path: Path, name: str, package: str) -> Signature:
    """The signature of the function or class `name` that a file of the package defines.

    Raises ConfigError for a file that defines none, or an annotation that is missing or cannot be
    evaluated so.
    """
    body = _parsed(path).body
    defined = (node for node in body if isinstance(node, ast.FunctionDef | ast.ClassDef))
    target = next((node for node in defined if node.name == name), None)
    if target is None:
        raise ConfigError(f"{path} defines no {name}(); name its callable as the file")
    summary = (ast.get_docstring(target) or "").partition("\n")[0]
    keywords = _keywords(target)
    if bare := [one.arg for one in keywords if one.annotation is None]:
        raise ConfigError(f"{path}: annotate {', '.join(bare)} of {name}() with type and range")
    names = _Names(body, package)
    return Signature(summary, {one.arg: _evaluated(one, names, path) for one in keywords})


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
        raise ConfigError(f"{path}, line {error.lineno}: {error.msg}; mend it") from None


def _keywords(target: ast.FunctionDef | ast.ClassDef) -> Sequence[ast.arg]:
    """The keyword-only parameters of a function, or of a class's __init__."""
    if isinstance(target, ast.FunctionDef):
        return target.args.kwonlyargs
    made = (node for node in target.body if isinstance(node, ast.FunctionDef))
    first = next((node for node in made if node.name == "__init__"), None)
    return first.args.kwonlyargs if first else []


def _evaluated(option: ast.arg, names: "_Names", path: Path) -> Any:
    assert option.annotation is not None
    text = ast.unparse(option.annotation)
    try:
        value = eval(text, names.outside, names)
        return eval(value, names.outside, names) if isinstance(value, str) else value
    except (NameError, AttributeError, ImportError, TypeError, SyntaxError) as error:
        raise ConfigError(
            f"{path}: {option.arg}: {text} cannot be evaluated without loading the file ({error}); "
            "an annotation may name what the file imports and its constants, so put a class of "
            "your own into another file and import it"
        ) from None


class _Names(dict[str, Any]):
    """What annotations may name: a file's imports and constants, evaluated once asked for."""

    def __init__(self, body: Sequence[ast.stmt], package: str) -> None:
        super().__init__()
        self.outside = {"__package__": package}
        self._stated = dict(pair for statement in body for pair in _bound(statement))

    def __missing__(self, name: str) -> Any:
        code = ast.unparse(self._stated[name])  # KeyError: Python looks among its own names next
        exec(code, self.outside, self)
        return self[name]


def _bound(statement: ast.stmt) -> Iterator[tuple[str, ast.stmt]]:
    """The names that a statement binds, each with a statement that binds it alone."""
    if isinstance(statement, ast.Import):
        for one in statement.names:
            yield one.asname or one.name.partition(".")[0], ast.Import([one])
    elif isinstance(statement, ast.ImportFrom):
        for one in statement.names:
            yield one.asname or one.name, ast.ImportFrom(statement.module, [one], statement.level)
    elif isinstance(statement, ast.Assign | ast.AnnAssign):
        targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
        for target in targets:
            if isinstance(target, ast.Name):
                yield target.id, statement
