"""A checkout has the committed bytes, whatever the user's git is told to do with line ends."""

import os
from pathlib import Path

import pytest

from tests.support.commands import git, output
from tests.support.workspace import ROOT


@pytest.fixture(scope="module")
def windows_clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clone of the last commit by a git that writes CRLF wherever it may."""
    folder = tmp_path_factory.mktemp("clones") / "clone"
    crlf = ("-c", "core.autocrlf=true", "-c", "core.eol=crlf")
    git("clone", "-q", *crlf, ROOT, folder)
    return folder


def test_a_clone_with_autocrlf_has_the_committed_bytes(windows_clone: Path) -> None:
    """DVC hashes these files: other bytes would train everything anew."""
    listed = [
        line.split(maxsplit=2)
        for line in git("ls-files", "--eol", folder=windows_clone).splitlines()
    ]
    assert len(listed) > 300
    assert [
        line for line in listed if line[0].removeprefix("i/") != line[1].removeprefix("w/")
    ] == []


def test_the_ci_script_starts_in_a_clone_with_autocrlf(windows_clone: Path) -> None:
    script = windows_clone / ".ci/run"
    assert os.access(script, os.X_OK)
    assert script.read_bytes().startswith(b"#!/usr/bin/env bash\n")
    output("bash", "-n", script)


def test_git_holds_plain_files_with_unix_line_ends_only() -> None:
    """A link or a CRLF would be another file on another system."""
    modes = {line.split()[0] for line in git("ls-files", "--stage", folder=ROOT).splitlines()}
    assert modes == {"100644", "100755"}
    ends = {line.split()[0] for line in git("ls-files", "--eol", folder=ROOT).splitlines()}
    assert ends == {"i/lf", "i/none", "i/-text"}


def test_a_hook_that_trims_files_finds_nothing_to_change() -> None:
    """Such hooks end a file with one line end, and take white space off the ends of lines."""
    for name in git("ls-files", ":!*.png", folder=ROOT).splitlines():
        content = (ROOT / name).read_text(encoding="utf-8")
        trimmed = [line.rstrip() for line in content.rstrip().split("\n")]
        assert content in ("\n".join(trimmed) + "\n", ""), name
