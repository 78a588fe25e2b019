"""The image files that a user names, as a collection calls them."""

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from vecsearch.encoding import facts_of
from vecsearch.errors import InvalidArgument
from vecsearch.images import FROM_FOLDERS, File, is_absolute, read_labels, read_metadata, scan
from vecsearch.own_vectors import is_utf8
from vecsearch.store import Record, SideFile, Source
from vecsearch.types import JSON, Skipped


@dataclass(frozen=True)
class Found:
    """Image files that are to be added.

    Attributes:
        paths: Of each its path below the collection's root, or the absolute one.
        labels: Of some of them, from where the collection has its labels.
        metadata: Of some of them, from the table that the collection has its metadata from.
        skipped: What else was seen.
    """

    paths: Sequence[str]
    labels: Mapping[str, str]
    metadata: Mapping[str, Mapping[str, JSON]]
    skipped: Sequence[Skipped]

    def record(
        self, file: File, old: Record | None, label: str | None, metadata: Mapping[str, JSON] | None
    ) -> Record:
        """What is stored of one of them, which may be there already.

        Args:
            file: As it was read.
            old: What is stored of it so far.
            label: What its user calls it; as tables or folders do, or as before, by default.
            metadata: What its user knows of it; the same goes for that.
        """
        more = self.metadata.get(file.path, old.metadata if old else {})
        named = label if label is not None else self.labels.get(file.path)
        if named is None and old is not None:
            named = old.label
        more = more if metadata is None else metadata
        return Record(file.path, file.path, named, more, facts_of(file))


def find_images(source: Source | None, places: Iterable[str | Path]) -> Found:
    """The image files among some paths and below them, as a collection calls them."""
    root = Path(source.root) if source is not None else None
    by_folder = source is None or source.labels == FROM_FOLDERS
    paths: dict[str, None] = {}
    labels: dict[str, str] = {}
    skipped: list[Skipped] = []
    for place in places:
        if not Path(place).exists():
            raise InvalidArgument(f"There is no file {str(place)!r}. Nothing was added.")
        whole = _as_walked(Path(place), root)
        if not whole.is_dir():
            name = _below(whole, root)
            if not is_utf8(name):
                raise InvalidArgument(f"The name {name!r} is not valid UTF-8.")
            paths[name] = None
            continue
        found = scan(whole)
        skipped += found.skipped
        for path in found.paths:
            name = _below(whole / path, root)
            paths[name] = None
            if by_folder and path in found.labels:
                labels[name] = found.labels[path]
    for path in paths:
        if by_folder and "/" in path and not is_absolute(path):
            labels[path] = path.split("/", 1)[0]
    more: Mapping[str, Mapping[str, JSON]] = {}
    # The tables speak of files below the root; for others they need not even be there any more.
    if source is not None and not all(map(is_absolute, paths)):
        if isinstance(source.labels, SideFile):
            labels.update(read_labels(source.labels.found("labels")).values)
        if source.metadata is not None:
            more = read_metadata(source.metadata.found("metadata")).values
    return Found(list(paths), labels, more, skipped)


def _as_walked(place: Path, root: Path | None) -> Path:
    """Where something is by the names that a walk through the root comes by, links among them."""
    # Where it lies, not where it leads if it is a link: so a build would call it.
    plain = place.resolve() if place.is_dir() else place.parent.resolve() / place.name
    if root is None or ".." in place.parts or plain.is_relative_to(root):
        return plain
    given = Path(os.path.abspath(place))
    for parent in given.parents:
        if parent.resolve() == root:
            return root / given.relative_to(parent)
    return plain


def _below(path: Path, root: Path | None) -> str:
    inside = root is not None and path.is_relative_to(root)
    return (path.relative_to(root) if inside else path).as_posix()  # type: ignore[arg-type]
