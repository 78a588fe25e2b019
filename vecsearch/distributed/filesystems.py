"""Files that lie elsewhere than on this machine: whatever pyarrow or fsspec can open."""

import re
import time
from functools import lru_cache
from typing import Any, Final

from vecsearch.errors import ImageError, InvalidArgument, MissingPackage, VecsearchError
from vecsearch.images import MAX_FILE_BYTES, UNREADABLE

URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")
INSTALL = "pip install 'vecsearch[distributed]'"
# What a server says of a file that is gone, or that one may not read, in HTTP and in S3's words.
GONE, FORBIDDEN = (403, 404, 410), "ACCESS_DENIED"
# A name and a password before the host.
SECRETS = re.compile(r"://[^/@:]*:[^/]*@")
# Stores of objects turn requests away when they are busy; a while later they take them.
TRIES: Final = 4
WAIT_SECONDS = 1.0


def is_url(place: str) -> bool:
    """Whether a place is a URL, rather than a path on this machine.

    Example:
        >>> is_url("s3://shop/pictures"), is_url("/shop/pictures")
        (True, False)
    """
    return URL.match(place) is not None


@lru_cache(maxsize=64)
def open_place(url: str) -> tuple[Any, str]:
    """The file system of a URL, as pyarrow has them, and the path there.

    Args:
        url: As ``s3://bucket/folder``; options of the file system follow a ``?``.

    Raises:
        MissingPackage: pyarrow, or what knows this kind of URL, is not installed.
        InvalidArgument: Nobody knows such a URL.
        VecsearchError: The file system does not answer: S3 is asked where a bucket lies.
    """
    shown = without_keys(url)
    try:
        from pyarrow import ArrowInvalid, fs
    except ModuleNotFoundError as error:
        raise MissingPackage(f"Reading {shown} needs the package pyarrow: {INSTALL}") from error
    try:
        system, path = fs.FileSystem.from_uri(url)
    except ArrowInvalid:
        system, path = _by_fsspec(url, fs)
    except OSError as error:
        raise VecsearchError(without_keys(f"{url} cannot be opened: {error}.")) from error
    return system, path.rstrip("/")


def _by_fsspec(url: str, fs: Any) -> tuple[Any, str]:
    shown = without_keys(url)
    try:
        from fsspec.core import url_to_fs

        system, path = url_to_fs(url)
    except ModuleNotFoundError as error:
        raise MissingPackage(f"Reading {shown} needs the package fsspec: {INSTALL}") from error
    except ImportError as error:
        # fsspec names the package that brings such a file system.
        raise MissingPackage(f"Reading {shown}: {error}") from error
    except ValueError as error:
        said = f"{url} is of no file system that is known: {error}."
        raise InvalidArgument(without_keys(said)) from error

    class Handler(fs.FSSpecHandler):  # type: ignore[misc]
        def open_input_stream(self, path: str) -> Any:
            # It would first ask whether it is a file, which it is not while a server is away.
            from pyarrow import PythonFile

            return PythonFile(self.fs.open(path, mode="rb"), mode="r")

    return fs.PyFileSystem(Handler(system)), path


def located(place: str, path: str) -> tuple[Any, str]:
    """The file system of an image, and its path there.

    Args:
        place: The URL that paths are relative to.
        path: Below it, or a URL of its own.
    """
    if not is_url(path):
        system, base = open_place(place)
        return system, f"{base}/{path}"
    # One file system serves all images of a bucket: to open one asks S3 where the bucket lies.
    scheme, _, rest = path.partition("://")
    bucket, _, key = rest.partition("/")
    options = options_of(place) if place.startswith(f"{scheme}://") else ""
    system, base = open_place(f"{scheme}://{bucket}/{options}" if bucket else f"{scheme}:///")
    return system, f"{base}/{key}"


def options_of(url: str) -> str:
    """The options of a URL's file system, with their ``?``; those of the web have none.

    Example:
        >>> options_of("s3://shop/list.parquet?endpoint_override=http://10.0.0.7:9000")
        '?endpoint_override=http://10.0.0.7:9000'
    """
    if not is_url(url) or url.startswith(("http://", "https://")):
        return ""
    return "".join(url.partition("?")[1:])


def url_of(place: str, path: str) -> str:
    """The URL of an image, without the options of its file system, and without keys to it.

    Example:
        >>> url_of("s3://KEY:SECRET@shop/dresses?region=eu-west-1", "red.jpg")
        's3://shop/dresses/red.jpg'
    """
    return without_keys(path if is_url(path) else f"{place.partition('?')[0].rstrip('/')}/{path}")


def without_keys(text: str) -> str:
    """A URL, or a text with URLs, without the names and passwords that open them."""
    return SECRETS.sub("://", text)


def fetch(place: str, path: str, size: int) -> bytes:
    """Read an image.

    Args:
        place: The URL that ``path`` is relative to.
        path: Below it, or a URL of its own.
        size: How long it is, if that is known, or less than 0.

    Raises:
        ImageError: It is not there, may not be read, is empty or too large.
        VecsearchError: The file system does not answer.
    """
    if size > MAX_FILE_BYTES:
        raise ImageError(f"larger than {MAX_FILE_BYTES >> 20} MiB")
    for attempt in range(TRIES):
        try:
            system, inside = located(place, path)
            with system.open_input_stream(inside) as stream:
                data = _read(stream, MAX_FILE_BYTES + 1)
            break
        except (InvalidArgument, MissingPackage):
            raise
        except Exception as error:  # of whatever kind the file system's own are
            if not isinstance(error, VecsearchError) and _is_gone(error):
                raise ImageError(without_keys(f"{UNREADABLE}: {error}")) from error
            # Were it skipped, an hour of a broken network would leave out all images of the hour.
            if attempt + 1 == TRIES:
                raise VecsearchError(
                    f"{url_of(place, path)} cannot be read, after {TRIES} tries: "
                    f"{without_keys(str(error))}. Run the same command again once it can: what is "
                    "done stays."
                ) from error
            time.sleep(WAIT_SECONDS * 2**attempt)
    if not data:
        raise ImageError("empty (0 bytes)")
    if len(data) > MAX_FILE_BYTES:
        raise ImageError(f"larger than {MAX_FILE_BYTES >> 20} MiB")
    return data


def _is_gone(error: Exception) -> bool:
    """Whether a file is not there or may not be read, rather than that nobody answers."""
    cause: Any = error.__cause__
    if isinstance(error, FileNotFoundError) and cause is not None:
        # fsspec says so of whatever goes wrong on the web.
        status = getattr(cause, "status", None)
        nobody = isinstance(cause, OSError | TimeoutError) and not _is_gone(cause)
        return status in GONE if status is not None else not nobody
    gone = isinstance(error, FileNotFoundError | PermissionError | IsADirectoryError)
    return gone or getattr(error, "status", None) in GONE or FORBIDDEN in str(error)


def _read(stream: Any, most: int) -> bytes:
    """All of a stream, or its first bytes; one from the web gives what has just come."""
    parts: list[bytes] = []
    while most > 0 and (part := stream.read(most)):
        parts.append(part)
        most -= len(part)
    return b"".join(parts)
