"""Picture files: fitted in the stated way, whatever metadata they have, or refused."""

import io
import random
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import ExifTags, Image, ImageOps
from torch import Tensor

from twinview.core.errors import DataError
from twinview.core.reading import Reading
from twinview.pictures.files import (
    FittedPicture,
    LeftOut,
    fit_picture,
    read_or_leave_out,
    read_picture,
)

GREY, COLOUR = (1, 6, 8), (3, 6, 8)
PIXELS = np.arange(48, dtype=np.uint8).reshape(6, 8)
BARE = torch.from_numpy(PIXELS)


def as_file(picture: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    content = io.BytesIO()
    picture.save(content, kind, **options)
    return content.getvalue()


def fitted_to(shape: tuple[int, ...], content: bytes) -> Tensor:
    return fit_picture(io.BytesIO(content), shape).pixels


def chunk(name: bytes, content: bytes) -> bytes:
    checksum = zlib.crc32(name + content)
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", checksum)


def with_chunk(content: bytes, name: bytes, value: bytes) -> bytes:
    """A PNG with one more chunk after its head."""
    return content[:33] + chunk(name, value) + content[33:]


def png(bits: int, kind: int, width: int, *values: int) -> bytes:
    """One row of 16-bit values, or of bytes, as a PNG."""
    row = b"\0" + struct.pack(f">{len(values)}{'H' if bits == 16 else 'B'}", *values)
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, 1, bits, kind, 0, 0, 0))
    end = chunk(b"IDAT", zlib.compress(row)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + head + end


@pytest.mark.parametrize("kind", ["PNG", "BMP", "GIF", "WEBP"])
def test_a_file_of_the_shape_is_its_pixels(kind: str) -> None:
    options = {"lossless": True} if kind == "WEBP" else {}
    found = fit_picture(io.BytesIO(as_file(Image.fromarray(PIXELS), kind, **options)), GREY)
    assert torch.equal(found.pixels[0], BARE) and found.changes == found.warnings == ()


def test_colours_come_channel_by_channel() -> None:
    colour = np.stack([PIXELS, PIXELS + 50, PIXELS + 100], 2)
    found = fitted_to(COLOUR, as_file(Image.fromarray(colour)))
    assert torch.equal(found, torch.from_numpy(colour).permute(2, 0, 1))


def test_a_jpeg_is_taken_too() -> None:
    found = fitted_to(GREY, as_file(Image.fromarray(PIXELS), "JPEG", quality=95))
    assert (found.int() - BARE.int()).abs().max() <= 6  # JPEG is lossy


@pytest.mark.parametrize("content", [b"hello", as_file(Image.new("L", (8, 6)), "TGA")])
def test_another_format_is_refused_with_those_that_are_read(content: bytes) -> None:
    with pytest.raises(DataError, match="save it as PNG, JPEG, WebP, BMP, GIF, TIFF, PPM or AVIF"):
        fitted_to(GREY, content)


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_a_truncated_file_is_broken(kind: str) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (6, 8), dtype=np.uint8)
    with pytest.raises(DataError, match="is broken"):
        fitted_to(GREY, as_file(Image.fromarray(noise), kind)[:-30])


def test_whatever_pillow_raises_for_spoilt_bytes_is_told() -> None:
    """A fault that is not told ends this test: 4,000 files with a few bytes at random."""
    rng, whole = random.Random(0), Image.fromarray(PIXELS)
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    kinds = {"PNG": {"exif": exif}, "JPEG": {"exif": exif}, "WEBP": {}, "BMP": {}, "GIF": {}}
    files = [as_file(whole, kind, **options) for kind, options in kinds.items()]
    told = 0
    for _ in range(4000):
        content = bytearray(rng.choice(files))
        for _ in range(3):
            content[rng.randrange(min(len(content), 150))] = rng.randrange(256)
        try:
            fitted_to(GREY, bytes(content))
        except DataError:
            told += 1
    assert 400 < told < 3600


def test_a_huge_picture_is_read_up_to_the_limit_that_the_refusal_names(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    content = as_file(Image.new("L", (40, 40)))
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 800)  # Pillow warns above it
    assert fit_picture(io.BytesIO(content), (1, 40, 40)).warnings == ()
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 799)  # and raises above twice of it
    with pytest.raises(DataError, match="has more than 1,598 pixels; scale it down first"):
        fitted_to((1, 40, 40), content)


