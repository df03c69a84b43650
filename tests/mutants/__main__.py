"""`make mutants`: plants every bug of planted.py, each into a copy of the project of its own.

Some test has to fail for each. Writes docs/mutants.md and the scoreboard, and ends with an error
when a bug survives or can no longer be planted. Given traps' numbers, it plants theirs only and
writes nothing.
"""

import contextlib
import importlib
import io
import itertools
import multiprocessing
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from multiprocessing.pool import IMapIterator
from pathlib import Path

import pytest

from tests.mutants.planted import PLANTED, TRAPS, Mutant
from tests.support.workspace import ROOT
from twinview.core.errors import ConfigError, TwinviewError
from twinview.evidence import scoreboard
from twinview.experiments import dvc_experiments
from twinview.experiments.provenance import commit, hardware
from twinview.stages import stage

COMMAND = "make mutants"
PAGE = Path("docs/mutants.md")
COPIED = ("src", "pipeline", "tests", "docs", "recipes", "params.yaml", "pyproject.toml")
AT_ONCE = 2
LIMIT_S = 3600  # of one process; each of its tests has a limit of its own
# What a fork takes over, and what it loads anew from its copy.
LOADED = ("torch", "torchvision", "sklearn.linear_model", "sklearn.metrics", "safetensors.torch")
COPIES_OWN = ("twinview", "pipeline", "tests")

Catch = tuple[Mutant, str]


def main(traps: Sequence[int]) -> None:
    """Plants, reports, and ends with an error unless every bug was caught."""
    chosen = [mutant for mutant in PLANTED if not traps or mutant.trap in traps]
    if not traps:
        dvc_experiments.require_committed(COMMAND)
    require_applicable(chosen)
    found = list(zip(chosen, catchers(chosen), strict=True))
    print("\n".join(table(found)))
    if not traps:
        keep(found)
    if survivors := [mutant.bug for mutant, test in found if not test]:
        raise ConfigError(f"no test fails for: {'; '.join(survivors)}")


def catchers(mutants: Sequence[Mutant]) -> list[str]:
    """The first test that fails for each; "" where none does.

    Raises ConfigError when one fails without a mutant.
    """
    for name in LOADED:
        importlib.import_module(name)
    tests = sorted({test for mutant in mutants for test in mutant.tests.split()})
    files = [list(of) for _, of in itertools.groupby(tests, lambda test: test.partition("::")[0])]
    # Each in a process of its own: to load torch takes longer than most of the tests.
    with multiprocessing.get_context("fork").Pool(AT_ONCE, maxtasksperchild=1) as pool:
        whole = pool.imap(first_failure, [(None, of) for of in files])
        shown = stage.progress(limited(whole), len(files), "without mutants")
        if failed := list(filter(None, shown)):
            raise ConfigError(f"tests fail without a mutant: {', '.join(failed)}")
        caught = pool.imap(first_failure, [(mutant, mutant.tests.split()) for mutant in mutants])
        return list(stage.progress(limited(caught), len(mutants), "mutants"))


def limited(found: "IMapIterator[str]") -> Iterator[str]:
    """The results. Raises ConfigError when one does not come: a pool waits for ever for a process
    that was killed."""
    with contextlib.suppress(StopIteration):
        while True:
            try:
                yield found.next(LIMIT_S)
            except multiprocessing.TimeoutError:
                raise ConfigError(
                    f"a process of tests was killed, or has not ended in {LIMIT_S} s; "
                    "TRAPS= runs some of them alone"
                ) from None


def require_applicable(mutants: Sequence[Mutant]) -> None:
    """Raises ConfigError unless each text to replace occurs once."""
    for mutant in mutants:
        if (count := (ROOT / mutant.file).read_text().count(mutant.old)) != 1:
            raise ConfigError(
                f"the mutant '{mutant.bug}' can no longer be planted: {mutant.file} has its text "
                f"{count} times; bring tests/mutants/planted.py up to date"
            )


