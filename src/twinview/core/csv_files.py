"""CSV files of numbers: DVC draws plots from them, and people read them."""

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from twinview.core.errors import DataError
from twinview.core.files import atomic_file


def save_rows(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Writes rows that all have the same keys in the same order, with all digits of a float."""
    with atomic_file(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def load_rows(path: Path) -> list[dict[str, str]]:
    """The rows that save_rows wrote, as text. Raises DataError when the file is missing."""
    if not path.is_file():
        raise DataError.at(path, "is missing", "`dvc repro` makes it")
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))
