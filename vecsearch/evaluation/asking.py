"""What is asked, and of whom: labelled vectors of a collection and of query images."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from vecsearch.collection import Collection
from vecsearch.errors import InvalidArgument
from vecsearch.images import FROM_FOLDERS, NO_IMAGES, scan
from vecsearch.index import check_vectors
from vecsearch.types import Progress, Skipped, Vectors


@dataclass(frozen=True)
class Labelled:
    """Vectors with their ids and labels, ``(n, dim)`` and n of each; a label may be None.

    Attributes:
        hashes: The sha256 of the file of each, in hex, where there is one.
    """

    vectors: Vectors
    ids: Sequence[str]
    labels: Sequence[str | None]
    hashes: Sequence[str | None] | None = None

    def part(self, rows: Iterable[int]) -> "Labelled":
        """Those at some rows."""
        chosen = list(rows)
        if chosen == list(range(len(self.ids))):
            return self  # vectors on disk stay there
        return Labelled(
            self.vectors[chosen],
            [self.ids[row] for row in chosen],
            [self.labels[row] for row in chosen],
            None if self.hashes is None else [self.hashes[row] for row in chosen],
        )


def gallery_of(collection: Collection) -> Labelled:
    """All items of a collection."""
    ids = [item.id for item in collection]
    return Labelled(collection.vectors(), ids, collection.labels())


def queries_of(
    collection: Collection,
    gallery: Labelled,
    queries: str | Path,
    labels: str | Path,
    jobs: int | None,
    progress: Progress | None,
) -> tuple[Labelled, Sequence[str], Sequence[Skipped]]:
    """The images of a folder, encoded as those of a collection.

    An image that is itself in the collection has its id there, and its label, unless a table of
    labels says another.

    Returns:
        The images, their paths below the folder, and the files left out.

    Raises:
        InvalidArgument: There are no images.
    """
    folder = scan(queries, labels)
    if not folder.paths:
        raise InvalidArgument(f"There are no images in {folder.root}{NO_IMAGES}")
    encoded = collection.encode_folder(folder, jobs=jobs, progress=progress)
    known = dict(zip(gallery.ids, gallery.labels, strict=True))
    ids = collection.ids_in(folder, encoded.files)
    paths = [file.path for file in encoded.files]
    of_items = [known.get(name) for name in ids]
    of_files = [folder.labels.get(path) for path in paths]
    first, second = (of_items, of_files) if labels == FROM_FOLDERS else (of_files, of_items)
    found = [one or other for one, other in zip(first, second, strict=True)]
    hashes = [file.sha256 for file in encoded.files]
    return Labelled(encoded.vectors, ids, found, hashes), paths, [*folder.skipped, *encoded.skipped]


def checked(given: Labelled, dim: int | None = None) -> Labelled:
    """The same with vectors that can be compared.

    A zero vector is let through under cosine: it is at 1 from all others. It may be in a
    collection that was made for the other metric.

    Raises:
        InvalidArgument: They are no vectors, or there are more or fewer ids or labels.
    """
    vectors = check_vectors(given.vectors, dim)
    if not len(vectors) == len(given.ids) == len(given.labels):
        raise InvalidArgument(
            f"There are {len(vectors)} vectors, {len(given.ids)} ids and {len(given.labels)} "
            "labels: each vector has one of each."
        )
    return replace(given, vectors=vectors)


def with_labels(given: Labelled) -> Labelled:
    """Those of them that have a label."""
    rows = [row for row, label in enumerate(given.labels) if label is not None]
    return given if len(rows) == len(given.ids) else given.part(rows)
