"""The list of bugs that `make mutants` plants is up to date; the planting itself takes minutes."""

import multiprocessing
import os

import pytest

from tests.mutants import __main__ as mutants
from tests.mutants.planted import PLANTED, TRAPS, Mutant
from tests.support.workspace import ROOT
from twinview.core.errors import ConfigError

EXEMPT = {14, 16, 17}  # see planted.py


@pytest.mark.parametrize("mutant", PLANTED, ids=lambda mutant: mutant.bug)
def test_a_bug_can_be_planted_and_names_tests_that_are_there(mutant: Mutant) -> None:
    assert (ROOT / mutant.file).read_text().count(mutant.old) == 1 and mutant.new != mutant.old
    for test in mutant.tests.split():
        path, *names = test.partition("[")[0].split("::")
        source = (ROOT / path).read_text()
        assert all(f"def {name}(" in source or f"class {name}:" in source for name in names)


def test_every_trap_has_a_bug_or_a_reason_why_not() -> None:
    assert {mutant.trap for mutant in PLANTED} == set(TRAPS) == set(range(1, 20)) - EXEMPT


def test_the_page_shows_what_is_planted_and_that_all_of_it_is_caught() -> None:
    page = (ROOT / "docs/mutants.md").read_text()
    rows = [line[2:].split(" | ")[:3] for line in page.splitlines() if line.startswith("| ")]
    shown = [row for row in rows if row[0] != "trap"]
    planted = [[str(mutant.trap), mutant.bug, mutant.file] for mutant in PLANTED]
    assert sorted(shown) == sorted(planted) and "**none**" not in page


def test_a_process_that_was_killed_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    with multiprocessing.get_context("fork").Pool(1) as pool:
        assert list(mutants.limited(pool.imap(str, [1, 2]))) == ["1", "2"]
        monkeypatch.setattr(mutants, "LIMIT_S", 0.5)
        with pytest.raises(ConfigError, match=r"was killed, or has not ended in 0\.5 s"):
            list(mutants.limited(pool.imap(os._exit, [1])))
