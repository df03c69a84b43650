"""PNG files without the chunks that do not change any pixel."""

import io
import struct
from collections.abc import Iterator
from typing import IO

from twinview.pictures.unreadable import UnreadableError

_PNG = b"\x89PNG\r\n\x1a\n"
_COLOUR_KEY = (0, 2)  # PNG's colour types grey and RGB, whose tRNS names a transparent colour
_ORIENTED = (
    b"Raw profile type exif\0",
    b"XML:com.adobe.xmp\0",
)  # texts that may state the orientation


def without_metadata(file: IO[bytes]) -> IO[bytes]:
    """The file itself; of a PNG only the chunks that define its pixels or state its orientation.

    The other chunks, such as texts and colour profiles, change no pixel, but Pillow may refuse the
    file because of them.
    """
    if file.read(len(_PNG)) != _PNG:
        file.seek(0)
        return file
    kept, header = [_PNG], b""
    for name, head, content in _chunks(file):
        if name == b"IHDR":
            header = content
        if name == b"tRNS":
            _require_visible(header)
        if name[:1].isupper() or name in (b"tRNS", b"eXIf") or content.startswith(_ORIENTED):
            kept.append(head + content)
    return io.BytesIO(b"".join(kept))


def _chunks(file: IO[bytes]) -> Iterator[tuple[bytes, bytes, bytes]]:
    """The chunks of a PNG: name, head (length and name), and content with its checksum."""
    name = b""
    while name != b"IEND" and len(head := file.read(8)) == 8:
        length, name = struct.unpack(">I4s", head)
        yield name, head, file.read(length + 4)


def _require_visible(header: bytes) -> None:
    """Refuses a PNG whose transparent colour Pillow compares with other values."""
    bits, kind = header[8:10]
    if kind in _COLOUR_KEY and bits not in (1, 8):
        raise UnreadableError(
            "a transparent colour that Pillow does not see",
            f"has a transparent colour of {bits} bits, which Pillow does not see; save it with an "
            "alpha channel",
        )
