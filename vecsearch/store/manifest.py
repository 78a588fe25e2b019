"""The one file that says which others make up a collection."""

import hashlib
import json
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from vecsearch.errors import (
    CollectionNotFound,
    DamagedCollection,
    InvalidArgument,
    NewerFormat,
)
from vecsearch.store.durable import Stamp
from vecsearch.types import JSON, Metric

FORMAT = 1
NAME = re.compile(r"manifest-(\d{6,18})\.json")
# The files that a manifest may name and a writer may delete: nothing absolute, nothing that leads
# up, nothing of anyone else's.
FILE = re.compile(
    r"skipped-[0-9a-f]{32}\.jsonl|calibration-[0-9a-f]{32}\.json|ann/[0-9a-f]{32}\.faiss"
    r"|clustering-[0-9a-f]{32}\.safetensors"
    r"|segments/[0-9a-f]{32}\.(npy|jsonl|offsets\.npy|columns\.safetensors|dead\.npy)"
    r"|encoder/[0-9a-f]{32}(/[0-9A-Za-z_][0-9A-Za-z._-]*){1,5}"
)
# Where a build keeps what it has done so far.
DRAFT = "draft"
ENCODER_FOLDER = re.compile(r"encoder/[0-9a-f]{32}")


@dataclass(frozen=True)
class EncoderEntry:
    """The encoder of a collection: what it is, and the folder that holds it."""

    name: str
    params: Mapping[str, JSON]
    fingerprint: str
    facts: Mapping[str, JSON]
    folder: str


@dataclass(frozen=True)
class SegmentEntry:
    """One block of items, and the files that hold it.

    Attributes:
        count: How many rows it has, dead ones included.
        vectors: The name of their file, and so on.
        dead: The file that says which rows are dead, or None.
        dead_count: How many are.
    """

    count: int
    vectors: str
    items: str
    offsets: str
    columns: str
    dead: str | None = None
    dead_count: int = 0

    @property
    def alive(self) -> int:
        """How many items it has."""
        return self.count - self.dead_count

    @property
    def files(self) -> list[str]:
        """The names of its files."""
        own = [self.vectors, self.items, self.offsets, self.columns]
        return own if self.dead is None else [*own, self.dead]


@dataclass(frozen=True)
class SideFile:
    """A table that was joined to the items: where it lies, and the sha256 of its content."""

    path: str
    sha256: str

    def found(self, what: str) -> str:
        """Where it lies, if it still does.

        Args:
            what: What it tells: labels or metadata, as the option is called that names another.

        Raises:
            InvalidArgument: It does not.
        """
        if not Path(self.path).is_file():
            raise InvalidArgument(
                f"{self.path}, from which the collection has its {what}, is not there any more: "
                f"say where it is now, or 'none', by vecsearch update --{what}."
            )
        return self.path


@dataclass(frozen=True)
class Source:
    """The folder that a collection follows.

    Attributes:
        root: Where its images lie.
        labels: Where labels come from: ``folder``, ``none``, or a table.
        metadata: A table of metadata, or None.
    """

    root: str
    labels: str | SideFile = "folder"
    metadata: SideFile | None = None


@dataclass(frozen=True)
class ANNEntry:
    """A saved approximate index.

    Attributes:
        file: Its name.
        covers: The vectors files that it was made of, and how many vectors each had.
    """

    file: str
    covers: tuple[tuple[str, int], ...]


