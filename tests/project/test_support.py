"""Helpers of several tests live in tests/support, so that no test file loads another one."""

import re

from tests.support.workspace import ROOT

BORROWED = re.compile(
    r"^from tests(?:\.\w+)*\.test_\w+ import|^from tests(?:\.\w+)* import test_", re.M
)


def test_no_test_file_is_imported() -> None:
    files = sorted((ROOT / "tests").rglob("*.py"))
    assert [str(path) for path in files if BORROWED.search(path.read_text())] == []
    assert BORROWED.search("import os\nfrom tests.release.test_gate import report\n")
