"""What lies in a folder of pictures, as far as its names and a sample of its files tell."""

import random
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from statistics import median

from twinview.core.counts import counted, describe_counts
from twinview.data.folder_scan import Scan
from twinview.pictures.files import FittedPicture, LeftOut, read_or_leave_out

SAMPLE = 200
_SHAPE = (3, 32, 32)
_COLOURED = 0.02  # a sample with fewer coloured pictures counts as grey


@dataclass(frozen=True)
class Summary:
    """What was found.

    files: how many regular files there are. skipped: how many other entries, by reason. kinds: of
    the sample's pictures. sides: their shorter sides in pixels. coloured: the share of the sample's
    pictures with colours. unreadable: of the sample's files, by reason. folders: how many files the
    outermost folders hold.
    """

    files: int
    skipped: Mapping[str, int]
    kinds: Mapping[str, int]
    sides: Sequence[int]
    coloured: float
    unreadable: Mapping[str, int]
    folders: Mapping[str, int]

    @property
    def pictures(self) -> int:
        """How many of the files can be read, judged by the sample."""
        looked_at = len(self.sides) + sum(self.unreadable.values())
        return round(self.files * len(self.sides) / looked_at) if looked_at else 0

    @property
    def side(self) -> int:
        """The median of the shorter sides; 0 where no file of the sample can be read."""
        return round(median(self.sides)) if self.sides else 0

    @property
    def has_colour(self) -> bool:
        """Whether pictures have colours."""
        return self.coloured >= _COLOURED

    def lines(self) -> list[str]:
        """Sentences for a reader."""
        looked_at = len(self.sides) + sum(self.unreadable.values())
        found = [f"{counted(self.files, 'file')}{_counts(self.skipped, ' (left out: ', ')')}"]
        found.append(
            f"of {looked_at:,} that were looked at: {_counts(self.kinds) or 'no picture'}"
            f"{_counts(self.unreadable, '; unreadable: ')}"
        )
        if self.sides:
            low, high = min(self.sides), max(self.sides)
            hue = "colour" if self.has_colour else "grey"
            sides = f"shorter sides from {low:,} to {high:,} pixels, median {self.side:,}"
            found.append(f"{sides}; {hue}")
        if len(self.folders) > 1:
            found.append(
                f"{len(self.folders):,} folders, the largest with "
                f"{counted(max(self.folders.values()), 'file')}; if their names are labels: "
                "`twinview use -S sources.folder.labels=folders`"
            )
        return found


def summarise(folder: Path, scan: Scan) -> Summary:
    """Reads a random sample of the files; equal scans have the same sample."""
    files = list(scan.files)
    sample = random.Random(0).sample(files, min(SAMPLE, len(files)))
    read = [read_or_leave_out(folder / path, _SHAPE) for path in sample]
    pictures = [found for found in read if isinstance(found, FittedPicture)]
    coloured = sum(_is_coloured(found) for found in pictures)
    return Summary(
        len(files),
        Counter(scan.left_out.values()),
        Counter(found.kind for found in pictures),
        [min(found.size) for found in pictures],
        coloured / max(len(pictures), 1),
        Counter(found.reason for found in read if isinstance(found, LeftOut)),
        Counter(PurePosixPath(path).parts[0] for path in files if "/" in path),
    )


def _is_coloured(picture: FittedPicture) -> bool:
    red, *others = picture.pixels
    return any(bool((red != other).any()) for other in others)


def _counts(numbers: Mapping[str, int], before: str = "", after: str = "") -> str:
    """Numbers and names, the most frequent first, and then by name; "" where there are none."""
    text = describe_counts(dict(sorted(numbers.items())))
    return f"{before}{text}{after}" if text else ""
