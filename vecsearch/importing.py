"""Collections of vectors that lie in a file."""

from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from vecsearch.amend import Changes
from vecsearch.collection import Collection
from vecsearch.errors import InvalidArgument
from vecsearch.store import Record
from vecsearch.transfer import EXPORTS, read_export, read_items, read_vectors
from vecsearch.types import Metric


def import_vectors(
    vectors: str | Path,
    path: str | Path,
    *,
    items: str | Path | None = None,
    metric: Metric | str | None = None,
    index: str | None = None,
    memory_budget: int | str | None = None,
    append: bool = False,
    overwrite: bool = False,
) -> tuple[Collection, Changes]:
    """Make a collection of vectors in a file, or add them to one.

    Args:
        vectors: A ``.npy`` file of ``(n, dim)`` numbers, memory-mapped, so that they may be more
            than memory holds; or a ``.parquet``, ``.npz`` or ``.csv`` file as
            ``Collection.export`` writes it, with its items.
        path: Where the collection goes, or lies.
        items: What the vectors of a ``.npy`` file are, in their order: CSV or JSON lines with id,
            label and whatever else. By default they are called 0, 1 and so on.
        metric: ``euclidean``, which is the default, or ``cosine``.
        index: As for ``Collection.build``, and so is ``memory_budget``; ``auto`` by default.
        memory_budget: How much memory the making of the index may take.
        append: Add them to the collection that stands at ``path``, which has a metric and an index
            of its own.
        overwrite: Replace it.

    Raises:
        InvalidArgument: A file cannot be read, or they do not fit each other: nothing is changed.
            Or FAISS cannot make the index: then the collection is there, without one.
        CollectionExists: There is something at ``path`` already.
        CollectionNotFound: There is none to append to.
        CollectionLocked: Another process is writing there.
        MissingPackage: Parquet needs pyarrow.

    Example:
        >>> np.save(tmp / "books.npy", np.eye(3, dtype=np.float32))
        >>> books, changes = import_vectors(tmp / "books.npy", tmp / "books", metric="cosine")
        >>> changes.indexed, books.dim
        (3, 3)
    """
    own = {"metric": metric, "index": index, "memory_budget": memory_budget}
    given = [name for name, value in own.items() if value is not None]
    if append and (overwrite or given):
        raise InvalidArgument(f"append goes without {(given or ['overwrite'])[0]}.")
    array: NDArray[Any]
    records: list[Record] | None = None
    if Path(vectors).suffix.lower() not in EXPORTS:
        array = read_vectors(Path(vectors))
        records = None if items is None else read_items(Path(items))
    elif items is None:
        array, records = read_export(Path(vectors))
    else:
        raise InvalidArgument(f"{vectors} says itself what its items are.")
    ids = None if records is None else [one.id for one in records]
    labels = None if records is None else [one.label for one in records]
    more = None if records is None else [one.metadata for one in records]
    if append:
        collection = Collection.open(path)
        if ids is None:
            raise InvalidArgument("Vectors that are added to others need ids: name their items.")
        return collection, collection.add_vectors(array, ids, labels, more)
    collection = Collection.from_vectors(
        array,
        ids,
        labels,
        more,
        path=path,
        metric=Metric.EUCLIDEAN if metric is None else metric,
        index="auto" if index is None else index,
        memory_budget=memory_budget,
        overwrite=overwrite,
    )
    names = [item.id for item in collection] if ids is None else ids
    return collection, Changes(len(collection), names)
