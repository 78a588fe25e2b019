"""From the bytes of an image file to pixels of one size and colour, rightly or not at all."""

import io
import struct
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError
from PIL.Image import Resampling, Transpose

from vecsearch.errors import ImageError, InvalidArgument
from vecsearch.types import JSON, Pixels

FORMATS = ("JPEG", "PNG", "GIF", "WEBP", "BMP", "TIFF")
# What is said of a folder in which there are none.
NO_IMAGES = f", of the formats {', '.join(FORMATS)}, at any depth."
MAX_PIXELS = 50_000_000
MAX_SIDE = 4096
NO_MEMORY = "there was not enough memory to decode it"
# Grey of 2 and 4 bits, and what brings it to 8.
GREYS = {"L;2": 85, "L;4": 17}
ORIENTATION = 0x0112  # the EXIF tag; 5 to 8 turn the image by a quarter
TURNS = dict(
    enumerate(
        (
            Transpose.FLIP_LEFT_RIGHT,
            Transpose.ROTATE_180,
            Transpose.FLIP_TOP_BOTTOM,
            Transpose.TRANSPOSE,
            Transpose.ROTATE_270,
            Transpose.TRANSVERSE,
            Transpose.ROTATE_90,
        ),
        2,
    )
)
BITS_PER_SAMPLE, PHOTOMETRIC, WHITE_IS_ZERO = 258, 262, 0  # of TIFF
# JPEGs are decoded at 1/2, 1/4 or 1/8 where that leaves at least this many times the pixels
# wanted per side. The image then differs from one decoded whole by this much at most, in steps of
# 255, averaged over its pixels: measured on real photos by tests/unit/test_decode.py.
DRAFT_GAP = 3
DRAFT_MEAN_DIFFERENCE = 1.0

Fit = Literal["stretch", "crop", "pad"]
Color = Literal["rgb", "grey"]
Filter = Literal["lanczos", "bicubic", "bilinear"]
FILTERS: Mapping[str, Resampling] = {
    "lanczos": Resampling.LANCZOS,
    "bicubic": Resampling.BICUBIC,
    "bilinear": Resampling.BILINEAR,
}


@dataclass(frozen=True)
class Preprocess:
    """How an image becomes the pixels an encoder sees.

    Attributes:
        size: Width and height, 1 to 4096 each.
        fit: ``stretch`` to the size; ``crop`` the middle to its proportions; ``pad`` with white.
        color: ``rgb`` (3 channels) or ``grey`` (1 channel, ITU-R 601-2 luma).
        filter: What an image is resized by: ``lanczos``, or as a network was trained with
            ``bicubic`` or ``bilinear``.

    Raises:
        InvalidArgument: A value is none of these.

    Example:
        >>> Preprocess(size=(32, 48), color="grey").shape
        (48, 32, 1)
    """

    size: tuple[int, int] = (64, 64)
    fit: Fit = "stretch"
    color: Color = "rgb"
    filter: Filter = "lanczos"

    def __post_init__(self) -> None:
        size = self.size
        if (
            not isinstance(size, list | tuple)
            or len(size) != 2
            or not all(isinstance(side, int) and 1 <= side <= MAX_SIDE for side in size)
        ):
            raise InvalidArgument(
                f"The image size {self.size!r} is not (width, height), 1 to {MAX_SIDE} each."
            )
        object.__setattr__(self, "size", (int(size[0]), int(size[1])))
        for value, allowed in (
            (self.fit, get_args(Fit)),
            (self.color, get_args(Color)),
            (self.filter, get_args(Filter)),
        ):
            if value not in allowed:
                raise InvalidArgument(f"{value!r} is not one of {', '.join(allowed)}.")

    @property
    def shape(self) -> tuple[int, int, int]:
        """Height, width, channels."""
        return self.size[1], self.size[0], 3 if self.color == "rgb" else 1

    def to_json(self) -> dict[str, JSON]:
        """As plain values, for settings files."""
        told: dict[str, JSON] = {"size": list(self.size), "fit": self.fit, "color": self.color}
        # Where it is the usual one, encoders are what they were before there was a choice.
        return told if self.filter == "lanczos" else {**told, "filter": self.filter}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> "Preprocess":
        """Back from ``to_json``."""
        return cls(
            size=tuple(values["size"]),
            fit=values["fit"],
            color=values["color"],
            filter=values.get("filter", "lanczos"),
        )


def decode(data: bytes, preprocess: Preprocess) -> tuple[Pixels, tuple[int, int]]:
    """Decode one image.

    The first frame is taken, EXIF orientation applied, 16-bit grey scaled to 8, transparency
    laid on white, everything converted to sRGB values as they stand (no colour profile), and
    resized with the filter wanted.

    Args:
        data: The content of a JPEG, PNG, GIF, WEBP, BMP or TIFF file.
        preprocess: The size, fit and colour wanted.

    Returns:
        The pixels, ``(height, width, channels)`` uint8, and the width and height of the original
        as it is looked at.

    Raises:
        ImageError: It is none of these formats, damaged, cut short, or above 50 megapixels.

    Example:
        >>> pixels, original = decode(
        ...     Path("tests/data/photos/cat/alpha.png").read_bytes(), Preprocess()
        ... )
        >>> pixels.shape, original
        ((64, 64, 3), (24, 16))
    """
    try:
        with warnings.catch_warnings():
            # Pillow warns from 89 megapixels on; we refuse before, on our own limit.
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            opened = Image.open(io.BytesIO(data), formats=FORMATS)
        with opened as image:
            width, height = image.size
            if width * height > MAX_PIXELS:
                raise _too_large(f"{width} × {height}")
            if image.format in ("JPEG", "MPO"):
                # Both sides count the larger one, so that a turned image is never short of one.
                side = DRAFT_GAP * max(preprocess.size)
                image.draft(None, (side, side))
            pixels = prepare(image, preprocess)
            if _orientation(image) >= 5:
                width, height = height, width
            return pixels, (width, height)
    except ImageError:
        raise
    except MemoryError as error:
        raise ImageError(NO_MEMORY) from error
    except (Image.DecompressionBombWarning, Image.DecompressionBombError) as error:
        raise _too_large("it") from error
    except UnidentifiedImageError as error:
        raise ImageError(_what_it_is_instead(data)) from error
    except Exception as error:
        # Pillow's decoders raise whatever a damaged file leads them to: OSError, SyntaxError,
        # struct.error, ZeroDivisionError … All of them mean the same to a build.
        raise ImageError(f"damaged or cut short: {str(error) or type(error).__name__}") from error


