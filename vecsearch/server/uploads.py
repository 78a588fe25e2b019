"""Pictures that clients add: where they are kept."""

import hashlib
from contextlib import suppress
from pathlib import Path

from vecsearch.images import File
from vecsearch.store import put_whole, uploads_of

# What a file is called after, by how it begins.
BEGINNINGS = {
    b"\xff\xd8\xff": ".jpg",
    b"\x89PNG": ".png",
    b"GIF8": ".gif",
    b"RIFF": ".webp",
    b"BM": ".bmp",
    b"II*\0": ".tif",
    b"MM\0*": ".tif",
}


def keep(index: Path, data: bytes, size: tuple[int, int]) -> File:
    """Write a picture as it came, so that it can be encoded anew; it is on the disk on return.

    Args:
        index: The collection's folder.
        data: The bytes of the file.
        size: Its width and height.
    """
    digest = hashlib.sha256(data).hexdigest()
    ending = next((one for start, one in BEGINNINGS.items() if data.startswith(start)), "")
    path = uploads_of(index) / f"{digest}{ending}"
    if not path.exists():
        with put_whole(path) as file:
            file.write(data)
    return File(path.as_posix(), digest, len(data), path.stat().st_mtime_ns, *size)


def is_upload(index: Path, path: str) -> bool:
    """Whether a file was kept by ``keep``."""
    return Path(path).parent == uploads_of(index)


def forget(path: str) -> None:
    """Delete an upload."""
    with suppress(OSError):
        Path(path).unlink()
