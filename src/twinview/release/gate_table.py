"""The gate's checks as a table, in plain text and in Markdown."""

from collections.abc import Sequence

from twinview.core.text_table import format_table
from twinview.release.gate import Check, holds

COLUMNS = ("", "metric", "against", "found", "wanted", "why")
STATES = {True: "ok", False: "FAIL", None: "skip"}


def text(checks: Sequence[Check], place: str) -> str:
    """One line for each check, then the verdict, then where the thresholds stand."""
    lines = format_table([COLUMNS, *map(_cells, checks)])
    return "\n".join([*lines, f"{verdict(checks)}. Thresholds: {place}."])


def markdown(checks: Sequence[Check], place: str) -> str:
    """The same as `text`, in Markdown for a pull request."""
    rows = [COLUMNS, ("---",) * len(COLUMNS), *map(_cells, checks)]
    lines = [f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |" for row in rows]
    return "\n".join([f"### {verdict(checks)}", "", *lines, "", f"Thresholds: {place}.", ""])


def verdict(checks: Sequence[Check]) -> str:
    """A sentence: whether the gate holds, what fails, and how many checks were skipped."""
    failed = [f"{check.name} ({check.against})" for check in checks if check.holds is False]
    skipped = sum(check.holds is None for check in checks)
    sentence = "The gate holds" if holds(checks) else f"The gate fails: {', '.join(failed)}"
    return f"{sentence}; {skipped} not compared" if skipped else sentence


def _cells(check: Check) -> tuple[str, ...]:
    state = STATES[check.holds]
    return (state, check.name, check.against, check.found, check.wanted, check.why)
