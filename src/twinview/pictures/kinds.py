"""The kinds of picture files, known by their first bytes and not by their names."""

import re
from pathlib import PurePath

SUFFIXES = (
    ".png", ".apng", ".jpg", ".jpeg", ".jpe", ".jfif", ".mpo", ".webp", ".bmp", ".gif",
    ".tif", ".tiff", ".ppm", ".pgm", ".pbm", ".pnm", ".avif", ".heic", ".heif", ".hif",
)  # fmt: skip
FORMATS = "PNG, JPEG, WebP, BMP, GIF, TIFF, PPM or AVIF"
HEAD_BYTES = 64  # the first bytes that `kind_of` needs

_BMP_HEADERS = rb"[\x0c\x10\x28\x34\x38\x40\x6c\x7c]\0\0\0"  # the sizes that its header may have
# The first kind whose pattern matches counts. HEIF's container states first its main brand, then
# those that it is compatible with, of four letters each.
_READ = {
    "PNG": rb"\x89PNG\r\n\x1a\n",
    "JPEG": rb"\xff\xd8\xff",
    "GIF": rb"GIF8[79]a",
    "WebP": rb"RIFF.{4}WEBP",
    "BMP": rb"BM.{12}" + _BMP_HEADERS,
    "TIFF": rb"II(\*\0|\0\*|\+\0)|MM(\0\*|\*\0|\0\+)",
    "PPM": rb"P[1-6][\s#]",
    "AVIF": rb".{4}ftyp(avi[fs]|(mif1|msf1|miaf).{4}(.{4})*?avi[fs])",
    "HEIC": rb".{4}ftyp(he[ivm][a-z]|mif1|msf1|miaf)",
}
_NOT_READ = {
    "JPEG 2000": rb"\0\0\0\x0cjP  |\xff\x4f\xff\x51",
    "JPEG XL": rb"\xff\x0a|\0\0\0\x0cJXL ",
    "PFM": rb"P[fF]\s",
    "PSD": rb"8BPS",
    "XCF": rb"gimp xcf",
    "SVG": rb"\s*<(svg|\?xml)",
    "HTML": rb"(?i)\s*<(!doctype )?html",
    "PDF": rb"%PDF",
    "camera raw": rb".{4}ftypcrx|FUJIFILMCCD-RAW",
    "video": rb".{4}ftyp|RIFF.{4}AVI |\x1aE\xdf\xa3",
}
_PATTERNS = {kind: re.compile(pattern, re.DOTALL) for kind, pattern in (_READ | _NOT_READ).items()}


def kind_of(head: bytes) -> str:
    """The kind of a file whose first HEAD_BYTES are `head`, or "" for an unknown one."""
    return next((kind for kind, pattern in _PATTERNS.items() if pattern.match(head)), "")


def is_read(kind: str) -> bool:
    """Whether files of this kind are read as pictures."""
    return kind in _READ


def is_picture(name: str, head: bytes) -> bool:
    """Whether a file without one of SUFFIXES is a picture.

    TIFF and PPM count only in files without any suffix: camera raws are TIFFs inside, and many
    texts begin like a PPM.
    """
    kind = kind_of(head)
    return is_read(kind) and (kind not in ("TIFF", "PPM") or not PurePath(name).suffix)
