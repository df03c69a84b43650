"""Stamps: some 350 photographs that are cut out of their backgrounds, of Debian's tuxpaint-stamps.

They belong to the drawing program Tux Paint (GPL-2 or later, as
/usr/share/doc/tuxpaint-stamps-default/copyright says). A picture's class is its outermost folder.
"""

from collections import Counter
from pathlib import Path, PurePosixPath
from typing import Annotated, Literal

from annotated_types import Ge
from pydantic import AfterValidator

from twinview.core import declare
from twinview.core.paths import inside_project, root
from twinview.data.fetching import find_or_unpack
from twinview.data.file_source import FileSource
from twinview.data.folder_scan import scan_folder
from twinview.data.labels import Labels, describe_labels, unlabel_small_classes

DEBIAN_PACKAGE = "tuxpaint-stamps-default"
DEBIAN_FOLDER = Path("usr/share/tuxpaint/stamps")
# Folders of drawings. In "symbols" only the coins are photographs.
DRAWN = ("cartoon", "clothes", "seasonal", "symbols", "body_parts", "flags", "roadsigns")
MONEY, SIGNS = "symbols/money/", "00_symbols"
MIRRORED = "_mirror"  # ends the name of a second picture, with which Tux Paint mirrors a stamp
DRAWING, OTHER = "a drawing", "a sound, a text or a setting of Tux Paint"


def stamps(
    *,
    folder: Annotated[str, AfterValidator(inside_project)],
    origin: Literal["folder", "debian"],
    smallest_class: Annotated[int, Ge(1)],
) -> FileSource:
    """The photographs; drawings, sounds and texts are left out.

    A few stamps have a second picture for the mirrored side. Both are in one group, so that they
    fall into one split.

    Parameters
    ----------
    folder : where the package's folder of stamps lies, or is put unless the package is installed;
        it is inside the project's folder.
    origin : folder fetches nothing; debian fetches Debian's package where it is missing.
    smallest_class : classes with fewer pictures count as unlabelled.

    Raises
    ------
    DataError : the pictures are not there and could not be fetched.
    """
    place = find_or_unpack(root() / folder, origin, DEBIAN_PACKAGE, DEBIAN_FOLDER, "sources.stamps")
    scan = scan_folder(place)
    reasons = {path: _reason(path) for path in scan.files}
    scan = scan.without({path: reason for path, reason in reasons.items() if reason})
    paths = list(scan.files)
    names = tuple("money" if path.startswith(MONEY) else path.split("/")[0] for path in paths)
    labels = Labels(names, _groups(paths), notes=describe_labels(names))
    known = unlabel_small_classes(labels, smallest_class)
    return FileSource(place, scan, known)


DECLARES = declare.Source(modality="image")


def _reason(path: str) -> str:
    """Why a file is left out; "" for a photograph."""
    suffix, folders = PurePosixPath(path).suffix, set(PurePosixPath(path).parts[:-1])
    if suffix not in (".png", ".svg"):
        return OTHER
    if path.startswith(MONEY) and SIGNS not in folders:
        folders.discard("symbols")
    return DRAWING if suffix == ".svg" or folders & set(DRAWN) else ""


def _groups(paths: list[str]) -> tuple[str | None, ...]:
    """The name that a stamp and its mirrored picture share; None for a stamp that has none."""
    stems = [path.removesuffix(".png").removesuffix(MIRRORED) for path in paths]
    counts = Counter(stems)
    return tuple(stem if counts[stem] > 1 else None for stem in stems)
