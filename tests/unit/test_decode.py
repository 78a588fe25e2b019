"""Decoding is right, or refused with a reason (promises 10 and 11)."""

import io
import random
import struct
import subprocess
import sys
import warnings
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps

from vecsearch.errors import ImageError, InvalidArgument
from vecsearch.images import Preprocess, decode, decoding, not_now, prepare, to_pixels

# 3 × 2 pixels, all different, so that every turn and mirror of them is told apart.
CORNERS = np.array(
    [[[255, 0, 0], [0, 255, 0], [0, 0, 255]], [[255, 255, 0], [0, 255, 255], [90, 90, 90]]],
    np.uint8,
)


def content(image: Image.Image, form: str, **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, form, **options)
    return file.getvalue()


def exactly(image: Image.Image, form: str = "PNG", **options: object) -> np.ndarray:
    """What is decoded of an image at its own size."""
    return decode(content(image, form, **options), Preprocess(image.size))[0]


@pytest.mark.parametrize(
    ("orientation", "expected"),
    [
        (1, CORNERS),
        (2, CORNERS[:, ::-1]),
        (3, CORNERS[::-1, ::-1]),
        (4, CORNERS[::-1]),
        (5, CORNERS.transpose(1, 0, 2)),
        (6, np.rot90(CORNERS, -1)),
        (7, CORNERS[::-1, ::-1].transpose(1, 0, 2)),
        (8, np.rot90(CORNERS)),
    ],
)
@pytest.mark.parametrize("form", ["PNG", "TIFF", "WEBP"])
def test_all_eight_orientations(orientation: int, expected: np.ndarray, form: str) -> None:
    image = Image.fromarray(CORNERS)
    exif = Image.Exif()
    exif[0x0112] = orientation
    options: dict[str, object] = {"lossless": True} if form == "WEBP" else {}
    data = content(image, form, exif=exif, **options)
    height, width = expected.shape[:2]
    pixels, original = decode(data, Preprocess((width, height)))
    assert original == (width, height)
    np.testing.assert_array_equal(pixels, expected)


def test_a_turned_jpeg_is_turned_before_it_is_brought_to_size() -> None:
    image = Image.new("RGB", (400, 200), "white")
    image.paste("black", (0, 0, 200, 200))
    exif = Image.Exif()
    exif[0x0112] = 6  # turned clockwise: the black half comes up
    pixels, original = decode(content(image, "JPEG", exif=exif), Preprocess((8, 8), color="grey"))
    assert original == (200, 400)
    assert pixels[:3].max() < 20
    assert pixels[5:].min() > 235


def test_sixteen_bit_grey_is_scaled_not_cut() -> None:
    deep = np.array([[0, 128, 257, 32768], [65535, 65407, 256, 129]], np.uint16)
    expected = np.array([[0, 0, 1, 128], [255, 255, 1, 1]], np.uint8)  # round(v / 257)
    for form in ("PNG", "TIFF"):
        pixels = decode(content(Image.fromarray(deep), form), Preprocess((4, 2), color="grey"))[0]
        np.testing.assert_array_equal(pixels[:, :, 0], expected)


def deep_tiff(values: list[int], bits: int, photometric: int) -> bytes:
    """A TIFF of grey values, one strip, little-endian, packed as the format says."""
    packed = "".join(f"{value:0{bits}b}" for value in values)
    packed += "0" * (-len(packed) % 8)
    strip = bytes(int(packed[at : at + 8], 2) for at in range(0, len(packed), 8))
    if bits == 16:
        strip = np.array(values, "<u2").tobytes()
    tags = [(256, len(values)), (257, 1), (258, bits), (259, 1), (262, photometric),
            (273, 8), (277, 1), (278, 1), (279, len(strip))]  # fmt: skip
    start = 8 + len(strip) + len(strip) % 2
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags)
    head = b"II*\0" + struct.pack("<I", start) + strip + bytes(len(strip) % 2)
    return head + struct.pack("<H", len(tags)) + entries + bytes(4)


@pytest.mark.parametrize(
    ("values", "bits", "photometric", "expected"),
    [
        ([0, 257, 65535], 16, 1, [0, 1, 255]),
        ([0, 257, 65535], 16, 0, [255, 254, 0]),  # white is zero
        ([0, 2048, 4095], 12, 1, [0, 128, 255]),
    ],
)
def test_deep_grey_of_tiff(
    values: list[int], bits: int, photometric: int, expected: list[int]
) -> None:
    preprocess = Preprocess((3, 1), color="grey")
    pixels, _ = decode(deep_tiff(values, bits, photometric), preprocess)
    np.testing.assert_array_equal(pixels[0, :, 0], expected)


