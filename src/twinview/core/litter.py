"""Names that systems, editors and downloads leave in folders of files.

The scan of a source and the commands that take a folder leave out the same files.
"""

import re

# Files and folders of Windows, macOS and network disks, in lower case.
_SYSTEM_NAMES = (
    "thumbs.db", "ehthumbs.db", "desktop.ini", "$recycle.bin", "system volume information",
    "@eadir", "#recycle", "__macosx", "lost+found", ".trashes",
)  # fmt: skip
# Copies that editors keep, and files that are still being written: photo.jpg~, #photo.jpg#,
# ~$photo.jpg, photo.jpg_original (exiftool), photo.jpg.part
_LEFTOVER = re.compile(
    r".*~|#.*#|~\$.*|.*\.\w+_original"
    r"|.*\.(bak|orig|old|tmp|temp|sw[op]|part|partial|crdownload|download)",
    re.IGNORECASE | re.DOTALL,
)


HIDDEN, LEFTOVER = "hidden or a system's", "an editor's or a download's leftover"


def is_hidden(name: str) -> bool:
    """Whether a file or folder of this name is hidden, or belongs to a system."""
    return name.startswith(".") or name.lower() in _SYSTEM_NAMES


def is_leftover(name: str) -> bool:
    """Whether a file of this name was left by an editor or by a download that did not end."""
    return _LEFTOVER.fullmatch(name) is not None
