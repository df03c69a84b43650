"""The text of dvc.yaml, from what the scripts of pipeline/ declare and import."""

from collections.abc import Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

from twinview.core import signatures
from twinview.core.errors import ConfigError
from twinview.core.registry import KINDS, did_you_mean
from twinview.core.templates import render
from twinview.stages.aside import ASIDE
from twinview.stages.declared import CHOSEN_BY, OPTIONS_OF, Stage
from twinview.stages.imports import dependencies

FILE = Path("dvc.yaml")
_TEMPLATE = Path(__file__).with_name("dvc.yaml.j2")
_PACKAGE = Path("src/twinview")


def generate(root: Path = Path()) -> str:
    """The content of dvc.yaml for the project in a folder.

    Raises ConfigError for a folder without the code, and for a script whose STAGE is missing or
    wrong.
    """
    stages = load_stages(root)
    entries = [
        {"name": name, "lists": _lists(name, stages[name], root)} for name in _in_order(stages)
    ]
    return render(_TEMPLATE, escaped=False, stages=entries) + "\n"


def load_stages(root: Path = Path()) -> dict[str, Stage]:
    """What each script of pipeline/ declares, by its name."""
    scripts = sorted((root / "pipeline").glob("[!_]*.py"))
    if not scripts or not (root / _PACKAGE).is_dir():
        raise ConfigError(
            f"{root.absolute()} has no pipeline/*.py and {_PACKAGE}/, from which {FILE} is "
            "made; run in a folder with the project's code"
        )
    return {script.stem: _stated(script) for script in scripts}


def code_dependencies(name: str, stage: Stage, root: Path = Path()) -> set[str]:
    """The files of code that a stage's result depends on; a chosen plug-in's by its setting."""
    imported = dependencies([Path(f"pipeline/{name}.py")], root, stage.counted)
    plugged = (path for kind in stage.plug_ins for path in _of_kind(kind, root, stage))
    return {*map(str, imported), *plugged}


def _of_kind(kind: str, root: Path, stage: Stage) -> Iterator[str]:
    """A kind's files, or the one that a setting chooses, and what any file of the kind brings."""
    folder = _PACKAGE / kind
    files = {path.relative_to(root) for path in (root / folder).glob("[!_]*.py")}
    for path in dependencies(files, root, stage.counted):
        if path not in files or kind not in CHOSEN_BY:
            yield str(path)
    if kind in CHOSEN_BY:
        yield f"{folder}/{_placeholder(CHOSEN_BY[kind])}.py"


def _stated(script: Path) -> Stage:
    stage = signatures.constant(script, "STAGE")
    if not isinstance(stage, Stage):
        raise ConfigError(f"{script}: STAGE is no twinview.stages.declared.Stage")
    for field, known in (("plug_ins", KINDS), ("counted", ASIDE)):
        for name in getattr(stage, field):
            if name not in known:
                near = did_you_mean(name, known)
                raise ConfigError(f"{script}: STAGE.{field} names {name!r}, which is unknown{near}")
    return stage


def _in_order(stages: Mapping[str, Stage]) -> list[str]:
    """The stages' names, each after those that it reads from, and else by the alphabet.

    DVC runs stages that do not wait for each other in the order of its file.
    """
    sorter = TopologicalSorter({name: _before(stages[name], stages) for name in stages})
    try:
        sorter.prepare()
    except CycleError as error:
        circle = " -> ".join(error.args[1])
        raise ConfigError(
            f"the stages of pipeline/ read in a circle: {circle}; change what one of them reads"
        ) from None
    order: list[str] = []
    while sorter.is_active():
        ready = sorted(sorter.get_ready())
        order += ready
        sorter.done(*ready)
    return order


def _before(stage: Stage, stages: Mapping[str, Stage]) -> set[str]:
    """The stages that write what a stage reads."""
    return {
        name
        for name, other in stages.items()
        for out in other.outs
        if any(Path(read).is_relative_to(out) for read in stage.reads)
    }


def _lists(name: str, stage: Stage, root: Path) -> dict[str, list[str]]:
    """The lists of a stage, as DVC calls them."""
    return {
        "deps": [*map(str, stage.reads), *sorted(code_dependencies(name, stage, root))],
        "params": [_options(setting) for setting in stage.settings],
        "outs": [
            *map(str, stage.writes),
            *(f"{out}: {{push: false}}" for out in stage.unpushed),
            *(f"{out}: {{cache: false}}" for out in stage.in_git),
        ],
        "metrics": [f"{out}: {{cache: false}}" for out in stage.metrics],
        "plots": [str(out) for out in stage.pictures],
    }


def _options(setting: str) -> str:
    """A setting as it stands; a kind whose file is chosen, as the options of that one."""
    return f"{setting}.{_placeholder(OPTIONS_OF[setting])}" if setting in OPTIONS_OF else setting


def _placeholder(setting: str) -> str:
    """What DVC replaces by a setting's value."""
    return f"${{{setting}}}"
