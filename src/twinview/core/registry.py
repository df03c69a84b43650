"""From a name in params.yaml to the callable that has it.

`kind/name.py` defines one public callable `name`: the folder is the registry. The pipeline passes
the positional parameters, and params.yaml sets the keyword-only ones. Their annotations (types,
ranges) are the only schema. They are read without loading the file, and so is what the file
declares (core/declare.py).
"""

import difflib
import functools
import importlib
import inspect
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel, ConfigDict, PydanticUserError, ValidationError, create_model

from twinview.core import declare, signatures
from twinview.core.errors import ConfigError

KINDS = (
    "sources",
    "modalities",
    "augmentations",
    "encoders",
    "heads",
    "optimizers",
    "objectives",
    "methods",
    "probes",
    "tasks",
)

FOLDER = Path(__file__).parents[1]  # it holds the folders of all kinds


class Section(BaseModel):
    """A section of params.yaml, without unknown keys, defaults or silent conversions."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


def bind(kind: str, name: str, options: Mapping[str, object]) -> Callable[..., Any]:
    """The callable `name` of a kind, with its options checked and set.

    Raises ConfigError for an unknown name, and for an unknown, missing or impossible option.
    """
    model = options_model(kind, name)
    try:
        checked = model.model_validate_json(json.dumps(options, default=str))
    except ValidationError as error:
        raise ConfigError("\n".join(explain(error, model, f"{kind}.{name}"))) from None
    values = {key: getattr(checked, key) for key in type(checked).model_fields}
    return functools.partial(find(kind, name), **values)


def names(kind: str) -> list[str]:
    """The sorted names that the kind's folder holds."""
    files = (FOLDER / kind).glob("*.py")
    return sorted(path.stem for path in files if path.stem != "__init__")


def find(kind: str, name: str) -> Callable[..., Any]:
    """The callable `name` of a kind; its file is imported when it is first asked for.

    Raises ConfigError when there is no such file, or when the file does not define the callable.
    """
    require(kind, name)
    module = importlib.import_module(f"twinview.{kind}.{name}")
    plug_in: Callable[..., Any] | None = getattr(module, name, None)
    if not callable(plug_in):
        raise ConfigError(f"{module.__file__} defines no {name}(); name its callable as the file")
    return plug_in


def require(kind: str, name: str) -> None:
    """Raises ConfigError for a name that the kind's folder does not hold."""
    if name not in names(kind):
        raise ConfigError(f"{kind} has no {name!r}{did_you_mean(name, names(kind))}")


@functools.cache
def options_model(kind: str, name: str) -> type[BaseModel]:
    """The pydantic model of a plug-in's options, built from its keyword-only parameters.

    The file is not loaded. Raises ConfigError for an option without an annotation, since the
    annotation is its range, and for an annotation that params.yaml cannot express.
    """
    title, signature = f"{kind}.{name}", _signature(kind, name)
    fields: dict[str, Any] = {option: (type_, ...) for option, type_ in signature.options.items()}
    try:
        return create_model(title, __base__=Section, __doc__=signature.summary or title, **fields)
    except PydanticUserError as error:
        reason = str(error).partition("\n")[0]
        path = _path(kind, name)
        raise ConfigError(f"{path}: params.yaml cannot express its options: {reason}") from None


def declaration(kind: str, name: str) -> declare.Declaration:
    """What a plug-in declares; the file is not loaded.

    Raises ConfigError for a plug-in that declares nothing where its kind has to, or something else.
    """
    wanted = declare.OF_KIND.get(kind, declare.Declaration)
    found = _signature(kind, name).declared
    if found is None and all(
        f.default is not MISSING or f.default_factory is not MISSING for f in fields(wanted)
    ):
        return wanted()
    if type(found) is not wanted:
        raise ConfigError(
            f"{_path(kind, name)}: DECLARES is {found!r}; "
            f"set it to a declare.{wanted.__name__}(...)"
        )
    assert isinstance(found, declare.Declaration)
    return found


def _signature(kind: str, name: str) -> signatures.Signature:
    require(kind, name)
    return _read(_path(kind, name), name, kind)


@functools.cache
def _read(path: Path, name: str, kind: str) -> signatures.Signature:
    return signatures.read(path, name, f"twinview.{kind}")


def _path(kind: str, name: str) -> Path:
    return FOLDER / kind / f"{name}.py"


def explain(error: ValidationError, model: type[BaseModel], place: str = "") -> list[str]:
    """One sentence for each fault that pydantic found in a `model` at `place`."""
    sentences = []
    faults = error.errors(include_url=False)
    inside = {fault["loc"][:-1] for fault in faults}
    for fault in faults:
        # Pydantic counts the correct members only; the faults of the other members say enough.
        if fault["type"] == "too_short" and fault["loc"] in inside:
            continue
        loc = [place] if place else []
        loc += [str(part) for part in fault["loc"]]
        where, key = ".".join(loc), loc[-1] if loc else ""
        if fault["type"] == "extra_forbidden":
            known = list(_model_at(model, fault["loc"][:-1]).model_fields)
            sentences.append(f"{where}: there is no such key{did_you_mean(key, known)}")
        elif fault["type"] == "missing":
            sentences.append(f"{where}: is missing; every setting is stated, none has a default")
        else:
            reason = fault["msg"].removeprefix("Value error, ")
            sentences.append(
                f"{where}: {reason[0].lower()}{reason[1:]}{_input_shown(fault['input'])}"
            )
    return sentences


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """The end of a sentence about an unknown name: the nearest known name, or all of them."""
    known = list(known)
    near = difflib.get_close_matches(name, known, n=1)
    if near:
        return f"; did you mean {near[0]!r}?"
    return f"; it knows {', '.join(known)}" if known else "; it takes none"


def _model_at(model: type[BaseModel], loc: Sequence[int | str]) -> type[BaseModel]:
    """The model of the section at a location inside of `model`."""
    for part in loc:
        annotation = model.model_fields[str(part)].annotation
        inner = [a for a in (annotation, *get_args(annotation)) if inspect.isclass(a)]
        model = next(a for a in inner if issubclass(a, BaseModel))
    return model


def _input_shown(value: object) -> str:
    return "" if isinstance(value, dict) else f" (it is {value!r})"