@dataclass(frozen=True)
class Manifest:
    """One generation of a collection.

    Attributes:
        generation: Counts the commits, from 1.
        metric: How its distances are measured.
        dim: The length of its vectors.
        count: How many items it has, dead ones not counted.
        source: The folder that it follows, or None for vectors that came without.
        encoder: What made the vectors, or None.
        index: The kind of index and its parameters.
        ann: The approximate index, if it has one. Its file is a cache, and may be missing.
        segments: The blocks of items, in order.
        skipped: The file that lists what was left out, or None.
        calibration: The file with the thresholds for strangers, or None.
        clusterings: The file of each clustering, by the name that its user gave it.
        files: The stamp of every file named above.
        created: When it was committed, ISO 8601 in UTC.
        software: The version of vecsearch that wrote it.
    """

    generation: int
    metric: Metric
    dim: int
    count: int
    source: Source | None
    encoder: EncoderEntry | None
    index: Mapping[str, JSON]
    ann: ANNEntry | None
    segments: tuple[SegmentEntry, ...]
    skipped: str | None
    calibration: str | None
    clusterings: Mapping[str, str]
    files: Mapping[str, Stamp] = field(repr=False)
    created: str
    software: str

    @property
    def name(self) -> str:
        """The name of its file."""
        return manifest_name(self.generation)

    @property
    def _named(self) -> set[str]:
        """The files that it names, but for those in the folder of the encoder."""
        others = self.skipped, self.calibration, self.ann and self.ann.file
        named = {name for entry in self.segments for name in entry.files}
        return named | {name for name in others if name} | set(self.clusterings.values())

    def clustering_file(self, name: str, folder: Path) -> str:
        """The file of the clustering of that name; ``folder`` is where the collection lies.

        Raises:
            InvalidArgument: There is none.
        """
        if name not in self.clusterings:
            known = (
                ", ".join(map(repr, sorted(self.clusterings))) or "none; vecsearch cluster --save"
            )
            raise InvalidArgument(f"{folder} has no clustering {name!r}. There are: {known}.")
        return self.clusterings[name]

    def with_stamps(self, stamps: Mapping[str, Stamp]) -> "Manifest":
        """The same with the stamps of the files that it names, and no others."""
        named = self._named
        folder = f"{self.encoder.folder}/" if self.encoder else None
        files = {
            name: stamp
            for name, stamp in sorted(stamps.items())
            if name in named or (folder and name.startswith(folder))
        }
        return replace(self, files=files)

    def to_bytes(self) -> bytes:
        """What its file holds: always the same bytes for the same manifest."""
        body = {
            "format": FORMAT,
            "generation": self.generation,
            "metric": self.metric.value,
            "dim": self.dim,
            "count": self.count,
            "source": asdict(self.source) if self.source else None,
            "encoder": vars(self.encoder) if self.encoder else None,
            "index": dict(self.index),
            "ann": asdict(self.ann) if self.ann else None,
            "segments": [vars(segment) for segment in self.segments],
            "skipped": self.skipped,
            "calibration": self.calibration,
            "clusterings": dict(self.clusterings),
            "files": {name: vars(stamp) for name, stamp in self.files.items()},
            "created": self.created,
            "software": self.software,
        }
        return _sealed(body)

    @classmethod
    def read(cls, path: Path) -> "Manifest":
        """Read a manifest and check it against its own hash.

        Raises:
            DamagedCollection: A byte of it is not as it was written, it names a file outside the
                collection, or it is of a later format.
        """
        try:
            if path.exists() and not path.is_file():
                raise DamagedCollection(f"{path} is no regular file. {_mend(path)}")
            data = path.read_bytes()
            body = json.loads(data)["manifest"]
            if _sealed(body) != data:
                raise DamagedCollection(
                    f"{path} is damaged: its hash does not match its content. {_mend(path)}"
                )
            if body["format"] != FORMAT:
                raise NewerFormat(
                    f"{path} is of format {body['format']}, this version reads {FORMAT}: "
                    "update vecsearch."
                )
            manifest = cls(
                generation=body["generation"],
                metric=Metric(body["metric"]),
                dim=int(body["dim"]),
                count=int(body["count"]),
                source=_source(body["source"]),
                encoder=EncoderEntry(**body["encoder"]) if body["encoder"] else None,
                index=body["index"],
                ann=_ann(body["ann"]),
                segments=tuple(SegmentEntry(**entry) for entry in body["segments"]),
                skipped=body["skipped"],
                # The next two early manifests of this format have not.
                calibration=body.get("calibration"),
                clusterings=_clusterings(body.get("clusterings", {})),
                files={name: Stamp(**stamp) for name, stamp in body["files"].items()},
                created=body["created"],
                software=body["software"],
            )
            manifest._check(path)
        except OSError as error:
            raise DamagedCollection(
                f"{path} cannot be read: {error.strerror}. See that you may read it, and that its "
                "disk is whole."
            ) from error
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise DamagedCollection(
                f"{path} is damaged: it is no manifest of ours. {_mend(path)}"
            ) from error
        return manifest

    def _check(self, path: Path) -> None:
        """What a hash cannot tell, since anyone can make one: that the parts fit each other."""
        missing = self._named - set(self.files)
        outside = [name for name in self.files if not FILE.fullmatch(name)]
        total = sum(entry.alive for entry in self.segments)
        whole = all(0 <= entry.dead_count <= entry.count for entry in self.segments)
        folder = self.encoder.folder if self.encoder else None
        if folder and f"{folder}/settings.json" not in self.files:
            missing.add(folder)
        if folder and not ENCODER_FOLDER.fullmatch(folder):
            outside.append(folder)
        if self.name != path.name or missing or outside or total != self.count or not whole:
            raise DamagedCollection(
                f"{path} contradicts itself, or names files it must not. {_mend(path)}"
            )


