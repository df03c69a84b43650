"""The files that a script loads, read from its imports: nothing is loaded, and so no PyTorch."""

import ast
import functools
import re
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path

from twinview.core.errors import ConfigError
from twinview.stages.aside import holds_only_docstring, is_aside

_FOLDERS = {"twinview": "src", "pipeline": "."}  # where the packages of the project lie


def dependencies(files: Iterable[Path], root: Path, counted: Collection[str] = ()) -> set[Path]:
    """The files of the project whose edit may change what these files do, themselves included.

    Parameters
    ----------
    files: relative to root, the project's folder, as the result is.
    counted: names of aside.ASIDE that count all the same.

    An import inside a function counts like one at the top, since whoever loads the module may call
    the function. Two imports do not count: one inside a function of a module that is aside, and one
    below `if TYPE_CHECKING`. A text, such as a template, counts where it lies beside a module and
    its name stands in quotes in that module or in another such text. An __init__.py that holds only
    a docstring does not count.

    Raises ConfigError for a relative import, or a file that is no Python.
    """
    loaded: dict[str, Path] = {}
    waiting = [module_of(file) for file in files]
    while waiting:
        module = waiting.pop()
        path = None if module in loaded else _file(module, root)
        if path is not None:
            loaded[module] = path
            waiting += _imported(path, module, functions=not is_aside(module, counted))
    code = {path for module, path in loaded.items() if not is_aside(module, counted)}
    code = {path for path in code if not holds_only_docstring(path)}
    return {path.relative_to(root) for path in code.union(*map(_texts, code))}


def module_of(file: Path) -> str:
    """The name by which a file of the project is imported."""
    parts = file.with_suffix("").parts
    return ".".join(part for part in parts if part not in ("src", "__init__"))


def _file(module: str, root: Path) -> Path | None:
    """The file of a module of the project; None for another's, or a name that is no module."""
    package, *_ = parts = module.split(".")
    if package not in _FOLDERS:
        return None
    place = root.joinpath(_FOLDERS[package], *parts)
    candidates = (place.with_name(f"{place.name}.py"), place / "__init__.py")
    return next((path for path in candidates if path.is_file()), None)


def _imported(path: Path, module: str, *, functions: bool) -> Iterator[str]:
    """The names that a file imports, which may be modules, and the packages around all these."""
    for name in (module, *_names(path.read_bytes(), str(path), functions)):
        yield name
        while name := name.rpartition(".")[0]:
            yield name


@functools.cache
def _names(code: bytes, path: str, functions: bool) -> list[str]:
    """The dotted names that a file's text imports; functions: those inside functions too."""
    try:
        tree = ast.parse(code, path)
    except SyntaxError as error:
        raise ConfigError(f"{path}, line {error.lineno}: {error.msg}; mend it") from None
    names: list[str] = []
    for node in _imports(tree, functions):
        if isinstance(node, ast.ImportFrom) and node.level:
            raise ConfigError(f"{path}, line {node.lineno}: import by the whole name, without dots")
        around = f"{node.module}." if isinstance(node, ast.ImportFrom) else ""
        names += [f"{around}{alias.name}" for alias in node.names]
    return names


def _imports(node: ast.AST, functions: bool) -> Iterator[ast.Import | ast.ImportFrom]:
    """The imports below a node."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import | ast.ImportFrom):
            yield child
        elif isinstance(child, ast.If) and ast.unparse(child.test).endswith("TYPE_CHECKING"):
            continue
        elif functions or not isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
            yield from _imports(child, functions)


def _texts(path: Path) -> set[Path]:
    """The files beside a module, not of Python, that it names, and those that these name."""
    texts: set[Path] = set()
    waiting = [path]
    while waiting:
        names = re.findall(r"[\"']([\w.-]+)[\"']", waiting.pop().read_text("utf-8"))
        beside = {path.parent / name for name in names if not name.endswith(".py")}
        new = {file for file in beside if file.is_file()} - texts
        texts |= new
        waiting += new
    return texts
