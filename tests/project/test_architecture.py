"""docs/architecture.md: its packages, rows and figure are those of the code."""

import re
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from tests.support.snippets import blocks, text
from tests.support.workspace import ROOT

PAGE = "docs/architecture.md"
STAGES = YAML(typ="safe").load((ROOT / "dvc.yaml").read_text("utf-8"))["stages"]


def test_the_page_has_every_package_with_its_row() -> None:
    linted = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"]
    rows = reversed(linted["contracts"][0]["layers"])
    names = [(row, name) for row, names in enumerate(rows, 1) for name in names.split(" | ")]
    wanted = {name.removeprefix("twinview."): str(row) for row, name in names}
    assert wanted.pop("pipeline") == "10"
    shown = re.findall(r"^\| (\d+) \| `(\w+)` \|", text(PAGE), re.M)
    assert {package: row for row, package in shown} == wanted
    folders = {path.parent.name for path in ROOT.glob("src/twinview/*/__init__.py")}
    assert folders == set(wanted), "pyproject.toml gives every package a row"


def test_the_five_files_exist() -> None:
    listed = re.findall(r"^\d\. `([\w/.]+)`", text(PAGE), re.M)
    assert len(listed) == 5
    assert [path for path in listed if not (ROOT / path).is_file()] == []


def test_the_figure_leads_from_stage_to_stage_as_dvc_yaml_does() -> None:
    [figure] = blocks(PAGE, "mermaid")
    drawn = set(re.findall(r"^  (\w+) --> (\w+)$", figure, re.M))
    assert reached(drawn) == reached(read_by_stages())


def read_by_stages() -> set[tuple[str, str]]:
    """The pairs of stages of which the second reads what the first writes."""
    return {
        (writer, reader)
        for writer, its in STAGES.items()
        for reader, others in STAGES.items()
        for out in paths(its, "outs", "metrics", "plots")
        if any(Path(dep).is_relative_to(out) for dep in paths(others, "deps"))
    }


def paths(stage: dict[str, Any], *keys: str) -> Iterable[str]:
    for key in keys:
        for entry in stage.get(key, []):
            yield from entry if isinstance(entry, dict) else [entry]


def reached(arrows: set[tuple[str, str]]) -> set[tuple[str, str]]:
    """All pairs of which arrows lead, in one step or several, from the first to the second."""
    found: set[tuple[str, str]] = set()
    while len(found) < len(arrows):
        found = arrows
        arrows = found | {(a, d) for a, b in found for c, d in found if b == c}
    return found