class First:
    """A pytest plugin: the first test that fails."""

    test = ""

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Notes it."""
        if report.failed and not self.test:
            self.test = report.nodeid


def first_failure(task: tuple[Mutant | None, Sequence[str]]) -> str:
    """The first of the tests that fails in a copy with the mutant; "" when all pass.

    Leaves a process that is good for nothing else. A mutant with which the tests cannot even be run
    shows nothing, and is an error.
    """
    mutant, tests = task
    with copy() as folder:
        if mutant is not None:
            path = folder / mutant.file
            path.write_text(path.read_text().replace(mutant.old, mutant.new))
        first, output = First(), io.StringIO()
        move_to(folder)
        options = ["-x", "-q", "--tb=short", "-p", "no:cacheprovider"]
        with contextlib.redirect_stdout(output), contextlib.redirect_stderr(output):
            status = pytest.main([*options, *tests], plugins=[first])
        could_run = status in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED)
        assert could_run, f"{mutant and mutant.bug}: {output.getvalue()}"
        return first.test


def move_to(folder: Path) -> None:
    """From now on this process and its children load our code from the folder."""
    for name in [name for name in sys.modules if name.partition(".")[0] in COPIES_OWN]:
        del sys.modules[name]
    paths = [str(folder / "src"), str(folder)]
    sys.path[:0] = paths
    sys.dont_write_bytecode = True
    own = {"PYTHONPATH": os.pathsep.join(paths), "PYTHONDONTWRITEBYTECODE": "1"}
    os.environ.update(own, OMP_NUM_THREADS="1")
    os.chdir(folder)


@contextlib.contextmanager
def copy() -> Iterator[Path]:
    """A folder with what the tests need of the project."""
    with tempfile.TemporaryDirectory(prefix="twinview-mutant-") as name:
        for kept in COPIED:
            source, target = ROOT / kept, Path(name, kept)
            if source.is_dir():
                shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy2(source, target)
        yield Path(name)


def keep(found: Sequence[Catch]) -> None:
    """Writes the page and the scoreboard's two entries."""
    (ROOT / PAGE).write_text(page(found))
    caught = sum(1 for _, test in found if test)
    scores = {"mutants.planted": len(found), "mutants.caught": caught}
    scoreboard.keep(
        {k: scoreboard.score([n], "mutants") | {"command": COMMAND} for k, n in scores.items()}
    )


def page(found: Sequence[Catch]) -> str:
    """docs/mutants.md: what this is, and the table."""
    caught = sum(1 for _, test in found if test)
    lines = [
        "# Bugs that were planted, and the tests that caught them",
        "",
        f"Written by `{COMMAND}`. Each of these bugs is, or was, in a public implementation of the "
        "field, or is a near relative of one. The command plants them (tests/mutants/planted.py) "
        "one by one into a copy of the code and runs the tests that are to notice. It fails when "
        "one survives, and when one can no longer be planted. Trap is the number of a bug's kind; "
        "those left out are of no single line.",
        f'`{COMMAND} TRAPS="1 5"` plants the bugs of two traps, and writes nothing.',
        "",
        f"{caught} of {len(found)} caught, at commit `{commit()[:7]}`, {hardware()}.",
    ]
    for trap, law in TRAPS.items():
        lines += ["", f"## {law}", "", *table([one for one in found if one[0].trap == trap])]
    return "\n".join(lines) + "\n"


def table(found: Sequence[Catch]) -> list[str]:
    """Trap, bug, file and test of each mutant, in Markdown."""
    rows = [
        f"| {mutant.trap} | {mutant.bug} | {mutant.file} | {test or '**none**'} |"
        for mutant, test in found
    ]
    return ["| trap | bug | file | caught by |", "|---|---|---|---|", *rows]


if __name__ == "__main__":
    try:
        main([int(number) for number in sys.argv[1:]])
    except TwinviewError as error:
        sys.exit(f"twinview: {error}")