def prepare(image: Image.Image, preprocess: Preprocess) -> Pixels:
    """Bring an opened image to the pixels an encoder sees.

    Args:
        image: Any Pillow image; only its current frame is used.
        preprocess: The size, fit and colour wanted.

    Returns:
        ``(height, width, channels)`` uint8.

    Raises:
        ImageError: Its pixels are signed or 32-bit numbers, or of the LAB kind, or cannot be
            decoded.
    """
    _scale_key(image)
    image.load()
    if (orientation := _orientation(image)) != 1:
        image = image.transpose(TURNS[orientation])
    flat = _on_white(image)
    mode = "RGB" if preprocess.color == "rgb" else "L"
    if flat.mode != mode:
        flat = flat.convert(mode)
    if flat.size != preprocess.size:
        filtered = FILTERS[preprocess.filter]
        match preprocess.fit:
            case "stretch":
                flat = flat.resize(preprocess.size, filtered)
            case "crop":
                flat = ImageOps.fit(flat, preprocess.size, filtered)
            case "pad":
                flat = _padded(flat, preprocess.size, filtered)
    return np.asarray(flat).reshape(preprocess.shape)


def _padded(image: Image.Image, size: tuple[int, int], filtered: Image.Resampling) -> Image.Image:
    """As ``ImageOps.pad``, which makes nothing of what would be less than half a pixel high."""
    width, height = size
    if image.width * height > width * image.height:
        height = max(1, round(image.height / image.width * width))
    else:
        width = max(1, round(image.width / image.height * height))
    padded = Image.new(image.mode, size, "white")
    place = round((size[0] - width) * 0.5), round((size[1] - height) * 0.5)
    padded.paste(image.resize((width, height), filtered), place)
    return padded


def _scale_key(image: Image.Image) -> None:
    """Of 2, 4 and 16 bits a channel Pillow makes 8, but not of the colour that is transparent."""
    key, tiles = image.info.get("transparency"), getattr(image, "tile", None)
    kind = tiles[0][3] if tiles else None
    if isinstance(key, int) and isinstance(kind, str):
        image.info["transparency"] = key * GREYS.get(kind, 1)
    elif kind == "RGB;16B" and isinstance(key, tuple):
        image.info["transparency"] = tuple(value >> 8 for value in key)


def _orientation(image: Image.Image) -> int:
    """How an image is to be turned, 1 to 8; 1 where that cannot be told."""
    try:
        orientation = int(image.getexif().get(ORIENTATION, 1))
    except (SyntaxError, ValueError, KeyError, TypeError, OSError, OverflowError, struct.error):
        # A camera's broken notes do not make a broken picture.
        return 1
    return orientation if 1 <= orientation <= 8 else 1


def _on_white(image: Image.Image) -> Image.Image:
    """An 8-bit image without transparency."""
    if image.mode.startswith("I;16"):
        return _from_deep(image)
    if image.mode in ("I", "F"):
        raise ImageError("its pixels are signed or 32-bit numbers, whose range no standard fixes")
    if image.mode == "LAB":
        raise ImageError("its pixels are of the LAB kind: convert it to RGB")
    if not image.has_transparency_data:
        return image
    # Pillow knows no other way from grey with a premultiplied alpha.
    layer = (image.convert("LA") if image.mode == "La" else image).convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", layer.size, "white"), layer)


def _from_deep(image: Image.Image) -> Image.Image:
    """Grey of more than 8 bits, scaled to 8, without transparency."""
    deep = np.asarray(image).astype(np.uint32)
    tags = getattr(image, "tag_v2", {})
    bits = tags.get(BITS_PER_SAMPLE, (16,))[0]
    most = (1 << bits) - 1
    grey = ((np.minimum(deep, most) * 255 + most // 2) // most).astype(np.uint8)
    if tags.get(PHOTOMETRIC) == WHITE_IS_ZERO:
        grey = 255 - grey
    clear = image.info.get("transparency")
    if isinstance(clear, int):
        grey[deep == clear] = 255
    return Image.fromarray(grey)


def _too_large(size: str) -> ImageError:
    return ImageError(f"{size} is more than {MAX_PIXELS // 1_000_000} megapixels")


def _what_it_is_instead(data: bytes) -> str:
    """A guess at what a file is that no decoder knows, from how it begins."""
    start = data[:512].lstrip().lower()
    if data[4:12] in (b"ftypheic", b"ftypheix", b"ftypmif1", b"ftypmsf1", b"ftypavif"):
        return "HEIC or AVIF is not among the formats read here: convert it to PNG or JPEG"
    if b"<svg" in start:
        return "SVG is not among the formats read here: convert it to PNG or JPEG"
    if start.startswith((b"<!doctype html", b"<html")):
        return "a web page, not an image"
    return f"not an image in one of the formats {', '.join(FORMATS)}"
