"""How much memory a piece of code takes, as Linux counts it."""

import sys
import textwrap

from tests.support.commands import output
from tests.support.workspace import ROOT

_SCRIPT = """
from pathlib import Path

def resident_mb():
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("RssAnon")).split()[1]) / 1024

{before}
start = resident_mb()
{code}
print(resident_mb() - start)
"""


def grown_mb(before: str, code: str) -> float:
    """By how many megabytes what lies in no file grows while the code runs.

    The code runs in a process of its own: in that of the tests, what earlier ones freed is taken
    again, or not. before: code that runs first, and is not counted.
    """
    script = _SCRIPT.format(before=textwrap.dedent(before), code=textwrap.dedent(code))
    return float(output(sys.executable, "-c", script, cwd=ROOT))
