"""The text of dvc.yaml, from the declarations and imports of the scripts of pipeline/."""

from collections.abc import Iterator, Mapping, Sequence
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
# DVC's run cache skips keys of these names at any depth, since dvc.lock keeps the sizes of outs
# under them. A setting of such a name counts only where it stands by its own dotted name.
SKIPPED_KEYS = ("size", "nfiles")
NAMED_APART: Mapping[str, str] = {
    "data": "data.size",
    "augmentations": "augmentations.cutout.size",
}


def generate(root: Path = Path()) -> str:
    """The text of dvc.yaml for the project in a folder.

    Raises ConfigError for a folder without the code, and for a script whose STAGE is missing or
    wrong.
    """
    stages = load_stages(root)
    entries = [
        {"name": name, "lists": _lists(name, stages[name], root)} for name in _in_order(stages)
    ]
    return render(_TEMPLATE, escaped=False, stages=entries) + "\n"


def load_stages(root: Path = Path()) -> dict[str, Stage]:
    """The stages that the scripts of pipeline/ declare, by name."""
    scripts = sorted((root / "pipeline").glob("[!_]*.py"))
    if not scripts or not (root / _PACKAGE).is_dir():
        raise ConfigError.at(
            root.absolute(),
            f"has no pipeline/*.py and {_PACKAGE}/, from which {FILE} is made",
            "run in a folder with the project's code",
        )
    return {script.stem: _load_stage(script) for script in scripts}


def code_dependencies(name: str, stage: Stage, root: Path = Path()) -> set[str]:
    """The files of code that the result of a stage depends on.

    Parameters
    ----------
    name : the name of the stage and of its script.
    stage : its declaration.
    root : the folder of the project.

    Returns
    -------
    files : paths relative to root; the file of a plug-in that a setting chooses has a placeholder.
    """
    imported = dependencies([Path(f"pipeline/{name}.py")], root, stage.counted)
    plug_ins = (path for kind in stage.plug_ins for path in _plug_in_files(kind, root, stage))
    return {*map(str, imported), *plug_ins}


def _plug_in_files(kind: str, root: Path, stage: Stage) -> Iterator[str]:
    """The files of a kind, or the one that a setting chooses, and all files that they import."""
    folder = _PACKAGE / kind
    files = {path.relative_to(root) for path in (root / folder).glob("[!_]*.py")}
    for path in dependencies(files, root, stage.counted):
        if path not in files or kind not in CHOSEN_BY:
            yield str(path)
    if kind in CHOSEN_BY:
        yield f"{folder}/{_placeholder(CHOSEN_BY[kind])}.py"


def _load_stage(script: Path) -> Stage:
    """The STAGE of a script, checked."""
    stage = signatures.constant(script, "STAGE")
    if not isinstance(stage, Stage):
        raise ConfigError.at(
            f"{script}: STAGE",
            "is no twinview.stages.declared.Stage",
            "declare it as the other scripts of pipeline/ do",
        )
    for field, known in (("plug_ins", KINDS), ("counted", ASIDE)):
        for name in getattr(stage, field):
            if name not in known:
                hint = did_you_mean(name, known)
                raise ConfigError(f"{script}: STAGE.{field} names {name!r}, which is unknown{hint}")
    return stage


def _in_order(stages: Mapping[str, Stage]) -> list[str]:
    """The names of the stages, each after those that it reads from, otherwise alphabetical.

    DVC runs independent stages in the order of dvc.yaml.
    """
    sorter = TopologicalSorter({name: _upstream(stages[name], stages) for name in stages})
    try:
        sorter.prepare()
    except CycleError as error:
        cycle = " -> ".join(error.args[1])
        raise ConfigError.at(
            "the stages of pipeline/",
            f"read from each other in a cycle: {cycle}",
            "change what one of them reads",
        ) from None
    order: list[str] = []
    while sorter.is_active():
        ready = sorted(sorter.get_ready())
        order += ready
        sorter.done(*ready)
    return order


def _upstream(stage: Stage, stages: Mapping[str, Stage]) -> set[str]:
    """The names of the stages whose outs the stage reads."""
    return {
        name
        for name, other in stages.items()
        for out in other.outs
        if any(Path(read).is_relative_to(out) for read in stage.reads)
    }


def _lists(name: str, stage: Stage, root: Path) -> dict[str, list[str]]:
    """The lists of a stage, by their names in dvc.yaml."""
    return {
        "deps": [*map(str, stage.reads), *sorted(code_dependencies(name, stage, root))],
        "params": [_setting_path(setting) for setting in _with_sizes(stage.settings)],
        "outs": [
            *map(str, stage.writes),
            *(f"{out}: {{push: false}}" for out in stage.unpushed),
            *(f"{out}: {{cache: false}}" for out in stage.in_git),
        ],
        "metrics": [f"{out}: {{cache: false}}" for out in stage.metrics],
        "plots": [str(out) for out in stage.pictures],
    }


def _with_sizes(declared: Sequence[str]) -> Iterator[str]:
    """The declared settings, and after a section the setting in it that the run cache skips."""
    for setting in declared:
        yield setting
        if setting in NAMED_APART:
            yield NAMED_APART[setting]


def _setting_path(setting: str) -> str:
    """The setting; for a kind with a chosen plug-in, the path of that plug-in's options."""
    return f"{setting}.{_placeholder(OPTIONS_OF[setting])}" if setting in OPTIONS_OF else setting


def _placeholder(setting: str) -> str:
    """The text that DVC replaces by the value of the setting."""
    return f"${{{setting}}}"
