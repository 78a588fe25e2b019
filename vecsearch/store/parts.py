"""Segments that many processes write ahead of the commit, each of them once."""

import json
import os
import re
import shutil
import stat
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Self
from uuid import uuid4

from vecsearch.errors import InvalidArgument
from vecsearch.store.durable import Stamp, put_if_absent, sync_folder
from vecsearch.store.manifest import DRAFT, SegmentEntry
from vecsearch.store.records import Record, Records
from vecsearch.store.segment import encode, write_segment
from vecsearch.types import JSON, Skipped, Vectors

PARTS = f"{DRAFT}/parts"
SEGMENTS = "segments"
NAME = re.compile(r"[0-9a-f]{32}")
OWN = re.compile(r"segments/[0-9a-f]{32}\.(npy|jsonl|offsets\.npy|columns\.safetensors)")


@dataclass(frozen=True)
class Part:
    """A part of a build that is done.

    Attributes:
        name: 32 hex digits, from what the part is made of: its segment is called so in the end.
        segment: Its files below ``draft/parts``; None if nothing in it could be used.
        stamps: What they must be.
        skipped: What was left out.
    """

    name: str
    segment: SegmentEntry | None
    stamps: Mapping[str, Stamp]
    skipped: Sequence[Skipped]

    @property
    def count(self) -> int:
        """How many items it has."""
        return self.segment.count if self.segment else 0

    def to_json(self) -> str:
        """As text, for its note and for the way between machines."""
        body = {
            "name": self.name,
            "segment": self.segment and asdict(self.segment),
            "stamps": {name: asdict(stamp) for name, stamp in self.stamps.items()},
            "skipped": [
                [os.fsencode(one.path).hex(), one.reason, one.size, one.mtime_ns]
                for one in self.skipped
            ],
        }
        return json.dumps(body)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Back from ``to_json``.

        Raises:
            ValueError: It is something else.
        """
        try:
            body: Any = json.loads(text)
            segment = SegmentEntry(**body["segment"]) if body["segment"] else None
            stamps = {name: Stamp(**stamp) for name, stamp in body["stamps"].items()}
            named = segment.files if segment else []
            # Anyone can make a note: it must lead to nothing outside.
            if not NAME.fullmatch(body["name"]) or not all(map(OWN.fullmatch, named)):
                raise TypeError("it names files that it must not")
            if sorted(named) != sorted(stamps):
                raise TypeError("its files are not those of its stamps")
            return cls(
                name=body["name"],
                segment=segment,
                stamps=stamps,
                skipped=[
                    Skipped(Path(os.fsdecode(bytes.fromhex(path))), *facts)
                    for path, *facts in body["skipped"]
                ],
            )
        except (KeyError, TypeError, AttributeError, RecursionError) as error:
            raise ValueError(f"this is no note of a part: {error!r}") from error

    def placed(self, folder: Path) -> tuple[SegmentEntry, dict[str, Stamp]]:
        """Move its files to their place in the collection at ``folder``, under its own name.

        Returns:
            The segment as a manifest names it, and its stamps.

        Raises:
            InvalidArgument: It has no items.
        """
        if self.segment is None:
            raise InvalidArgument(f"The part {self.name} has no items to be placed.")
        final = {name: self._final(name) for name in self.stamps}
        for name, place in final.items():
            # One that is not there was placed by a run that was interrupted before its commit.
            with suppress(FileNotFoundError):
                (folder / PARTS / name).rename(folder / place)
        segment = self.segment
        entry = replace(
            segment,
            vectors=final[segment.vectors],
            items=final[segment.items],
            offsets=final[segment.offsets],
            columns=final[segment.columns],
        )
        return entry, {final[name]: stamp for name, stamp in self.stamps.items()}

    def is_there(self, folder: Path) -> bool:
        """Whether its files are, each in its whole length, before or after they were placed."""
        sizes = [_size(folder / PARTS / name, folder / self._final(name)) for name in self.stamps]
        return sizes == [stamp.size for stamp in self.stamps.values()]

    def _final(self, name: str) -> str:
        return f"{SEGMENTS}/{self.name}.{Path(name).name.partition('.')[2]}"


class Parts:
    """What is done of a build that many processes share, and that outlives all of them.

    Each writes its parts below ``draft/parts`` of the collection, which all of them must see, and
    then a note under the name of the part. The first note counts: a process that was given up as
    lost and writes the same part again is too late, and its files are swept up with the draft.

    Args:
        folder: Where the collection lies.
        key: What makes the work the same; parts of other work are thrown away.

    Example:
        >>> parts = Parts(tmp / "books", {"of": "books"})
        >>> name = 32 * "a"
        >>> parts.done([name])
        {}
        >>> vectors = np.eye(2, dtype=np.float32)
        >>> write_part(tmp / "books", name, [vectors], [Record("a"), Record("b")], []).count
        2
        >>> Parts(tmp / "books", {"of": "books"}).done([name])[name].count
        2
    """

    def __init__(self, folder: Path, key: Mapping[str, JSON]) -> None:
        self._folder = folder
        self.place = folder / PARTS
        text = json.dumps(key, sort_keys=True)
        if not _is_of(folder / DRAFT, text):
            shutil.rmtree(folder / DRAFT, ignore_errors=True)
            with suppress(FileNotFoundError):
                (folder / DRAFT).unlink()
            (self.place / SEGMENTS).mkdir(parents=True)
            (folder / DRAFT / "key").write_text(text)

    @property
    def begun(self) -> bool:
        """Whether any part was begun."""
        return any(path.is_file() for path in self.place.iterdir())

    def done(self, names: Iterable[str]) -> dict[str, Part]:
        """Those of some parts that are done, by their names. Notes without their files go."""
        # The folder is listed, rather than each name looked for: NFS remembers what was not there.
        noted = set(os.listdir(self.place))
        found = {}
        for name in names:
            if f"{name}.json" in noted:
                try:
                    part = Part.from_json((self.place / f"{name}.json").read_text())
                except (OSError, ValueError):
                    part = None
                if part is not None and part.name == name and part.is_there(self._folder):
                    found[name] = part
                else:
                    (self.place / f"{name}.json").unlink()
        return found


def begin_part(folder: Path, name: str, run: str) -> list[str]:
    """Note that a part is begun.

    Args:
        folder: Where the collection lies.
        name: The part.
        run: Names the run of the build.

    Returns:
        The runs in which it was begun before, and not finished: one more than once, if it was.
    """
    with open(folder / PARTS / f"{name}.begun", "a+") as file:
        file.write(f"{run}\n")
        file.seek(0)
        return file.read().split()[:-1]


def write_part(
    folder: Path,
    name: str,
    vectors: Sequence[Vectors],
    records: Records | Sequence[Record],
    skipped: Sequence[Skipped],
) -> Part:
    """Write a part. On return it is on the disk, and will be found.

    Args:
        folder: Where the collection lies.
        name: The part.
        vectors: Arrays ``(n, dim)`` float32, which follow each other.
        records: The items.
        skipped: What was left out.

    Returns:
        What was written, or what another process had written of the same part before.
    """
    place = folder / PARTS
    columns = records if isinstance(records, Records) else Records.of(records)
    segment, stamps = None, dict[str, Stamp]()
    if len(columns):
        segment, stamps = write_segment(place, vectors, encode(columns))
        sync_folder(place / SEGMENTS)
    part = Part(name, segment, stamps, skipped)
    note = place / f"{name}.json"
    try:
        put_if_absent(note, part.to_json().encode(), ending=uuid4().hex)
    except FileExistsError:
        return Part.from_json(note.read_text())
    return part


def _is_of(draft: Path, key: str) -> bool:
    """Whether a draft of this work is there, in folders of its own."""
    folders = (draft, draft / "parts", draft / "parts" / SEGMENTS)
    if any(folder.is_symlink() or not folder.is_dir() for folder in folders):
        return False
    try:
        return (draft / "key").read_text() == key
    except (OSError, ValueError):
        return False


def _size(*paths: Path) -> int:
    """The length of the first of some files that is there; −1 if none is, or it is no file."""
    for path in paths:
        with suppress(OSError):
            status = path.lstat()
            return status.st_size if stat.S_ISREG(status.st_mode) else -1
    return -1
