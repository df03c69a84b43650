"""The files that a script loads, read from its imports without loading anything."""

import ast
import functools
import re
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path

from twinview.core.errors import ConfigError
from twinview.stages.aside import holds_only_docstring, is_aside

_FOLDERS = {"twinview": "src", "pipeline": "."}  # the folders of the project's packages


def dependencies(files: Iterable[Path], root: Path, counted: Collection[str] = ()) -> set[Path]:
    """The files of the project whose edit may change what the given files do, these included.

    Parameters
    ----------
    files : paths relative to root, as those of the result.
    root : the folder of the project.
    counted : names of aside.ASIDE that count nevertheless.

    Raises
    ------
    ConfigError : a file has a relative import, or is not valid Python.

    Notes
    -----
    An import inside a function counts like one at the top, since the function may be called. An
    import does not count inside a function of a module that is aside, or below `if TYPE_CHECKING`.
    A text, such as a template, counts if it is in the folder of a module and its name is quoted in
    the module or in another such text. An __init__.py with nothing but a docstring does not count.
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
    """The dotted name by which a file of the project is imported."""
    parts = file.with_suffix("").parts
    return ".".join(part for part in parts if part not in ("src", "__init__"))


def _file(module: str, root: Path) -> Path | None:
    """The file of a module; None for a name that is no module of the project."""
    package, *_ = parts = module.split(".")
    if package not in _FOLDERS:
        return None
    base = root.joinpath(_FOLDERS[package], *parts)
    candidates = (base.with_name(f"{base.name}.py"), base / "__init__.py")
    return next((path for path in candidates if path.is_file()), None)


def _imported(path: Path, module: str, *, functions: bool) -> Iterator[str]:
    """The names that a file imports, which may be modules, and the packages that contain them."""
    for name in (module, *_names(path.read_bytes(), str(path), functions)):
        yield name
        while name := name.rpartition(".")[0]:
            yield name


@functools.cache
def _names(code: bytes, path: str, functions: bool) -> list[str]:
    """The dotted names that the code imports. functions: include imports inside functions."""
    try:
        tree = ast.parse(code, path)
    except SyntaxError as error:
        raise ConfigError(f"{path}, line {error.lineno}: {error.msg}; correct it") from None
    names: list[str] = []
    for node in _imports(tree, functions):
        if isinstance(node, ast.ImportFrom) and node.level:
            raise ConfigError(f"{path}, line {node.lineno}: import by the whole name, without dots")
        prefix = f"{node.module}." if isinstance(node, ast.ImportFrom) else ""
        names += [f"{prefix}{alias.name}" for alias in node.names]
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
    """The texts in the folder of a module that it names, and those that these name in turn."""
    texts: set[Path] = set()
    waiting = [path]
    while waiting:
        names = re.findall(r"[\"']([\w.-]+)[\"']", waiting.pop().read_text("utf-8"))
        candidates = {path.parent / name for name in names if not name.endswith(".py")}
        new = {file for file in candidates if file.is_file()} - texts
        texts |= new
        waiting += new
    return texts
