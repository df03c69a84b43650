"""Decoded files: every kind that people have gives the stated pixels, or a reason that counts."""

import base64
import io
import random
import sys
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from PIL import ExifTags, Image

from tests.support.picture_bytes import as_file, netpbm, oriented, tiff
from twinview.core.reading import DEFAULT, Reading
from twinview.pictures.decode import Decoded, decode
from twinview.pictures.kinds import kind_of
from twinview.pictures.unreadable import UnreadableError, pillow_errors_reported

WHOLE = (1, 1)  # a wanted size that reduces nothing while jpeg_margin is 0
GREY = np.arange(48, dtype=np.uint8).reshape(6, 8) * 5
COLOUR = np.stack([GREY, GREY[::-1], 255 - GREY], 2)
DEEP = np.array([0, 255, 256, 40000, 65280, 65535], dtype=np.uint16)
DEEP_GREY = DEEP.reshape(2, 3, 1)
DEEP_COLOUR = np.stack([DEEP, DEEP[::-1], np.roll(DEEP, 2)], 1).reshape(2, 3, 3)


def read(content: bytes, reading: Reading = DEFAULT, size: tuple[int, int] = WHOLE) -> Decoded:
    with pillow_errors_reported(), warnings.catch_warnings(action="ignore"):
        return decode(io.BytesIO(content), size, reading)


def pixels(content: bytes, reading: Reading = DEFAULT) -> np.ndarray:
    return np.asarray(read(content, reading).picture)


def refusal(content: bytes) -> UnreadableError:
    with pytest.raises(UnreadableError) as caught:
        read(content)
    return caught.value


def rgb(content: bytes) -> np.ndarray:
    return np.asarray(read(content).picture.convert("RGB")).astype(int)


# A picture without loss in each format: its bytes, and the kind that is said.
LOSSLESS = [
    ("PNG", {}, "PNG"),
    ("BMP", {}, "BMP"),
    ("GIF", {}, "GIF"),
    ("WEBP", {"lossless": True}, "WebP"),
    ("TIFF", {}, "TIFF"),
    ("TIFF", {"compression": "tiff_lzw"}, "TIFF"),
    ("TIFF", {"compression": "tiff_adobe_deflate"}, "TIFF"),
    ("PPM", {}, "PPM"),
    ("AVIF", {"quality": 100, "subsampling": "4:4:4"}, "AVIF"),
]


@pytest.mark.parametrize(("kind", "options", "said"), LOSSLESS)
def test_a_file_without_loss_is_its_pixels(kind: str, options: dict[str, Any], said: str) -> None:
    decoded = read(as_file(Image.fromarray(GREY), kind, **options))
    assert np.array_equal(np.asarray(decoded.picture.convert("L")), GREY)
    assert (decoded.kind, decoded.size, decoded.conversions) == (said, (6, 8), ())


@pytest.mark.parametrize(("kind", "options"), [("PPM", {}), ("TIFF", {"compression": "packbits"})])
def test_colours_without_loss_are_their_pixels(kind: str, options: dict[str, Any]) -> None:
    assert np.array_equal(pixels(as_file(Image.fromarray(COLOUR), kind, **options)), COLOUR)


DEEP_FILES = {
    "tiff": (tiff(DEEP_GREY), DEEP_GREY),
    "tiff, big end first": (tiff(DEEP_GREY, ">"), DEEP_GREY),
    "tiff, colours": (tiff(DEEP_COLOUR), DEEP_COLOUR),
    "tiff, colours, big end first": (tiff(DEEP_COLOUR, ">"), DEEP_COLOUR),
    "tiff, compressed": (
        as_file(Image.fromarray(DEEP_GREY[:, :, 0]), "TIFF", compression="tiff_lzw"),
        DEEP_GREY,
    ),
    "pgm": (netpbm(DEEP_GREY, 65535), DEEP_GREY),
    "ppm": (netpbm(DEEP_COLOUR, 65535), DEEP_COLOUR),
    "plain pgm": (netpbm(DEEP_GREY, 65535, plain=True), DEEP_GREY),
    "plain ppm": (netpbm(DEEP_COLOUR, 65535, plain=True), DEEP_COLOUR),
    "png": (as_file(Image.fromarray(DEEP_GREY[:, :, 0])), DEEP_GREY),
}


@pytest.mark.parametrize("name", DEEP_FILES)
def test_of_sixteen_bits_the_high_byte_counts_in_every_format(name: str) -> None:
    content, values = DEEP_FILES[name]
    decoded = read(content)
    found = np.asarray(decoded.picture).reshape(values.shape)
    assert np.array_equal(found, values >> 8) and decoded.conversions == ("high_byte",)