def test_transparent_deep_grey_lies_on_white() -> None:
    image = Image.fromarray(np.array([[0, 65535, 30000]], np.uint16))
    pixels, _ = decode(content(image, "PNG", transparency=0), Preprocess((3, 1), color="grey"))
    np.testing.assert_array_equal(pixels[0, :, 0], [255, 255, 117])


@pytest.mark.parametrize("bits", [1, 2, 4, 8])
def test_the_transparent_grey_lies_on_white_however_few_its_bits(bits: int) -> None:
    values = [0, 2**bits // 2, 2**bits - 1]
    row = "".join(f"{value:0{bits}b}" for value in values).ljust(-(-3 * bits // 8) * 8, "0")
    packed = b"\0" + int(row, 2).to_bytes(len(row) // 8, "big")

    def chunk(name: bytes, data: bytes) -> bytes:
        whole = name + data
        return struct.pack(">I", len(data)) + whole + struct.pack(">I", zlib.crc32(whole))

    png = (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", struct.pack(">IIBBBBB", 3, 1, bits, 0, 0, 0, 0))
        + chunk(b"tRNS", struct.pack(">H", values[1]))
        + chunk(b"IDAT", zlib.compress(packed))
        + chunk(b"IEND", b"")
    )
    pixels, _ = decode(png, Preprocess((3, 1), color="grey"))
    assert pixels[0, 1, 0] == 255
    assert pixels[0, 0, 0] == 0


def test_deep_colour_has_its_own_transparent_one() -> None:
    deep = np.array([[[0x1234, 0x5678, 0x9ABC], [0x1200, 0x5600, 0x9B00]]], ">u2")

    def chunk(name: bytes, data: bytes) -> bytes:
        whole = name + data
        return struct.pack(">I", len(data)) + whole + struct.pack(">I", zlib.crc32(whole))

    png = (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", struct.pack(">IIBBBBB", 2, 1, 16, 2, 0, 0, 0))
        + chunk(b"tRNS", struct.pack(">HHH", 0x1234, 0x5678, 0x9ABC))
        + chunk(b"IDAT", zlib.compress(b"\0" + deep.tobytes()))
        + chunk(b"IEND", b"")
    )
    pixels, _ = decode(png, Preprocess((2, 1)))
    assert pixels[0].tolist() == [[255, 255, 255], [0x12, 0x56, 0x9B]]


def test_a_lack_of_memory_is_no_damage(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise MemoryError

    data = content(Image.fromarray(CORNERS), "PNG")
    monkeypatch.setattr("vecsearch.images.decoding.prepare", full)
    with pytest.raises(ImageError, match="not enough memory") as refused:
        decode(data, Preprocess())
    assert not_now(str(refused.value))


@pytest.mark.parametrize("form", ["PNG", "WEBP", "JPEG"])
def test_broken_or_senseless_notes_of_a_camera(form: str) -> None:
    image = Image.fromarray(CORNERS)
    options: dict[str, object] = {"lossless": True} if form == "WEBP" else {}
    assert decode(content(image, form, exif=b"Exif\0\0rubbish", **options), Preprocess())[1] == (
        3,
        2,
    )
    senseless = Image.Exif()
    senseless[0x0112] = 9
    assert decode(content(image, form, exif=senseless, **options), Preprocess())[1] == (3, 2)


def test_other_users_of_pillow_are_left_alone() -> None:
    filters = [one[2] for one in warnings.filters]
    assert Image.DecompressionBombWarning not in filters


def test_cmyk() -> None:
    image = Image.new("CMYK", (2, 1))
    image.putpixel((0, 0), (0, 255, 255, 0))  # magenta and yellow make red
    image.putpixel((1, 0), (0, 0, 0, 255))
    np.testing.assert_array_equal(exactly(image, "TIFF"), [[[255, 0, 0], [0, 0, 0]]])
    jpeg = exactly(Image.new("CMYK", (8, 8), (255, 0, 0, 0)), "JPEG", quality=100)
    np.testing.assert_allclose(jpeg[4, 4], [0, 255, 255], atol=3)


def test_palette() -> None:
    image = Image.new("P", (3, 1))
    image.putpalette([10, 20, 30, 40, 50, 60, 70, 80, 90])
    for column, entry in enumerate((2, 0, 1)):
        image.putpixel((column, 0), entry)
    expected = [[[70, 80, 90], [10, 20, 30], [40, 50, 60]]]
    for form in ("PNG", "GIF", "BMP"):
        np.testing.assert_array_equal(exactly(image, form), expected)
    np.testing.assert_array_equal(
        exactly(image, "PNG", transparency=0), [[[70, 80, 90], [255, 255, 255], [40, 50, 60]]]
    )


def test_alpha_lies_on_white() -> None:
    image = Image.new("RGBA", (3, 1))
    image.putdata([(200, 100, 0, 255), (200, 100, 0, 0), (0, 0, 0, 51)])
    expected = [[[200, 100, 0], [255, 255, 255], [204, 204, 204]]]  # 51/255 of black is 1/5
    np.testing.assert_array_equal(exactly(image, "PNG"), expected)
    np.testing.assert_array_equal(exactly(image, "WEBP", lossless=True, exact=True), expected)
    grey = Image.new("LA", (2, 1))
    grey.putdata([(80, 255), (80, 0)])
    np.testing.assert_array_equal(exactly(grey), [[[80] * 3, [255] * 3]])


def test_one_bit() -> None:
    image = Image.new("1", (2, 1))
    image.putpixel((1, 0), 1)
    np.testing.assert_array_equal(exactly(image), [[[0] * 3, [255] * 3]])


@pytest.mark.parametrize("form", ["GIF", "WEBP", "TIFF", "PNG"])
def test_first_frame_of_an_animation(form: str) -> None:
    frames = [Image.new("RGB", (4, 4), color) for color in ("red", "green", "blue")]
    options: dict[str, object] = {"lossless": True} if form == "WEBP" else {}
    pixels = exactly(frames[0], form, save_all=True, append_images=frames[1:], **options)
    np.testing.assert_array_equal(pixels, np.broadcast_to([255, 0, 0], (4, 4, 3)))


def test_one_pixel_becomes_any_size() -> None:
    data = content(Image.new("RGB", (1, 1), (1, 2, 3)), "PNG")
    for fit in ("stretch", "crop", "pad"):
        pixels, original = decode(data, Preprocess((5, 5), fit=fit))  # type: ignore[arg-type]
        assert original == (1, 1)
        np.testing.assert_array_equal(pixels, np.broadcast_to([1, 2, 3], (5, 5, 3)))


def test_grey_is_luma() -> None:
    image = Image.new("RGB", (2, 1))
    image.putdata([(255, 0, 0), (0, 0, 255)])
    data = content(image, "PNG")
    pixels = decode(data, Preprocess((2, 1), color="grey"))[0]
    np.testing.assert_array_equal(pixels[:, :, 0], [[76, 29]])  # 0.299 and 0.114 of 255


def test_fits() -> None:
    wide = Image.new("RGB", (40, 20), "red")
    wide.paste("blue", (0, 0, 10, 20))
    wide.paste("blue", (30, 0, 40, 20))
    cropped = prepare(wide, Preprocess((10, 10), fit="crop"))
    # Lanczos looks a little past the cut.
    np.testing.assert_allclose(cropped, np.broadcast_to([255, 0, 0], (10, 10, 3)), atol=14)
    np.testing.assert_array_equal(cropped[:, 3:7], np.broadcast_to([255, 0, 0], (10, 4, 3)))
    padded = prepare(wide, Preprocess((20, 20), fit="pad"))
    np.testing.assert_array_equal(padded[:5], np.full((5, 20, 3), 255))
    np.testing.assert_array_equal(padded[15:], np.full((5, 20, 3), 255))
    np.testing.assert_array_equal(padded[8:12, 9:11], np.broadcast_to([255, 0, 0], (4, 2, 3)))
    stretched = prepare(wide, Preprocess((20, 20)))
    np.testing.assert_array_equal(stretched[:, 0], np.broadcast_to([0, 0, 255], (20, 3)))


HEIC = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(64)
SVG = b'<?xml version="1.0"?>\n<svg xmlns="http://www.w3.org/2000/svg"></svg>'


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (SVG, "SVG is not among the formats"),
        (HEIC, "HEIC or AVIF is not among the formats"),
        (b"\n<!DOCTYPE html><html></html>", "a web page, not an image"),
        (b"hello", "not an image in one of the formats JPEG, PNG, GIF, WEBP, BMP, TIFF"),
        (content(Image.new("RGB", (9, 9)), "PPM"), "not an image in one of the formats"),
        (content(Image.new("F", (9, 9)), "TIFF"), "32-bit numbers, whose range no standard"),
        (content(Image.new("I", (9, 9)), "TIFF"), "32-bit numbers, whose range no standard"),
    ],
)
def test_refused_with_a_reason(data: bytes, reason: str) -> None:
    with pytest.raises(ImageError, match=reason):
        decode(data, Preprocess())


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "BMP", "TIFF"])
def test_half_an_image_is_refused(form: str) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    data = content(Image.fromarray(noise), form)
    with pytest.raises(ImageError, match=r"damaged or cut short|not an image"):
        decode(data[: len(data) // 2], Preprocess())


def bomb(side: int) -> bytes:
    """A small PNG that says it is side × side pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        checksum = zlib.crc32(kind + data).to_bytes(4, "big")
        return len(data).to_bytes(4, "big") + kind + data + checksum

    header = side.to_bytes(4, "big") * 2 + bytes([1, 0, 0, 0, 0])
    packer = zlib.compressobj(9)
    row = bytes(side // 8 + 2)
    data = b"".join(packer.compress(row) for _ in range(side)) + packer.flush()
    chunks = chunk(b"IHDR", header), chunk(b"IDAT", data), chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


@pytest.mark.parametrize("side", [7072, 10_000, 13_000, 20_000])
def test_a_bomb_is_refused_at_once(side: int, tmp_path: Path) -> None:
    path = tmp_path / "bomb.png"
    path.write_bytes(bomb(side))
    # In a process of its own, whose peak memory is that of this one image.
    script = """
import resource, sys, time
from vecsearch.images import Preprocess, decode
from vecsearch.errors import ImageError
data = open(sys.argv[1], "rb").read()
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
seconds = []
for _ in range(5):  # the fastest counts: something else may have the processor
    started = time.perf_counter()
    try:
        decode(data, Preprocess())
    except ImageError as error:
        reason = error
    seconds.append(time.perf_counter() - started)
after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(min(seconds), (after - before) / 1024, reason, sep="|")
"""
    run = subprocess.run(
        [sys.executable, "-W", "error", "-c", script, str(path)],
        capture_output=True,
        text=True,
        check=True,
    )
    seconds, mebibytes, reason = run.stdout.strip().split("|")
    assert reason.endswith("is more than 50 megapixels")
    assert float(seconds) < 0.1
    assert float(mebibytes) < 50


def test_fifty_megapixels_are_still_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decoding, "MAX_PIXELS", 64)
    fits, too_many = (content(Image.new("L", (8, side)), "PNG") for side in (8, 9))
    assert decode(fits, Preprocess())[1] == (8, 8)
    with pytest.raises(ImageError, match="8 × 9 is more than"):
        decode(too_many, Preprocess())


def photos_enlarged(data: Callable[[str], Path]) -> list[bytes]:
    """Real photos, three times as large, so that the scaled decoding of JPEGs has work to do."""
    files = sorted((data("clothing10") / "test").rglob("*.jpg"))[::12]
    enlarged = []
    for path in files:
        image = Image.open(path)
        size = (3 * image.width, 3 * image.height)
        enlarged.append(content(image.resize(size, Image.Resampling.BICUBIC), "JPEG", quality=90))
    return enlarged


@pytest.mark.parametrize("fit", ["stretch", "crop", "pad"])
def test_scaled_decoding_keeps_within_its_bound(
    data: Callable[[str], Path], fit: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    photos = photos_enlarged(data)
    assert len(photos) == 31
    preprocess = Preprocess((64, 64), fit=fit)  # type: ignore[arg-type]
    scaled = [decode(photo, preprocess)[0].astype(int) for photo in photos]
    monkeypatch.setattr(decoding, "DRAFT_GAP", 10_000)  # every pixel is decoded
    whole = [decode(photo, preprocess)[0].astype(int) for photo in photos]
    means = [np.abs(one - other).mean() for one, other in zip(scaled, whole, strict=True)]
    assert max(means) > 0  # it did take the short way
    assert max(means) <= decoding.DRAFT_MEAN_DIFFERENCE


def test_mutated_images_never_do_worse_than_an_error() -> None:
    kinds = [
        content(Image.fromarray(CORNERS).resize((24, 16)), form)
        for form in ("JPEG", "PNG", "GIF", "WEBP", "BMP", "TIFF")
    ]
    rng = random.Random(0)
    outcomes = {"read": 0, "refused": 0}
    for turn in range(600):
        data = bytearray(kinds[turn % len(kinds)])
        for _ in range(rng.randint(1, 8)):
            data[rng.randrange(len(data))] = rng.randrange(256)
        if rng.random() < 0.2:
            del data[rng.randrange(len(data)) :]
        try:
            pixels, _ = decode(bytes(data), Preprocess((8, 8)))
            assert pixels.shape == (8, 8, 3)
            outcomes["read"] += 1
        except ImageError:
            outcomes["refused"] += 1
    assert sum(outcomes.values()) == 600
    assert min(outcomes.values()) > 100


@pytest.mark.parametrize(
    "values",
    [
        {"size": (0, 4)},
        {"size": (4, 5000)},
        {"size": (4,)},
        {"size": (2.5, 4)},
        {"fit": "squeeze"},
        {"color": "colour"},
    ],
)
def test_a_preprocess_that_cannot_be(values: dict[str, object]) -> None:
    with pytest.raises(InvalidArgument):
        Preprocess(**values)  # type: ignore[arg-type]


def test_an_image_may_come_in_three_forms(tmp_path: Path) -> None:
    Image.fromarray(CORNERS).save(tmp_path / "corners.png")
    preprocess = Preprocess((3, 2))
    for form in (tmp_path / "corners.png", str(tmp_path / "corners.png"), CORNERS):
        np.testing.assert_array_equal(to_pixels(form, preprocess), CORNERS)
    np.testing.assert_array_equal(to_pixels(Image.fromarray(CORNERS), preprocess), CORNERS)
    np.testing.assert_array_equal(
        to_pixels(CORNERS[:, :, 0], preprocess), CORNERS[:, :, :1].repeat(3, axis=2)
    )
    with pytest.raises(ImageError, match=r"nowhere\.png: cannot be read: No such file"):
        to_pixels(tmp_path / "nowhere.png", preprocess)
    for wrong in (CORNERS.astype(float), np.zeros((2, 2, 2), np.uint8), None):
        with pytest.raises(InvalidArgument, match="An image is a path"):
            to_pixels(wrong, preprocess)  # type: ignore[arg-type]


@pytest.mark.parametrize(("width", "height"), [(600, 1), (1, 600), (2000, 10), (300, 200), (7, 9)])
def test_padding_shows_what_there_is(width: int, height: int) -> None:
    black = Image.new("L", (width, height))
    padded = prepare(black, Preprocess((64, 64), fit="pad", color="grey"))
    assert np.count_nonzero(padded == 0) >= 64
    if 64 * min(width, height) >= max(width, height):
        expected = ImageOps.pad(black, (64, 64), Image.Resampling.LANCZOS, color="white")
        assert np.array_equal(padded[:, :, 0], np.asarray(expected))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_each_turn_is_pillow_s(orientation: int) -> None:
    image = Image.fromarray(np.arange(12, dtype=np.uint8).reshape(3, 4))
    exif = Image.Exif()
    exif[decoding.ORIENTATION] = orientation
    file = io.BytesIO()
    image.save(file, "PNG", exif=exif)
    with Image.open(file) as turned:
        expected = ImageOps.exif_transpose(turned)
        size = expected.size
        found = decode(file.getvalue(), Preprocess(size, color="grey"))[0]
    assert np.array_equal(found[:, :, 0], np.asarray(expected))


def test_grey_whose_transparency_is_multiplied_in_lies_on_white() -> None:
    """As a TIFF may have it: 60 of 255 at half of its opacity is 60, and half of white."""
    image = Image.new("LA", (2, 1))
    image.putdata([(0, 0), (60, 128)])
    kind = (338).to_bytes(2, "little") + b"\3\0\1\0\0\0"
    data = content(image, "TIFF").replace(kind + b"\2", kind + b"\1")
    with Image.open(io.BytesIO(data)) as opened:
        assert opened.mode == "La"
    pixels, _ = decode(data, Preprocess((2, 1), color="grey"))
    assert pixels[0, :, 0].tolist() == pytest.approx([255, 60 + 127], abs=1)
