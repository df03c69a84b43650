"""What a source of files returns: where they lie, which they are, and what is known of each."""

from dataclasses import dataclass
from pathlib import Path

from twinview.data.folder_scan import Scan
from twinview.data.labels import Labels


@dataclass(frozen=True)
class FileSource:
    """Files that the stage prepare decodes, of the modality that data.modality names.

    folder: where they lie; it is only read. scan: what lies there. labels: the labels, groups and
    splits of scan.files, in that order. numbered: whether files are named by numbers, which become
    their ids; else ids follow from paths. also: further files of the user that it was read from,
    such as a table of labels.
    """

    folder: Path
    scan: Scan
    labels: Labels
    numbered: bool = False
    also: tuple[Path, ...] = ()
