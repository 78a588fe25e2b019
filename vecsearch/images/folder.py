"""A folder of images with their labels and whatever else is known of them."""

import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from vecsearch.errors import InvalidArgument
from vecsearch.images.sidecar import Sidecar, read_labels, read_metadata
from vecsearch.images.walking import walk
from vecsearch.types import JSON, Skipped

FROM_FOLDERS = "folder"
NO_LABELS = "none"
# What folders of a data set are called that say nothing of what is in the pictures.
PARTS = {"train", "training", "test", "testing", "val", "valid", "validation", "dev", "eval"}


@dataclass(frozen=True)
class ImageFolder:
    """The images below a folder.

    Attributes:
        root: The folder.
        paths: The images, as POSIX paths below it, sorted.
        labels: The label of each path; a path that is not here has none.
        skipped: What else was seen there, with reasons.
        metadata: What else is known of each path.
        labels_from: ``folder``, ``none``, or the table that the labels came from.
        metadata_from: The table that the metadata came from.
        ids: What items are called that are not called by their path.
    """

    root: Path
    paths: Sequence[str]
    labels: Mapping[str, str]
    skipped: Sequence[Skipped]
    metadata: Mapping[str, Mapping[str, JSON]] = field(default_factory=dict)
    labels_from: str | Sidecar[str] = FROM_FOLDERS
    metadata_from: Sidecar[Mapping[str, JSON]] | None = None
    ids: Mapping[str, str] = field(default_factory=dict)


def scan(
    folder: str | Path,
    labels: str | Path = FROM_FOLDERS,
    metadata: str | Path | None = None,
) -> ImageFolder:
    """Find the images below a folder, what they are called and what else is known of them.

    Args:
        folder: Where to look, to any depth.
        labels: ``folder``: the first sub-folder is the label, and an image that lies in none has
            no label. ``none``: no image has one. Else a CSV file with the columns ``path`` (below
            the folder) and ``label``.
        metadata: A CSV file or JSON lines, with ``path`` or ``id`` and anything else.

    Raises:
        InvalidArgument: The folder or a table cannot be read, or they do not fit each other.

    Example:
        >>> scan("tests/data/photos").labels["cat/alpha.png"]
        'cat'
    """
    root = Path(folder)
    return described(root, *walk(root), labels, metadata)


def parts_of_a_set(labels: Iterable[str] | Mapping[str, int]) -> list[str]:
    """Labels, if all are rather the parts of a data set: first what is to be trained on.

    Args:
        labels: That of each image; or how many images each has.

    Example:
        >>> parts_of_a_set(["test", "test", "train"]), parts_of_a_set(["cat", "test"])
        (['train', 'test'], [])
    """
    counts = Counter(labels)
    if len(counts) > 1 and {name.lower() for name in counts} <= PARTS:
        largest = [name for name, _ in counts.most_common()]
        return sorted(largest, key=lambda name: not name.lower().startswith("train"))
    return []


def described(
    root: Path,
    paths: Sequence[str],
    skipped: Sequence[Skipped],
    labels: str | Path = FROM_FOLDERS,
    metadata: str | Path | None = None,
) -> ImageFolder:
    """What images are called, and what else is known of them.

    Args:
        root: What their paths are relative to.
        paths: The images.
        skipped: What else was seen there.
        labels: As for ``scan``.
        metadata: As for ``scan``.

    Raises:
        InvalidArgument: A table cannot be read, or does not fit the images.
    """
    skipped = list(skipped)
    tables: list[Sidecar[Any]] = []
    source: str | Sidecar[str]
    named: Mapping[str, str]
    if labels == NO_LABELS:
        source, named = NO_LABELS, {}
    elif labels == FROM_FOLDERS:
        source, named = FROM_FOLDERS, FirstFolders(paths)
    else:
        source = read_labels(labels)
        tables.append(source)
        named = _joined(source, root, paths)
    more: Mapping[str, Mapping[str, JSON]] = {}
    extra = None
    if metadata is not None:
        extra = read_metadata(metadata)
        tables.append(extra)
        more = _joined(extra, root, paths)
    # A table may lie among the images; it was seen for what it is.
    read = {os.path.realpath(table.path) for table in tables}
    if read:
        skipped = [one for one in skipped if os.path.realpath(one.path) not in read]
    known = set(paths) if tables else set()
    for table in tables:
        if strangers := [path for path in table.values if path not in known]:
            reason = f"{len(strangers)} of its paths are no images here, as {strangers[0]!r}"
            skipped.append(Skipped(table.path.resolve(), reason))
    return ImageFolder(root, paths, named, skipped, more, source, extra)


class FirstFolders(Mapping[str, str]):
    """The first folder of each of some paths; a path that lies in none is not here."""

    def __init__(self, paths: Sequence[str]) -> None:
        self._paths = paths

    def __getitem__(self, path: str) -> str:
        folder, slash, _ = path.partition("/")
        if not slash or not folder:
            raise KeyError(path)
        return folder

    def __iter__(self) -> Iterator[str]:
        return (path for path in self._paths if path.find("/") > 0)

    def __len__(self) -> int:
        return sum(1 for _ in self)


def _joined(table: Sidecar[Any], root: Path, paths: Sequence[str]) -> dict[str, Any]:
    """What a table says of those images that are there."""
    found = {path: table.values[path] for path in paths if path in table.values}
    if paths and not found:
        if not table.values:
            raise InvalidArgument(f"{table.path} speaks of no image: there is no row in it.")
        raise InvalidArgument(
            f"No path in {table.path} is an image below {root}; they are relative to that folder. "
            f"The first one it speaks of is {next(iter(table.values))!r}."
        )
    return found
