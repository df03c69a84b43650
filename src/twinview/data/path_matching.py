"""Which of the known files a cell of a table names."""

import posixpath
import unicodedata
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath


class KnownPaths:
    """The relative paths of the files of a folder.

    A cell names the path that equals it. Only when none does, spaces around the cell, "./",
    backslashes, the folder in front, and Unicode's composed or decomposed form make no difference.
    """

    def __init__(self, folder: Path, paths: Sequence[str]) -> None:
        self.paths = paths
        self._folder = folder
        self._exact = {path: number for number, path in enumerate(paths)}
        self._composed: dict[str, int | None] = {}
        for number, path in enumerate(paths):
            key = _compose(path)
            self._composed[key] = None if key in self._composed else number

    def find(self, cell: str) -> int | None:
        """The number of the path that the cell names, or None."""
        if (number := self._exact.get(cell)) is not None:
            return number
        forms = list(self._forms(cell))
        numbers = (self._exact.get(form) for form in forms)
        composed = (self._composed.get(_compose(form)) for form in forms)
        return next((n for several in (numbers, composed) for n in several if n is not None), None)

    def remedy(self, cell: str) -> str:
        """What a user can do about a cell that names no path."""
        form = list(self._forms(cell))[-1]
        if same := [path for path in self.paths if path.casefold() == form.casefold()]:
            return f"write {same[0]!r}, which differs in case only"
        name = PurePosixPath(form)
        for part in ("name", "stem"):
            wanted = getattr(name, part).casefold()
            near = [p for p in self.paths if getattr(PurePosixPath(p), part).casefold() == wanted]
            if near:
                return f"write the whole path below the folder, such as {near[0]!r}"
        return "remove the row, or write the file's path below the folder"

    def _forms(self, cell: str) -> Iterator[str]:
        stripped = cell.strip()
        yield stripped
        path = posixpath.normpath(stripped.replace("\\", "/"))
        yield path
        for folder in (self._folder.absolute().as_posix(), self._folder.as_posix()):
            if path.startswith(f"{folder}/"):
                yield path.removeprefix(f"{folder}/")


def _compose(text: str) -> str:
    return unicodedata.normalize("NFC", text)
