"""Open Clip Art: some 6,900 PNG drawings of any size, of Debian's package openclipart-png.

They are in the public domain (/usr/share/doc/openclipart-png/copyright). A picture's class is its
outermost folder. Those folders are the work of many hands and overlap, so no encoder gets near 1.
"""

from dataclasses import replace
from pathlib import Path
from typing import Annotated, Literal

from annotated_types import Ge
from pydantic import AfterValidator

from twinview.core import declare
from twinview.core.paths import inside_project, root
from twinview.data.fetching import find_or_unpack
from twinview.data.file_source import FileSource
from twinview.data.folder_scan import scan_folder
from twinview.data.labels import labels_by_folder, unlabel_small_classes

DEBIAN_PACKAGE = "openclipart-png"
DEBIAN_FOLDER = Path("usr/share/openclipart/png")
UNSORTED = "unsorted"  # a folder of pictures that wait for a class
LINK = "a link to another of the pictures"


def clipart(
    *,
    folder: Annotated[str, AfterValidator(inside_project)],
    origin: Literal["folder", "debian"],
    smallest_class: Annotated[int, Ge(1)],
) -> FileSource:
    """All pictures, each once: the 1,200 links, by which some lie in two folders, are left out.

    Parameters
    ----------
    folder : where the pictures lie, or are put unless the package is installed; it is inside the
        project's folder.
    origin : folder fetches nothing; debian fetches Debian's package where it is missing.
    smallest_class : classes with fewer pictures count as unlabelled.

    Raises
    ------
    DataError : the pictures are not there and could not be fetched.
    """
    place = find_or_unpack(
        root() / folder, origin, DEBIAN_PACKAGE, DEBIAN_FOLDER, "sources.clipart"
    )
    scan = scan_folder(place)
    scan = scan.without({path: LINK for path in scan.files if (place / path).is_symlink()})
    known = labels_by_folder(list(scan.files), "label")
    assert known.labels is not None, "the layout names labels"
    column = tuple(None if label == UNSORTED else label for label in known.labels)
    labels = unlabel_small_classes(replace(known, labels=column), smallest_class)
    return FileSource(place, scan, labels)


DECLARES = declare.Source(modality="image")
