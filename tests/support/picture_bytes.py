"""Picture files as bytes: by Pillow, and by hand where Pillow writes no such file."""

import io
import struct
from collections.abc import Sequence
from typing import Any

import numpy as np
from PIL import ExifTags, Image

_TYPES = {"s": 2, "H": 3, "I": 4}


def as_file(picture: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    content = io.BytesIO()
    picture.save(content, kind, **options)
    return content.getvalue()


def oriented(orientation: int, order: str = ">") -> bytes:
    """EXIF data with an orientation, and a resolution as text, which Pillow cannot write again."""
    first, text = ExifTags.Base.Orientation, ExifTags.Base.XResolution
    tags = struct.pack(f"{order}HHHIHH", 2, first, 3, 1, orientation, 0)
    tags += struct.pack(f"{order}HHI4s", text, 2, 3, b"72\0\0")
    head = struct.pack(f"{order}2sHI", b"MM" if order == ">" else b"II", 42, 8)
    return b"Exif\0\0" + head + tags + bytes(4)


def tiff(
    values: np.ndarray,
    order: str = "<",
    planes: bool = False,
    tags: dict[int, tuple[str, Sequence[Any]]] | None = None,
) -> bytes:
    """An uncompressed TIFF of values (h, w, c), in the byte order of struct, with further tags.

    planes: the channels lie one after the other.
    """
    height, width, channels = values.shape
    parts = np.moveaxis(values, 2, 0) if planes else [values]
    strips = [part.astype(values.dtype.newbyteorder(order)).tobytes() for part in parts]
    sample = {"u": 1, "i": 2, "f": 3}[values.dtype.kind]
    entries: dict[int, tuple[str, Sequence[Any]]] = {
        256: ("I", [width]), 257: ("I", [height]), 258: ("H", [values.itemsize * 8] * channels),
        259: ("H", [1]), 262: ("H", [{1: 1, 2: 1, 3: 2, 4: 2}[channels]]),
        273: ("I", [8 + sum(map(len, strips[:k])) for k in range(len(strips))]),
        277: ("H", [channels]), 278: ("I", [height]), 279: ("I", [len(s) for s in strips]),
        284: ("H", [2 if planes else 1]), 339: ("H", [sample] * channels),
    } | (tags or {})  # fmt: skip
    body = b"".join(strips)
    body += b"\0" * (len(body) % 2)
    rows = b""
    for tag, (kind, items) in sorted(entries.items()):
        data = items[0] if kind == "s" else struct.pack(f"{order}{len(items)}{kind}", *items)
        if len(data) > 4:
            place = struct.pack(f"{order}I", 8 + len(body))
            body += data + b"\0" * (len(data) % 2)
        else:
            place = data.ljust(4, b"\0")
        count = len(data) if kind == "s" else len(items)
        rows += struct.pack(f"{order}HHI", tag, _TYPES[kind], count) + place
    head = struct.pack(f"{order}2sHI", b"II" if order == "<" else b"MM", 42, 8 + len(body))
    return head + body + struct.pack(f"{order}H", len(entries)) + rows + bytes(4)


def netpbm(values: np.ndarray, largest: int, plain: bool = False) -> bytes:
    """A PGM or PPM of values (h, w, c) up to `largest`, with a comment."""
    height, width, channels = values.shape
    kind = {(1, False): 5, (3, False): 6, (1, True): 2, (3, True): 3}[channels, plain]
    head = f"P{kind}\n# made by a test\n{width} {height}\n{largest}\n".encode()
    if plain:
        return head + b"# 7 7 7\n" + " ".join(map(str, values.ravel().tolist())).encode()
    return head + values.astype(">u2" if largest > 255 else "u1").tobytes()
