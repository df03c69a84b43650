"""`make mutants`: plants every bug of planted.py, each into a copy of the project of its own.

Some test has to fail for each. Writes docs/mutants.md and the scoreboard, and ends with an error
when a bug survives or can no longer be planted. Given traps' numbers, it plants theirs only and
writes nothing.
"""

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.mutants.planted import PLANTED, TRAPS, Mutant
from tests.workspace import ROOT
from twinview import measure, stage
from twinview.errors import ConfigError, TwinviewError
from twinview.provenance import commit, hardware

COMMAND = "make mutants"
PAGE = Path("docs/mutants.md")
COPIED = ("src", "pipeline", "tests", "docs", "recipes", "params.yaml", "pyproject.toml")
AT_ONCE = 2
# pytest's exit status when tests failed; others mean that it could not run them.
FAILED = 1

Catch = tuple[Mutant, str]


def main(traps: Sequence[int]) -> None:
    """Plants, reports, and ends with an error unless every bug was caught."""
    chosen = [mutant for mutant in PLANTED if not traps or mutant.trap in traps]
    if not traps:
        measure.require_committed(COMMAND)
    require_applicable(chosen)
    require_passing(sorted({test for mutant in chosen for test in mutant.tests.split()}))
    with ThreadPoolExecutor(AT_ONCE) as pool:
        caught = pool.map(catcher, chosen)
        found = list(zip(chosen, stage.progress(caught, len(chosen), "mutants"), strict=True))
    print("\n".join(table(found)))
    if not traps:
        keep(found)
    if survivors := [mutant.bug for mutant, test in found if not test]:
        raise ConfigError(f"no test fails for: {'; '.join(survivors)}")


def require_applicable(mutants: Sequence[Mutant]) -> None:
    """Raises ConfigError unless each text to replace occurs once."""
    for mutant in mutants:
        if (count := (ROOT / mutant.file).read_text().count(mutant.old)) != 1:
            raise ConfigError(
                f"the mutant '{mutant.bug}' can no longer be planted: {mutant.file} has its text "
                f"{count} times; bring tests/mutants/planted.py up to date"
            )


def require_passing(tests: Sequence[str]) -> None:
    """Raises ConfigError unless the tests pass in a copy without a mutant."""
    print(f"{COMMAND}: {len(tests)} files or tests, which have to pass as they are", flush=True)
    with copy() as folder:
        done = run(folder, tests)
    if done.returncode:
        raise ConfigError(f"tests fail without a mutant:\n{done.stdout}{done.stderr}")


def catcher(mutant: Mutant) -> str:
    """The first test that fails for a mutant; "" when all pass.

    Raises ConfigError when they cannot be run: such a mutant shows nothing.
    """
    with copy() as folder:
        path = folder / mutant.file
        path.write_text(path.read_text().replace(mutant.old, mutant.new))
        done = run(folder, mutant.tests.split())
    if done.returncode not in (0, FAILED):
        raise ConfigError(f"'{mutant.bug}' breaks the tests:\n{done.stdout}{done.stderr}")
    failed = [line for line in done.stdout.splitlines() if line.startswith(("FAILED", "ERROR"))]
    return failed[0].partition(" ")[2].partition(" - ")[0] if done.returncode else ""


def run(folder: Path, tests: Sequence[str]) -> subprocess.CompletedProcess[str]:
    """pytest up to the first failure, on the copy's own sources."""
    options = ["-x", "-q", "--tb=line", "-rfE", "-p", "no:cacheprovider"]
    environment = os.environ | {
        "PYTHONPATH": f"{folder / 'src'}{os.pathsep}{folder}",
        "PYTHONDONTWRITEBYTECODE": "1",
        "OMP_NUM_THREADS": "1",
    }
    command = [sys.executable, "-m", "pytest", *options, *tests]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)


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
    measure.keep(
        {k: measure.score([n], "mutants") | {"command": COMMAND} for k, n in scores.items()}
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
        "one survives, and when one can no longer be planted.",
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
