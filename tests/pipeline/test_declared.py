"""Each stage declares the settings that its script reads, and no others."""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from tests.support.workspace import ROOT
from twinview.core import registry
from twinview.settings.params import Params
from twinview.stages.dvc_yaml import load_stages

PIPELINE = YAML(typ="safe").load((ROOT / "dvc.yaml").read_text())
STAGES = PIPELINE["stages"]


@pytest.mark.parametrize("name", STAGES)
def test_a_stage_declares_the_settings_that_it_reads(name: str) -> None:
    read = set(_settings_read(ROOT / f"pipeline/{name}.py"))
    stated = set(load_stages(ROOT)[name].settings)
    assert {r for r in read if not _covered(r, stated)} == set(), "read and not declared"
    assert {s for s in stated if not _covered(s, read)} == set(), "declared and not read"


@pytest.mark.parametrize("name", STAGES)
def test_the_objective_is_declared_with_the_method(name: str) -> None:
    """Methods use objectives too, so the files of all are listed, and the options of one."""
    stage = STAGES[name]
    both = {"methods.${pretrain.method}", "objectives.${pretrain.objective}"}
    assert both & set(stage["params"]) in (set(), both)
    if "src/twinview/methods/${pretrain.method}.py" in stage["deps"]:
        files = {f"src/twinview/objectives/{one}.py" for one in registry.names("objectives")}
        assert files <= set(stage["deps"])


@pytest.mark.parametrize("name", STAGES)
def test_a_stage_that_loads_views_declares_the_augmentations(name: str) -> None:
    """In cached mode it runs none of them, so that a run would not show it."""
    renders = "src/twinview/views/plan.py" in STAGES[name]["deps"]
    assert renders == ("augmentations" in load_stages(ROOT)[name].plug_ins)


def test_every_plot_is_shown_once_with_axes_of_its_own() -> None:
    """DVC draws a stage's plot by itself too, its last column by the row's number."""
    assert all(isinstance(plot, str) and plot.endswith(".png") for plot in _plots_of_stages())
    shown = [name for plot in PIPELINE["plots"] for name in plot]
    assert len(shown) == len(set(shown)) and not set(shown) & set(_plots_of_stages())
    curves = {"steps": _columns("steps"), "epochs": _columns("epochs")}
    drawn = [column for plot in PIPELINE["plots"] for own in plot.values() for column in _y(own)]
    for kind, columns in curves.items():
        assert columns - {"step", "epoch", "loss", "negatives"} <= set(drawn), kind


def _columns(kind: str) -> set[str]:
    """The columns of a file of curves, of the results in git."""
    return set((ROOT / f"reports/pretrain/{kind}.csv").read_text().splitlines()[0].split(","))


def _plots_of_stages() -> list[str]:
    return [plot for stage in STAGES.values() for plot in stage.get("plots", ())]


def _y(plot: dict[str, Any]) -> list[str]:
    """The columns that a plot draws."""
    return [
        column
        for columns in plot["y"].values()
        for column in ([columns] if isinstance(columns, str) else columns)
    ]


def _covered(setting: str, by: set[str]) -> bool:
    """Whether a dotted setting, a part of it or a whole around it is among the others."""
    return any(f"{setting}.".startswith(f"{o}.") or f"{o}.".startswith(f"{setting}.") for o in by)


def _settings_read(script: Path) -> Iterator[str]:
    """Dotted paths below `settings`, aliases such as `own = settings.pretrain` followed."""
    tree = ast.parse(script.read_text())
    aliases = {"settings": ""}
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign):
            for target, value in _pairs(node.targets[0], node.value):
                path = _dotted(value, aliases)
                if isinstance(target, ast.Name) and path:
                    aliases[target.id] = path
    sections = {
        node.targets[0].id: node.value
        for node in tree.body
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)
    }
    for node in ast.walk(tree):
        if _is_call_of(node, "chosen", "bound"):
            yield from _named(node, sections)
        path = _dotted(node, aliases)
        if path.split(".")[0] in Params.model_fields and path not in aliases.values():
            yield path


def _is_call_of(node: ast.AST, *methods: str) -> bool:
    called = node.func if isinstance(node, ast.Call) else None
    return isinstance(called, ast.Attribute) and called.attr in methods


def _named(call: ast.AST, constants: dict[str, ast.expr]) -> Iterator[str]:
    """The sections that a call of chosen or bound names."""
    assert isinstance(call, ast.Call)
    assert isinstance(call.func, ast.Attribute)
    arguments = call.args[:1] if call.func.attr == "bound" else call.args
    for argument in arguments:
        if isinstance(argument, ast.Starred) and isinstance(argument.value, ast.Name):
            yield from ast.literal_eval(constants[argument.value.id])
        else:
            yield ast.literal_eval(argument)


def _pairs(target: ast.expr, value: ast.expr) -> list[tuple[ast.expr, ast.expr]]:
    if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple):
        return list(zip(target.elts, value.elts, strict=True))
    return [(target, value)]


def _dotted(node: ast.AST, aliases: dict[str, str]) -> str:
    if isinstance(node, ast.Name):
        return aliases.get(node.id, "")
    if isinstance(node, ast.Attribute):
        if isinstance(node.value, ast.Name) and node.value.id == "settings":
            return node.attr
        base = _dotted(node.value, aliases)
        return f"{base}.{node.attr}" if base else ""
    return ""