def test_planes_of_eight_bits_are_read_and_of_sixteen_refused() -> None:
    assert np.array_equal(pixels(tiff(COLOUR, planes=True)), COLOUR)
    assert refusal(tiff(DEEP_COLOUR, planes=True)).reason == "16 bits in planes"


def test_where_white_is_zero_the_values_are_turned_round() -> None:
    white = {262: ("H", [0])}
    assert np.array_equal(pixels(tiff(DEEP_GREY, tags=white)), 255 - (DEEP_GREY[:, :, 0] >> 8))
    assert np.array_equal(pixels(tiff(GREY[:, :, None], tags=white)), 255 - GREY)


def test_of_twelve_bits_the_highest_eight_count() -> None:
    packed = np.array([0xAB, 0xC1, 0x23], dtype=np.uint8).reshape(1, 3, 1)  # ABC and 123
    content = tiff(packed, tags={256: ("I", [2]), 258: ("H", [12])})
    assert pixels(content).tolist() == [[0xAB, 0x12]]


@pytest.mark.parametrize("plain", [False, True])
def test_a_netpbm_file_is_scaled_by_its_largest_value(plain: bool) -> None:
    few = np.array([0, 1, 7, 15]).reshape(1, 4, 1)
    assert pixels(netpbm(few, 15, plain)).tolist() == [[0, 17, 119, 255]]
    many = np.array([0, 1, 512, 1023]).reshape(1, 4, 1)
    expected = [round(v * 65535 / 1023) >> 8 for v in (0, 1, 512, 1023)]
    assert pixels(netpbm(many, 1023, plain)).tolist() == [expected]


def test_a_deep_netpbm_file_that_ends_too_early_is_broken() -> None:
    for content in (DEEP_FILES["ppm"][0][:-1], DEEP_FILES["plain pgm"][0][:-6]):
        assert refusal(content).reason == "broken"


@pytest.mark.parametrize(
    ("values", "tags", "reason"),
    [
        (DEEP_GREY.astype(np.uint32), {}, "32 bits a channel"),
        (DEEP_COLOUR.astype(np.uint32), {}, "32 bits a channel"),
        (DEEP_GREY.astype(np.float32), {}, "floating-point values"),
        (DEEP_GREY.astype(np.float64), {}, "floating-point values"),
        ((DEEP_GREY >> 8).astype(np.float16), {}, "floating-point values"),
        (DEEP_GREY.astype(np.int16), {}, "signed values"),
        (COLOUR, {262: ("H", [8])}, "CIELAB colours"),
        (COLOUR, {254: ("I", [1])}, "camera raw"),
        (np.stack([DEEP_GREY[:, :, 0]] * 2, 2), {338: ("H", [2])}, "TIFF of 2 channels of 16 bits"),
    ],
)
def test_a_tiff_that_cannot_be_read_rightly_is_refused_by_name(
    values: np.ndarray, tags: dict[int, Any], reason: str
) -> None:
    assert refusal(tiff(values, tags=tags)).reason == reason


def test_a_pfm_is_no_picture_of_a_screen() -> None:
    assert refusal(b"Pf\n1 1\n-1.0\n\0\0\0\0").reason == "floating-point values"


TURNED: dict[int, Callable[[np.ndarray], np.ndarray]] = {
    1: lambda a: a,
    2: np.fliplr,
    3: lambda a: np.rot90(a, 2),
    4: np.flipud,
    5: np.transpose,
    6: lambda a: np.rot90(a, -1),
    7: lambda a: np.rot90(a, 2).T,
    8: np.rot90,
}
STEPS = np.kron(np.array([[0, 80, 160], [40, 120, 250]], dtype=np.uint8), np.ones((16, 16), "u1"))


@pytest.mark.parametrize("orientation", TURNED)
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"])
def test_every_orientation_is_turned_upright_whatever_other_tags_say(
    kind: str, orientation: int
) -> None:
    if kind == "TIFF":
        content = tiff(STEPS[:, :, None], tags={274: ("H", [orientation]), 282: ("s", [b"72\0"])})
    else:
        exif: Any = oriented(orientation)
        if kind == "AVIF":  # Pillow makes a turn of the container of it, and writes it anew
            exif = Image.Exif()
            exif[ExifTags.Base.Orientation] = orientation
        content = as_file(Image.fromarray(STEPS), kind, exif=exif, quality=95)
    expected = TURNED[orientation](STEPS).astype(int)
    decoded = read(content)
    found = np.asarray(decoded.picture.convert("L")).astype(int)
    assert decoded.size == found.shape == expected.shape
    assert np.abs(found - expected).max() <= (0 if kind in ("PNG", "TIFF") else 4)  # lossy