def test_the_shorter_side_fits_and_the_middle_is_cut_out() -> None:
    wide = np.zeros((12, 32), dtype=np.uint8)
    wide[:, 8:16], wide[:, 16:24] = 100, 200  # the middle 16 x 12 is what 8 x 6 has room for
    for picture, turned in ((wide, False), (wide.T, True)):
        shape = (1, 8, 6) if turned else GREY
        found = fitted_to(shape, as_file(Image.fromarray(picture)))[0].int()
        columns = (found.T if turned else found).unique(dim=0)[0]
        # Bicubic: it overshoots a little beside an edge.
        assert (columns - torch.tensor([100] * 4 + [200] * 4)).abs().max() <= 15
        assert (columns[[1, 2, 5, 6]] - torch.tensor([100, 100, 200, 200])).abs().max() <= 3


@pytest.mark.parametrize(
    ("picture", "changes"),
    [
        (Image.new("L", (16, 12)), ("scaled",)),
        (Image.new("L", (8, 7)), ("cut",)),
        (Image.new("L", (12, 12)), ("scaled", "cut")),
        (Image.new("RGB", (8, 6), "red"), ("made_grey",)),
        (Image.new("RGB", (8, 6), (7, 7, 7)), ()),
    ],
)
def test_what_fitting_changed_is_said(picture: Image.Image, changes: tuple[str, ...]) -> None:
    assert fit_picture(io.BytesIO(as_file(picture)), GREY).changes == changes


@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
@pytest.mark.parametrize("orientation", range(10))
def test_a_picture_is_turned_as_pillow_turns_it(orientation: int, kind: str) -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    options = {"lossless": True} if kind == "WEBP" else {}
    content = as_file(Image.fromarray(PIXELS), kind, exif=exif, **options)
    expected = np.array(ImageOps.exif_transpose(Image.open(io.BytesIO(content))).convert("L"))
    assert torch.equal(fitted_to((1, *expected.shape), content)[0], torch.from_numpy(expected))


ODD = Image.Exif()
ODD[ExifTags.Base.Orientation], ODD[ExifTags.Base.XResolution] = 3, 72.0


def test_other_exif_data_do_not_matter() -> None:
    """A resolution as text: Pillow reads it, and cannot write it again."""
    data = bytearray(ODD.tobytes()[6:])
    tag = data.index(struct.pack(">HH", ExifTags.Base.XResolution, 5))
    data[tag : tag + 8] = struct.pack(">HHI", ExifTags.Base.XResolution, 2, 8)
    content = with_chunk(as_file(Image.fromarray(PIXELS)), b"eXIf", bytes(data))
    found = fit_picture(io.BytesIO(content), GREY)
    assert torch.equal(found.pixels[0], BARE.flip(0, 1)) and found.warnings == ()


@pytest.mark.parametrize("data", [b"no TIFF header", b"MM\0*"])
def test_a_picture_with_broken_exif_data_is_taken_as_it_lies_with_a_warning(data: bytes) -> None:
    content = with_chunk(as_file(Image.fromarray(PIXELS)), b"eXIf", data)
    found = fit_picture(io.BytesIO(content), GREY)
    assert torch.equal(found.pixels[0], BARE)
    assert "is not turned, for its EXIF data are broken" in found.warnings[0]


LONG = zlib.compress(bytes(3_000_000))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        (b"zTXt", b"Comment\0\0" + LONG),
        (b"iTXt", b"Comment\0\1\0\0\0" + LONG),
        (b"iCCP", b"profile\0\0" + LONG),
        (b"acTL", b"odd"),
        (b"pHYs", b""),
    ],
)
def test_chunks_that_change_no_pixel_do_not_matter(name: bytes, value: bytes) -> None:
    content = with_chunk(as_file(Image.fromarray(PIXELS)), name, value)
    with pytest.raises((ValueError, OSError, SyntaxError)):
        Image.open(io.BytesIO(content)).load()
    assert torch.equal(fitted_to(GREY, content)[0], BARE)


def test_transparency_is_laid_on_black() -> None:
    picture = Image.new("RGBA", (8, 6), (255, 255, 255, 0))
    picture.paste((200, 200, 200, 255), (4, 0, 8, 6))
    found = fitted_to(GREY, as_file(picture))
    assert found[0, :, :4].unique().tolist() == [0] and found[0, :, 4:].unique().tolist() == [200]


