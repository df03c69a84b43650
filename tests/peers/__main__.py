"""`make test-peers`: our numbers beside other libraries', and what came out, in docs/peers.md.

Which test compares what, and what it shows, stands in its mark; why, in its docstring.
"""

import inspect
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from tests.support.workspace import ROOT

PAGE = Path("docs/peers.md")
LIBRARIES = ("lightly", "pytorch-metric-learning")

Row = tuple[str, str, str, str]


class Witnesses:
    """A pytest plugin: the rows of the tests that passed, in the order in which they stand."""

    def __init__(self) -> None:
        self.rows: dict[str, Row] = {}
        self.passed: set[str] = set()

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Reads each test's mark and docstring."""
        for item in items:
            assert isinstance(item, pytest.Function)
            mark = item.get_closest_marker("peers")
            if mark is not None:
                why = " ".join((inspect.getdoc(item.function) or "").split())
                self.rows[item.nodeid] = (*mark.args, why)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Notes what passed."""
        if report.when == "call" and report.passed:
            self.passed.add(report.nodeid)

    def found(self) -> list[Row]:
        """One row for all parameters of a test."""
        return list(dict.fromkeys(self.rows[name] for name in self.rows if name in self.passed))


def main() -> int:
    """Runs the tests; writes the page when all have passed. Gives pytest's exit status."""
    witnesses = Witnesses()
    status = int(pytest.main(["-m", "peers", str(Path(__file__).parent)], plugins=[witnesses]))
    rows = witnesses.found()
    print("\n".join(table(rows)))
    if status == 0 and len(witnesses.passed) == len(witnesses.rows):
        (ROOT / PAGE).write_text(page(rows))
    return status


def page(rows: list[Row]) -> str:
    """docs/peers.md: what this is, and the table."""
    versions = " and ".join(f"{name} {version(name)}" for name in LIBRARIES)
    equal = sum(verdict == "equal" for _, _, verdict, _ in rows)
    lines = [
        "# Our numbers beside other libraries'",
        "",
        f"Written by `make test-peers`, with {versions}. Value and gradient are compared in "
        f"float64 on random inputs. Of {len(rows)} comparisons {equal} are equal to rounding; "
        "where one differs, its test (tests/peers/) asserts the difference, and the exact "
        "relation of the two where there is one.",
        "",
        *table(rows),
    ]
    return "\n".join(lines) + "\n"


def table(rows: list[Row]) -> list[str]:
    """What is ours, what is theirs, and why they are as they are, in Markdown."""
    head = ("ours", "theirs", "they are", "by which equation, or who is right and why")
    lines = [" | ".join(cell.replace("|", "\\|") for cell in row) for row in [head, *rows]]
    lines.insert(1, " | ".join(["---"] * len(head)))
    return [f"| {line} |" for line in lines]


if __name__ == "__main__":
    sys.exit(main())