def test_a_turned_jpeg_is_its_bare_copy_turned() -> None:
    picture = Image.fromarray(np.random.default_rng(0).integers(0, 256, (40, 80, 3), np.uint8))
    found = pixels(as_file(picture, "JPEG", exif=oriented(6)))
    assert np.array_equal(found, np.rot90(pixels(as_file(picture, "JPEG")), -1))


def transparent(alpha: int) -> dict[str, bytes]:
    """Half of each picture has the grey 200 and the alpha, and the other half is 100 and opaque."""
    rgba = np.full((2, 4, 4), (100, 100, 100, 255), dtype=np.uint8)
    rgba[:, 2:] = 200, 200, 200, alpha
    colour = Image.fromarray(rgba)
    files = {
        "png": as_file(colour),
        "grey with alpha": as_file(colour.convert("LA")),
        "webp": as_file(colour, "WEBP", lossless=True, exact=True),
        "tiff": tiff(rgba, tags={338: ("H", [2])}),
        "tiff, grey": tiff(rgba[:, :, 2:], tags={338: ("H", [2])}),
    }
    palette = Image.fromarray((rgba[:, :, 0] == 200).astype(np.uint8), mode="P")
    palette.putpalette([100] * 3 + [200] * 3)
    files["palette"] = as_file(palette, transparency=bytes([255, alpha]))
    if alpha == 0:
        files["gif"] = as_file(palette, "GIF", transparency=1)
        files["colour key"] = as_file(Image.fromarray(rgba[:, :, :3]), transparency=(200, 200, 200))
        files["grey key"] = as_file(Image.fromarray(rgba[:, :, 0]), transparency=200)
    return files


@pytest.mark.parametrize("alpha", [0, 64, 128])
@pytest.mark.parametrize("background", [(0, 0, 0), (255, 255, 255), (10, 20, 30)])
def test_transparency_is_laid_on_the_background(
    alpha: int, background: tuple[int, int, int]
) -> None:
    expected = np.full((2, 4, 3), 100.0)
    expected[:, 2:] = (200 * alpha + np.array(background) * (255 - alpha)) / 255
    for name, content in transparent(alpha).items():
        decoded = read(content, Reading(background=background))
        found = np.asarray(decoded.picture.convert("RGB"))
        assert np.abs(found - expected).max() <= 1, name  # Pillow rounds
        assert decoded.conversions == ("laid_on_background",), name


def test_premultiplied_alpha_is_divided_out() -> None:
    grey = np.full((1, 2, 2), (100, 128), dtype=np.uint8)
    for values in (grey, np.full((1, 2, 4), (100, 100, 100, 128), dtype=np.uint8)):
        found = rgb(tiff(values, tags={338: ("H", [1])}))
        assert np.abs(found - 100).max() <= 1


def test_cmyk_jpegs_are_the_same_with_adobe_s_marker_and_without() -> None:
    inks = np.zeros((16, 32, 4), dtype=np.uint8)
    inks[:, :16], inks[:, 16:] = (255, 0, 0, 0), (0, 0, 0, 128)
    marked = as_file(Image.fromarray(inks, mode="CMYK"), "JPEG", quality=95)
    start = marked.index(b"\xff\xee\x00\x0eAdobe")
    bare = marked[:start] + marked[start + 16 :]
    for content in (marked, bare):
        found = rgb(content)
        assert np.abs(found[:, :12] - (0, 255, 255)).max() <= 8  # cyan; JPEG is lossy
        assert np.abs(found[:, 20:] - 127).max() <= 8


def test_in_a_cmyk_tiff_0_is_no_ink() -> None:
    inks = np.array([(0, 0, 0, 0), (255, 0, 0, 0), (0, 51, 0, 0), (0, 0, 0, 255)], dtype=np.uint8)
    content = tiff(inks.reshape(1, 4, 4), tags={262: ("H", [5])})
    expected = [(255, 255, 255), (0, 255, 255), (255, 204, 255), (0, 0, 0)]
    assert rgb(content)[0].tolist() == [list(colour) for colour in expected]


BITS = (np.indices((6, 8)).sum(0) % 3 == 0).astype(np.uint8) * 255


