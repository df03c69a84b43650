"""Every snippet of README, CONTRIBUTING and docs/ is one that can be pasted.

tests/project/test_using.py runs them; what it does not run stands in NOT_RUN with the reason.
"""

import codeop
import re
import sys
from pathlib import Path
from typing import Any

import pytest
from dvc.cli import parse_args
from torch.distributed.run import get_args_parser

from tests.conftest import WHOLE
from tests.support import snippets
from tests.support.commands import output
from tests.support.snippets import COMMANDS, NOT_RUN, PAGES, not_run
from tests.support.workspace import ROOT
from twinview import cli

# Languages of blocks: these are pasted into a shell or a Python, and these are only read.
PASTED, READ = {"console", "python"}, {"json", "mermaid", "text", "yaml"}
SPANS = [  # the log tells of commands of their day
    (page, span) for page in PAGES if page != "docs/log.md" for span in snippets.spans(page)
]


def started(*names: str) -> list[tuple[str, list[str]]]:
    """The commands of all pages that start one of these programs: where it stands, its words."""
    wanted = re.compile(rf"([A-Z_]+=\S+ )*({'|'.join(names)}) [^=]")
    return [
        (page, words)
        for page, command in [*COMMANDS, *(one for one in SPANS if wanted.match(one[1]))]
        for words in snippets.programs(command)
        if words and words[0] in names
    ]


def twinview_takes(words: list[str]) -> bool:
    """Whether the real parser does; --help ends it well."""
    try:
        cli._parser(words)
    except SystemExit as ended:
        return ended.code == 0
    return True


def test_a_block_has_a_language_that_says_whether_it_is_pasted() -> None:
    found = {page: snippets.languages(page) - PASTED - READ for page in PAGES}
    assert {page: unknown for page, unknown in found.items() if unknown} == {}
    for page in PAGES:
        assert len(re.findall(r"^ *```", snippets.text(page), re.M)) == 2 * snippets.count(page)


def test_every_reason_not_to_run_is_of_a_command_that_there_is() -> None:
    assert {begin for _, command in COMMANDS for begin in not_run(command)} == set(NOT_RUN)


@pytest.mark.parametrize("page", [page for page in PAGES if snippets.blocks(page, "python")])
def test_each_python_block_is_complete_by_itself(page: str, tmp_path: Path) -> None:
    """No block uses a name that only another one defines."""
    for number, block in enumerate(snippets.blocks(page, "python"), 1):
        (tmp_path / f"block_{number}.py").write_text(block)
    output(sys.executable, "-m", "ruff", "check", "--isolated", "--select", "F821,E9", tmp_path)


@pytest.mark.parametrize("page", ["README.md", "docs/using.md"])
def test_a_python_block_can_be_pasted_into_an_interactive_python(page: str) -> None:
    """Before 3.13 that is typing: a loop ends with an empty line, and only there."""
    for block in snippets.blocks(page, "python"):
        typed: list[str] = []
        for line in [*block.splitlines(), ""]:
            typed.append(line)
            if codeop.compile_command("\n".join(typed)):  # whole: the console runs it
                typed = []
        assert not typed, block


def test_twinview_knows_the_options_of_every_command() -> None:
    found = started("twinview")
    assert len(found) > 20
    for page, words in found:
        assert twinview_takes(words[1:]), (page, words)


def test_dvc_knows_the_options_of_every_command() -> None:
    found = started("dvc")
    assert len(found) > 10
    for page, words in found:
        assert parse_args(words[1:]).func, (page, words)


def test_torchrun_knows_the_options_of_every_command_and_finds_its_module() -> None:
    found = started("torchrun")
    assert found
    for page, words in found:
        module = get_args_parser().parse_args(words[1:]).training_script
        assert (ROOT / f"{module.replace('.', '/')}.py").is_file(), (page, module)


def test_the_makefile_has_every_target_and_variable() -> None:
    makefile = (ROOT / "Makefile").read_text()
    found = started("make")
    assert len(found) > 10
    for page, (_, *words) in found:
        for word in words:
            name, is_variable, _ = word.partition("=")
            known = f"$({name})" in makefile if is_variable else f"\n{name}:" in makefile
            assert known, (page, word)


def test_params_yaml_has_every_key_that_a_page_sets() -> None:
    pattern = r"(?:-S|--set-param) '?([\w.]+)="
    found = [(page, key) for page, text in COMMANDS + SPANS for key in re.findall(pattern, text)]
    assert len(found) > 10
    for page, key in found:
        section: Any = WHOLE
        for name in key.split("."):
            assert name in section, f"{page}: params.yaml has no {key}"
            section = section[name]
