"""PNG and JPEG files: taken as they are, fitted in the stated way, or refused by name."""

import io
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from twinview.errors import DataError
from twinview.picture_files import exact, fitted

GREY, COLOUR = (1, 6, 8), (3, 6, 8)
PIXELS = np.arange(48, dtype=np.uint8).reshape(6, 8)


def as_file(picture: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    content = io.BytesIO()
    picture.save(content, kind, **options)
    return content.getvalue()


def fitted_to(shape: tuple[int, ...], tmp_path: Path, content: bytes) -> torch.Tensor:
    (tmp_path / "picture").write_bytes(content)
    return fitted(tmp_path / "picture", shape)


def test_a_file_of_the_shape_is_its_pixels() -> None:
    assert torch.equal(exact(as_file(Image.fromarray(PIXELS)), GREY)[0], torch.from_numpy(PIXELS))
    colour = np.stack([PIXELS, PIXELS + 50, PIXELS + 100], 2)
    found = exact(as_file(Image.fromarray(colour)), COLOUR)
    assert torch.equal(found, torch.from_numpy(colour).permute(2, 0, 1))


def test_a_jpeg_is_taken_too() -> None:
    found = exact(as_file(Image.fromarray(PIXELS), "JPEG", quality=95), GREY)
    assert (found.int() - torch.from_numpy(PIXELS).int()).abs().max() <= 6  # JPEG is lossy


@pytest.mark.parametrize(
    ("picture", "said"),
    [
        (Image.new("L", (6, 8)), r"is 6 x 8 pixels of mode L, not 8 x 6 of mode L"),
        (Image.new("RGB", (8, 6)), r"8 x 6 pixels of mode RGB, not 8 x 6 of mode L"),
        (Image.new("LA", (8, 6)), r"mode LA, not"),
        (Image.new("I;16", (8, 6)), r"mode I;16, not"),
    ],
)
def test_another_size_or_colour_is_refused_as_it_is(picture: Image.Image, said: str) -> None:
    with pytest.raises(DataError, match=said):
        exact(as_file(picture), GREY)


@pytest.mark.parametrize("content", [b"", b"hello", as_file(Image.new("L", (8, 6)), "BMP")])
def test_what_is_no_png_or_jpeg_is_refused(content: bytes, tmp_path: Path) -> None:
    for attempt in (lambda: exact(content, GREY), lambda: fitted_to(GREY, tmp_path, content)):
        with pytest.raises(DataError, match="is no PNG or JPEG picture"):
            attempt()


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_a_truncated_file_is_broken(kind: str, tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (6, 8), dtype=np.uint8)
    content = as_file(Image.fromarray(noise), kind)
    for attempt in (exact, lambda cut, shape: fitted_to(shape, tmp_path, cut)):
        with pytest.raises(DataError, match="is broken"):
            attempt(content[: len(content) - 30], GREY)


def test_a_huge_picture_is_refused_before_it_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    content = as_file(Image.new("L", (40, 40)))
    for most in (1000, 100):  # Pillow warns above it, and raises above twice of it
        monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", most)
        with pytest.raises(DataError, match="is too large"):
            exact(content, (1, 40, 40))


def test_a_picture_of_the_shape_is_fitted_by_doing_nothing(tmp_path: Path) -> None:
    content = as_file(Image.fromarray(PIXELS))
    assert torch.equal(fitted_to(GREY, tmp_path, content), exact(content, GREY))


def test_the_shorter_side_fits_and_the_middle_is_cut_out(tmp_path: Path) -> None:
    wide = np.zeros((12, 32), dtype=np.uint8)
    wide[:, 8:16], wide[:, 16:24] = 100, 200  # the middle 16 x 12 is what 8 x 6 has room for
    for picture, turned in ((wide, False), (wide.T, True)):
        shape = (1, 8, 6) if turned else GREY
        found = fitted_to(shape, tmp_path, as_file(Image.fromarray(picture)))[0].int()
        columns = (found.T if turned else found).unique(dim=0)[0]
        # Bicubic: it overshoots a little beside an edge.
        assert (columns - torch.tensor([100] * 4 + [200] * 4)).abs().max() <= 15
        assert (columns[[1, 2, 5, 6]] - torch.tensor([100, 100, 200, 200])).abs().max() <= 3


def test_a_picture_is_turned_as_its_exif_data_say(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 3  # upside down
    turned = fitted_to(GREY, tmp_path, as_file(Image.fromarray(PIXELS), exif=exif))
    assert torch.equal(turned[0], torch.from_numpy(PIXELS).flip(0, 1))


@pytest.mark.parametrize("data", [b"no TIFF header", b"MM\0*"])
def test_malformed_exif_data_are_told(data: bytes, tmp_path: Path) -> None:
    whole = as_file(Image.fromarray(PIXELS))
    checksum = zlib.crc32(b"eXIf" + data)
    chunk = struct.pack(">I", len(data)) + b"eXIf" + data + struct.pack(">I", checksum)
    with pytest.raises(DataError, match="is broken"):
        fitted_to(GREY, tmp_path, whole[:33] + chunk + whole[33:])  # after the header's chunk


def test_transparency_is_laid_on_black(tmp_path: Path) -> None:
    picture = Image.new("RGBA", (8, 6), (255, 255, 255, 0))
    picture.paste((200, 200, 200, 255), (4, 0, 8, 6))
    found = fitted_to(GREY, tmp_path, as_file(picture))
    assert found[0, :, :4].unique().tolist() == [0] and found[0, :, 4:].unique().tolist() == [200]


def test_colours_become_grey_and_grey_becomes_colours(tmp_path: Path) -> None:
    red = as_file(Image.new("RGB", (8, 6), (255, 0, 0)))
    assert fitted_to(GREY, tmp_path, red).unique().tolist() == [76]  # its luma: .299 of 255
    grey = fitted_to(COLOUR, tmp_path, as_file(Image.fromarray(PIXELS)))
    assert grey.shape == COLOUR and torch.equal(grey[0], grey[2])


@pytest.mark.parametrize("mode", ["1", "P", "LA", "CMYK"])
def test_every_picture_of_eight_bits_is_taken(mode: str, tmp_path: Path) -> None:
    picture = Image.fromarray(PIXELS).convert(mode)
    content = as_file(picture, "JPEG" if mode == "CMYK" else "PNG")
    assert fitted_to(COLOUR, tmp_path, content).shape == COLOUR


def test_sixteen_bits_are_refused_since_pillow_would_clip_them(tmp_path: Path) -> None:
    content = as_file(Image.fromarray(PIXELS.astype(np.uint16) * 1000))
    with pytest.raises(DataError, match=r"mode I;16; save it with 8 bits"):
        fitted_to(GREY, tmp_path, content)


def test_a_file_that_cannot_be_opened_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot be read"):
        fitted(tmp_path / "absent.png", GREY)