@pytest.mark.parametrize("kind", ["PNG", "PPM", "BMP", "GIF", "TIFF"])
def test_one_bit_is_black_or_white(kind: str) -> None:
    content = as_file(Image.fromarray(BITS).convert("1"), kind)
    assert np.array_equal(rgb(content)[:, :, 0], BITS)


def test_one_bit_of_a_fax_is_black_or_white() -> None:
    content = as_file(Image.fromarray(BITS).convert("1"), "TIFF", compression="group4")
    assert np.array_equal(rgb(content)[:, :, 0], BITS)


def test_a_palette_gives_its_colours() -> None:
    indices = Image.fromarray(np.array([[0, 1], [2, 1]], dtype=np.uint8), mode="P")
    indices.putpalette([9, 8, 7, 200, 100, 50, 0, 0, 255])
    for kind in ("PNG", "GIF", "BMP", "TIFF"):
        found = rgb(as_file(indices, kind)).tolist()
        assert found == [[[9, 8, 7], [200, 100, 50]], [[0, 0, 255], [200, 100, 50]]], kind


@pytest.mark.parametrize("kind", ["GIF", "TIFF", "WEBP", "AVIF", "MPO", "PNG"])
def test_of_several_pictures_the_first_is_read(kind: str) -> None:
    first, second = (Image.new("RGB", (16, 16), (level,) * 3) for level in (60, 200))
    content = as_file(first, kind, save_all=True, append_images=[second])
    decoded = read(content)
    assert np.abs(rgb(content) - 60).max() <= 3
    told = () if kind == "PNG" else ("first_frame",)  # what animates a PNG is left away unread
    assert tuple(c for c in decoded.conversions if c == "first_frame") == told


