"""A command in a folder that is no project's: what it says, and that it does nothing there."""

import importlib
import re
import shlex
from pathlib import Path

import pytest

from twinview.cli import commands, main

FREE = {"check": "--params a.yaml", "embed": "--models a", "export": "--models a",
        "neighbours": "--models a"}  # fmt: skip


def example(name: str) -> list[str]:
    """The words of a command's own example, less the option that names what it needs."""
    page = str(importlib.import_module(f"twinview.cli.{name}").__doc__)
    words = shlex.split(re.findall(r"^    \$ twinview (.*)", page, re.M)[0])
    return words[:1] if "--params" in words else words


def made(folder: Path) -> Path:
    folder.mkdir(parents=True)
    for name in ("params.yaml", "dvc.yaml"):
        (folder / name).touch()
    return folder


@pytest.mark.parametrize("name", commands())
def test_outside_of_a_project_every_command_says_so_and_writes_nothing(
    name: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(example(name)) == 1
    said = capsys.readouterr().err
    assert said.startswith(f"twinview: {folder} is no twinview project: it has no params.yaml and")
    assert ("name the models by --models" in said) is (FREE.get(name) == "--models a")
    assert said.count("\n") == 1 and list(folder.iterdir()) == []


@pytest.mark.parametrize("name", FREE)
def test_what_is_named_by_an_option_needs_no_project(
    name: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*example(name), *FREE[name].split()]) == 1
    said = capsys.readouterr().err
    assert "no twinview project" not in said and "is missing" in said


@pytest.mark.parametrize("here", ["mine/reports/data", ""])
def test_the_project_that_the_folder_is_in_or_that_is_in_the_folder_is_named(
    here: str, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    project = made(folder / "mine")
    (folder / here).mkdir(parents=True, exist_ok=True)
    monkeypatch.chdir(folder / here)
    assert main(["show"]) == 1
    assert f"`cd {project}`" in capsys.readouterr().err


def test_a_project_without_settings_is_told_what_it_lacks(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "dvc.yaml").touch()
    assert main(["check"]) == 1
    assert "params.yaml is missing" in capsys.readouterr().err
