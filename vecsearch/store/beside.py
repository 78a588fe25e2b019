"""The files beside the segments: what was left out, thresholds for strangers, an index."""

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, TypeAlias
from uuid import uuid4

from vecsearch.errors import DamagedCollection
from vecsearch.store.durable import Stamp, new_file
from vecsearch.types import JSON, Skipped

Written: TypeAlias = Callable[[Callable[[bytes], Any]], None]
"""Something that writes itself: it is called with what takes its bytes, part after part."""


def skipped_lines(skipped: Iterable[Skipped]) -> bytes:
    """What was left out, a line of JSON each."""
    lines = [
        json.dumps(
            {
                "path": printable(one.path),
                "reason": one.reason,
                "size": one.size,
                "mtime_ns": one.mtime_ns,
            },
            ensure_ascii=False,
        )
        for one in skipped
    ]
    return "".join(f"{line}\n" for line in lines).encode()


def parse_skipped(data: bytes, path: Path) -> list[Skipped]:
    """From what ``skipped_lines`` gave.

    Raises:
        DamagedCollection: It is something else; the text names ``path``.
    """
    # Not splitlines(): a name may hold what that takes for the end of a line.
    try:
        entries = [json.loads(line) for line in data.split(b"\n") if line]
        return [
            Skipped(Path(entry["path"]), str(entry["reason"]), entry["size"], entry["mtime_ns"])
            for entry in entries
        ]
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise DamagedCollection(f"{path} is no list of skipped files.") from error


def parse_calibration(data: bytes, path: Path) -> dict[str, JSON]:
    """The thresholds for strangers, by method of classification.

    Raises:
        DamagedCollection: It is something else; the text names ``path``.
    """
    try:
        body = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise DamagedCollection(f"{path} is no calibration.") from error
    if not isinstance(body, dict):
        raise DamagedCollection(f"{path} is no calibration.")
    return body


def printable(path: Path) -> str:
    """A path as text that any encoding takes: bytes that are no UTF-8 are written as escapes."""
    return path.as_posix().encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def write_index(folder: Path, write: Written) -> tuple[str, Stamp]:
    """Write an approximate index; returns its name and its stamp.

    Args:
        folder: Where the collection lies.
        write: Writes it.
    """
    (folder / "ann").mkdir(exist_ok=True)
    name = f"ann/{uuid4().hex}.faiss"
    with new_file(folder / name) as file:
        write(file.write)
    return name, file.stamp