@pytest.mark.parametrize("margin", [1, 2, 3])
@pytest.mark.parametrize("size", [(5, 5), (12, 16), (30, 20), (100, 100), (500, 500)])
@pytest.mark.parametrize("orientation", [1, 6])
def test_a_jpeg_is_decoded_at_the_least_sides_that_leave_the_margin(
    size: tuple[int, int], margin: int, orientation: int
) -> None:
    content = as_file(Image.new("L", (201, 119)), "JPEG", exif=oriented(orientation))
    height, width = size if orientation == 1 else size[::-1]
    parts = [k for k in (8, 4, 2) if 201 / k >= margin * width and 119 / k >= margin * height]
    part = parts[0] if parts else 1
    decoded = read(content, Reading(jpeg_margin=margin), size)
    sides = (-(-201 // part), -(-119 // part))
    assert decoded.picture.size == (sides if orientation == 1 else sides[::-1])
    assert decoded.size == ((119, 201) if orientation == 1 else (201, 119))
    assert ("reduced" in decoded.conversions) == (part > 1)


def test_a_block_of_a_reduced_jpeg_is_its_mean() -> None:
    levels = np.array([[0, 50, 100], [150, 200, 250]], dtype=np.uint8)
    content = as_file(Image.fromarray(np.kron(levels, np.ones((8, 8), "u1"))), "JPEG", quality=95)
    found = read(content, Reading(jpeg_margin=1), (2, 3)).picture
    assert np.abs(np.asarray(found).astype(int) - levels).max() <= 2  # JPEG is lossy


def test_without_a_margin_a_jpeg_is_decoded_as_pillow_does() -> None:
    picture = Image.fromarray(np.random.default_rng(0).integers(0, 256, (40, 80, 3), np.uint8))
    content = as_file(picture, "JPEG")
    assert np.array_equal(pixels(content), np.asarray(Image.open(io.BytesIO(content))))


def test_only_what_would_not_fit_into_memory_is_too_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 200)
    picture, reading = Image.new("L", (64, 48)), Reading(jpeg_margin=1)
    content = as_file(picture, "JPEG")
    assert read(content, reading, (6, 8)).picture.size == (8, 6)
    progressive = as_file(picture, "JPEG", progressive=True)
    for bomb, choices in ((content, DEFAULT), (progressive, reading), (as_file(picture), reading)):
        with pytest.raises(UnreadableError, match="has more than 400 pixels") as caught:
            read(bomb, choices, (6, 8))
        assert caught.value.reason == "too many pixels"


# 16 x 8 pixels by pillow-heif 1.8.1: the left half (200, 30, 40), the right half (10, 120, 220).
HEIC = """
AAAAHGZ0eXBoZWl4AAAAAG1pZjFoZWl4bWlhZgAAAX5tZXRhAAAAAAAAACFoZGxyAAAAAAAAAABwaWN0AAAAAAAAAAAAAAAA
AAAAACJpbG9jAAAAAERAAAEAAQAAAAABogABAAAAAAAAAE0AAAAjaWluZgAAAAAAAQAAABVpbmZlAgAAAAABAABodmMxAAAA
AA5waXRtAAAAAAABAAAA/mlwcnAAAADeaXBjbwAAAHdodmNDAQQIAAAAnjgAAAAAHvAA/P/4+AAADwNgAAEAF0ABDAH//wQI
AAADAJ44AAADAAAeugJAYQABACpCAQEECAAAAwCeOAAAAwAAHpAEECCy3VXTXNwENBgQAAADAZAAAAMAEIBiAAEACEQBwXMY
MBiQAAAAE2NvbHJuY2x4AAEADQAGgAAAABRpc3BlAAAAAAAAAEAAAABAAAAAKGNsYXAAAAAQAAAAAQAAAAgAAAAB////0AAA
AAL////IAAAAAgAAABBwaXhpAAAAAAMICAgAAAAYaXBtYQAAAAAAAAABAAEFgQIDBYQAAABVbWRhdAAAAEkoAa8GMhqRxoBd
QcV29WT//2HfQ9tzf03bb996UZ//B1S683ypvV/+8+9KgHkpRLUGE+hy7/ihmLNhtHTCEW+IKhxbKNj2cXDg
"""


def test_heic_is_read_with_the_extra() -> None:
    pytest.importorskip("pillow_heif")
    content = base64.b64decode(HEIC)
    decoded, found = read(content), rgb(content)
    assert decoded.kind == "HEIC" and found.shape == (8, 16, 3)
    assert np.abs(found[:, :6] - (200, 30, 40)).max() <= 12  # HEIC is lossy
    assert np.abs(found[:, 10:] - (10, 120, 220)).max() <= 12
    assert {refusal(content[:end]).reason for end in (100, 300, -30)} == {"broken"}


def test_heic_without_the_extra_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    error = refusal(base64.b64decode(HEIC))
    assert "pip install 'twinview[heic]'" in str(error)
    assert error.reason == "HEIC without the extra twinview[heic]"


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "empty"),
        (b"hello", "no picture"),
        (b"%PDF-1.7", "PDF"),
        (b'<?xml version="1.0"?><svg/>', "SVG"),
        (b"<!DOCTYPE html><html>", "HTML"),
        (b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom", "video"),
        (as_file(Image.new("L", (8, 8)), "JPEG2000"), "JPEG 2000"),
        (as_file(Image.new("L", (8, 8)), "TGA"), "no picture"),
        (as_file(Image.new("L", (8, 8)))[:20], "broken"),
        (as_file(Image.new("L", (8, 8)), "JPEG")[:-30], "broken"),
        (as_file(Image.new("L", (8, 8)), "TIFF")[:-8], "broken"),
    ],
)
def test_whatever_is_no_picture_has_a_reason_that_counts(content: bytes, reason: str) -> None:
    assert refusal(content).reason == reason


@pytest.mark.parametrize(
    ("brands", "kind"),
    [
        (b"avif", "AVIF"),
        (b"mif1\0\0\0\0mif1avif", "AVIF"),
        (b"heic", "HEIC"),
        (b"mif1\0\0\0\0mif1heic", "HEIC"),
        (b"crx ", "camera raw"),
        (b"qt  ", "video"),
    ],
)
def test_the_brands_of_a_container_say_what_it_holds(brands: bytes, kind: str) -> None:
    assert kind_of(b"\0\0\0\x1cftyp" + brands) == kind


def test_whatever_pillow_raises_for_spoilt_bytes_is_told() -> None:
    """A fault that is not told ends this test: 3,000 files with a few bytes at random."""
    rng, whole = random.Random(0), Image.fromarray(COLOUR)
    frames: dict[str, Any] = {"save_all": True, "append_images": [whole]}
    kinds = ("TIFF", "PPM", "AVIF", "MPO", "GIF")
    files = [as_file(whole, kind, **(frames if kind == "MPO" else {})) for kind in kinds]
    files += [as_file(whole, "TIFF", compression=c) for c in ("tiff_lzw", "jpeg", "packbits")]
    files += [content for content, _ in DEEP_FILES.values()] + [tiff(COLOUR, ">")]
    told = 0
    for _ in range(3000):
        content = bytearray(rng.choice(files))
        for _ in range(3):
            content[rng.randrange(len(content))] = rng.randrange(256)
        try:
            read(bytes(content))
        except UnreadableError:
            told += 1
    assert 300 < told < 2700
