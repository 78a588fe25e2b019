"""Small copies of indexed pictures, which are shown in place of the files themselves."""

import hashlib
import io
import os
import stat
from pathlib import Path

from PIL import Image

from vecsearch.errors import ImageError
from vecsearch.images.decoding import Preprocess, decode
from vecsearch.images.reading import MAX_FILE_BYTES

QUALITY = 80


def make_thumbnail(path: Path, root: Path | None, sha256: str | None, side: int) -> bytes:
    """A small copy of a picture, as WebP.

    A file that lies elsewhere than in the folder, by its path or as a link, is shown only if its
    bytes are those that were indexed.

    Raises:
        ImageError: It cannot be read or decoded, or may not be shown.
    """
    data = read_indexed(path, root, sha256)
    pixels, (width, height) = decode(data, Preprocess((side, side), "pad"))
    scale = side / max(width, height)
    box = (max(1, round(width * scale)), max(1, round(height * scale)))
    image = Image.fromarray(pixels)
    left, top = (round((side - length) * 0.5) for length in box)  # as it was padded
    image = image.crop((left, top, left + box[0], top + box[1]))
    file = io.BytesIO()
    image.save(file, "WEBP", quality=QUALITY, method=2)
    return file.getvalue()


def read_indexed(path: Path, root: Path | None, sha256: str | None) -> bytes:
    """The bytes of an indexed file.

    Raises:
        ImageError: It cannot be read, or is not the one that was indexed.
    """
    real = Path(os.path.realpath(path))
    inside = root is not None and real.is_relative_to(os.path.realpath(root))
    if not inside and sha256 is None:
        raise ImageError("It lies outside of the folder of the collection.")
    try:
        # The real path has no links: one that came since is not followed.
        flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOFOLLOW", 0)
        with open(os.open(real, flags), "rb") as file:
            facts = os.fstat(file.fileno())
            if not stat.S_ISREG(facts.st_mode) or facts.st_size > MAX_FILE_BYTES:
                raise ImageError("It is no regular file, or too large.")
            data = file.read(facts.st_size)
    except (OSError, ValueError) as error:
        raise ImageError(f"It cannot be read: {getattr(error, 'strerror', error)}.") from error
    if not inside and hashlib.sha256(data).hexdigest() != sha256:
        raise ImageError("It lies outside of the folder, and is not what was indexed.")
    return data