def test_a_transparent_colour_is_black_where_pillow_sees_it_and_else_refused() -> None:
    eight, sixteen = (with_chunk(png(b, 0, 2, 7, 9), b"tRNS", b"\0\7") for b in (8, 16))
    assert fitted_to((1, 1, 2), eight).flatten().tolist() == [0, 9]
    with pytest.raises(DataError, match=r"a transparent colour of 16 bits.*alpha channel"):
        fitted_to((1, 1, 2), sixteen)


def test_colours_become_grey_and_grey_becomes_colours() -> None:
    red = as_file(Image.new("RGB", (8, 6), (255, 0, 0)))
    assert fitted_to(GREY, red).unique().tolist() == [76]  # its luma: .299 of 255
    grey = fitted_to(COLOUR, as_file(Image.fromarray(PIXELS)))
    assert grey.shape == COLOUR and torch.equal(grey[0], grey[2])


@pytest.mark.parametrize("mode", ["1", "P", "LA", "CMYK"])
def test_every_picture_of_eight_bits_is_taken(mode: str) -> None:
    content = as_file(Image.fromarray(PIXELS).convert(mode), "JPEG" if mode == "CMYK" else "PNG")
    assert fitted_to(COLOUR, content).shape == COLOUR


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        (0, (40000, 255)),
        (2, (40000, 40000, 40000, 255, 255, 255)),
        (4, (40000, 65535, 255, 65535)),
        (6, (40000, 40000, 40000, 65535, 255, 255, 255, 65535)),
    ],
    ids=["grey", "colour", "grey with alpha", "colour with alpha"],
)
def test_of_sixteen_bits_the_high_byte_counts(kind: int, values: tuple[int, ...]) -> None:
    found = fit_picture(io.BytesIO(png(16, kind, 2, *values)), (1, 1, 2))
    assert found.pixels.flatten().tolist() == [156, 0] and found.changes == ()


def test_a_file_that_cannot_be_opened_is_said_so(tmp_path: Any) -> None:
    with pytest.raises(DataError, match="cannot be read"):
        read_picture(tmp_path / "absent.png", GREY)


def test_a_file_is_read_with_what_was_done_to_it_or_left_out_with_the_reason(
    tmp_path: Path,
) -> None:
    red = Image.new("RGBA", (24, 12), (255, 0, 0, 0))
    for name, content in (("a.png", as_file(red)), ("b.jpg", b"<html>"), ("c.png", b"")):
        (tmp_path / name).write_bytes(content)
    found = read_or_leave_out(tmp_path / "a.png", GREY, Reading(background=(0, 255, 0)))
    assert isinstance(found, FittedPicture) and found.pixels.unique().tolist() == [150]  # luma
    assert (found.kind, found.size) == ("PNG", (12, 24))
    assert found.changes == ("made_grey", "scaled", "cut")
    assert found.conversions == ("laid_on_background",)
    formats = "save it as PNG, JPEG, WebP, BMP, GIF, TIFF, PPM or AVIF"
    for name, reason, detail, passing in (
        ("b.jpg", "HTML", f"is HTML, which is not read; {formats}", False),
        ("c.png", "empty", "is empty (0 bytes); copy it anew", False),
        ("absent.png", "cannot be opened", "cannot be read (No such file or directory)", True),
    ):
        assert read_or_leave_out(tmp_path / name, GREY) == LeftOut(reason, detail, passing)


def test_the_file_decides_what_it_is_and_not_its_name(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(as_file(Image.fromarray(PIXELS), "GIF"))
    found = read_or_leave_out(tmp_path / "a.jpg", GREY)
    assert isinstance(found, FittedPicture) and found.kind == "GIF"
    assert torch.equal(found.pixels[0], BARE)


def test_a_reduced_jpeg_says_what_the_file_s_size_was() -> None:
    levels = np.kron(PIXELS * 5, np.ones((8, 8), "u1"))  # a block of a JPEG each
    content = as_file(Image.fromarray(levels), "JPEG", quality=95)
    found = fit_picture(io.BytesIO(content), GREY, Reading(jpeg_margin=1))
    assert (found.pixels[0].int() - BARE.int() * 5).abs().max() <= 2  # JPEG is lossy
    assert (found.size, found.changes, found.conversions) == ((48, 64), ("scaled",), ("reduced",))
