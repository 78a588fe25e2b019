"""How a build is cut into tasks, each of which makes a part: the same cuts at every run."""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

from vecsearch.build import records_of
from vecsearch.distributed.filesystems import is_url, url_of
from vecsearch.distributed.listing import Listing
from vecsearch.images import File, ImageFolder
from vecsearch.store import Record, segment_items
from vecsearch.types import JSON

# What a crash costs: a few seconds of a core for thumbnails, minutes for photos. Of fewer images
# there are tasks for 16 workers; past 8 million tasks grow, so that there are not too many files.
IMAGES = 2048
FEWEST_TASKS = 16
MOST_TASKS = 4096


@dataclass(frozen=True)
class Task:
    """Images that one worker turns into one part.

    Attributes:
        name: 32 hex digits, from everything below: the same images have the same name at every
            run, and others have another.
        place: What their paths are relative to: a folder, or a URL.
        paths: The images.
        facts: Size and date of each, as they were listed.
        labels: The label of each, or None; None if none has one.
        metadata: What else is known of each; None if nothing is.
        ids: What each is called; None if by its path.
    """

    name: str
    place: str
    paths: Sequence[str]
    facts: Sequence[Sequence[int]]
    labels: Sequence[str | None] | None
    metadata: Sequence[Mapping[str, JSON]] | None
    ids: Sequence[str] | None

    @property
    def root(self) -> Path:
        """What the paths are relative to, as a path."""
        return Path(self.place)

    @property
    def is_remote(self) -> bool:
        """Whether the images lie elsewhere than in a file system of the machine."""
        return is_url(self.place)

    def to_json(self) -> str:
        """As text, for the way to a worker."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Back from ``to_json``."""
        return cls(**json.loads(text))

    def records(self, files: Sequence[File]) -> list[Record]:
        """What is stored of those of its images that could be read.

        A file that lies elsewhere has no path here: its address is among its metadata.
        """
        folder = ImageFolder(
            root=self.root,
            paths=self.paths,
            labels=_known(self.paths, self.labels),
            skipped=[],
            metadata=_known(self.paths, self.metadata),
            ids=_known(self.paths, self.ids),
        )
        records = records_of(files, folder)
        if not self.is_remote:
            return records
        return [
            Record(
                id=record.id,
                label=record.label,
                metadata={"url": url_of(self.place, file.path), **record.metadata},
                file=record.file,
            )
            for record, file in zip(records, files, strict=True)
        ]


def cut(listing: Listing, key: Mapping[str, JSON], dim: int) -> Iterator[Task]:
    """The tasks of a build, in the order of its items.

    Args:
        listing: The images.
        key: What else makes parts the same: encoder, metric and so on.
        dim: How long vectors are, of which depends how many a segment holds.
    """
    images = listing.images
    step = task_images(len(images.paths), dim)
    labelled, ids = bool(images.labels), images.ids
    for start in range(0, len(images.paths), step):
        paths = list(images.paths[start : start + step])
        content: dict[str, Any] = {
            "place": listing.place,
            "paths": paths,
            "facts": listing.facts[start : start + step].tolist(),
            "labels": [images.labels.get(path) for path in paths] if labelled else None,
            "metadata": [dict(images.metadata.get(path, {})) for path in paths]
            if images.metadata
            else None,
            "ids": [ids.get(path, path) for path in paths] if ids else None,
        }
        yield Task(name=name_of({"key": dict(key), **content}), **content)


def task_images(count: int, dim: int) -> int:
    """How many images a task has: it depends on nothing that differs from run to run.

    Example:
        >>> task_images(60, 64), task_images(60_000, 64), task_images(100_000_000, 64)
        (4, 2048, 24415)
    """
    few = min(IMAGES, -(-count // FEWEST_TASKS))
    return max(1, min(segment_items(dim), max(few, -(-count // MOST_TASKS))))


def name_of(content: Mapping[str, Any]) -> str:
    """32 hex digits that say what something is made of."""
    text = json.dumps(content, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def _known(paths: Sequence[str], values: Sequence[Any] | None) -> dict[str, Any]:
    if values is None:
        return {}
    pairs = zip(paths, values, strict=True)
    return {path: value for path, value in pairs if value is not None}