def _mend(path: Path) -> str:
    return f"Mend it: vecsearch repair {path.parent}"


def _source(body: Any) -> Source | None:
    if body is None:
        return None
    labels, metadata = body["labels"], body["metadata"]
    return Source(
        root=body["root"],
        labels=labels if isinstance(labels, str) else SideFile(**labels),
        metadata=SideFile(**metadata) if metadata else None,
    )


def _clusterings(body: Any) -> dict[str, str]:
    if not all(isinstance(part, str) for pair in body.items() for part in pair):
        raise TypeError
    return dict(body)


def _ann(body: Any) -> ANNEntry | None:
    if body is None:
        return None
    covers = tuple((str(name), int(count)) for name, count in body["covers"])
    return ANNEntry(body["file"], covers)


def manifest_name(generation: int) -> str:
    """The name of a generation's manifest file."""
    return f"manifest-{generation:06d}.json"


def generations(folder: Path) -> list[int]:
    """The generations whose manifests stand in a folder, oldest first.

    Raises:
        CollectionNotFound: There is no such folder.
    """
    try:
        names = [NAME.fullmatch(entry.name) for entry in folder.iterdir()]
    except OSError as error:
        raise CollectionNotFound(
            f"There is no collection at {folder} ({error.strerror}); make one: vecsearch build "
            f"FOLDER -o {folder}"
        ) from error
    return sorted(int(match[1]) for match in names if match)


def standing(folder: Path) -> tuple[int, int, int] | None:
    """What tells the newest manifest from any other: its number, and its file; None without one.

    Raises:
        CollectionNotFound: There is no such folder.
    """
    while found := generations(folder):
        with suppress(FileNotFoundError):  # else a writer has put newer ones since
            facts = (folder / manifest_name(found[-1])).lstat()
            return found[-1], facts.st_ino, facts.st_mtime_ns
    return None


def newest(folder: Path) -> Manifest:
    """The manifest that counts: the newest one, whole or not.

    Raises:
        CollectionNotFound: There is none.
        DamagedCollection: It is not as it was written.
    """
    while found := generations(folder):
        path = folder / manifest_name(found[-1])
        try:
            return Manifest.read(path)
        except DamagedCollection:
            # A writer may have put newer ones since and taken this one away.
            if generations(folder)[-1:] == found[-1:]:
                raise
    if (folder / DRAFT).is_dir():
        raise CollectionNotFound(
            f"The build of {folder} was interrupted: run the same command again, and it goes on."
        )
    raise CollectionNotFound(
        f"There is no collection at {folder}; make one: vecsearch build FOLDER -o {folder}"
    )


def _sealed(body: Mapping[str, Any]) -> bytes:
    text = json.dumps(body, sort_keys=True)
    seal = hashlib.sha256(text.encode()).hexdigest()
    whole = {"manifest": body, "sha256": seal}
    return (json.dumps(whole, sort_keys=True, indent=1) + "\n").encode()
