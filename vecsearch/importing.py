"""Collections of vectors that lie in a file."""

from pathlib import Path

from vecsearch.amend import Changes
from vecsearch.collection import Collection
from vecsearch.errors import InvalidArgument
from vecsearch.transfer import read_items, read_vectors
from vecsearch.types import Metric


def import_vectors(
    vectors: str | Path,
    path: str | Path,
    *,
    items: str | Path | None = None,
    metric: Metric | str = Metric.EUCLIDEAN,
    index: str = "auto",
    memory_budget: int | str | None = None,
    append: bool = False,
    overwrite: bool = False,
) -> tuple[Collection, Changes]:
    """Make a collection of a ``.npy`` file, or add its vectors to one.

    Args:
        vectors: ``(n, dim)`` numbers; memory-mapped, so that they may be more than memory holds.
        path: Where the collection goes, or lies.
        items: What they are, in their order: CSV or JSON lines with id, label and whatever else.
            By default they are called 0, 1 and so on.
        metric: ``euclidean`` or ``cosine``.
        index: As for ``Collection.build``, and so is ``memory_budget``.
        memory_budget: How much memory the making of the index may take.
        append: Add them to the collection that stands at ``path``.
        overwrite: Replace it.

    Raises:
        InvalidArgument: A file cannot be read, or they do not fit each other. Nothing is changed.
        CollectionExists: There is something at ``path`` already.
    """
    array = read_vectors(Path(vectors))
    records = None if items is None else read_items(Path(items))
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
        metric=metric,
        index=index,
        memory_budget=memory_budget,
        overwrite=overwrite,
    )
    names = [item.id for item in collection] if ids is None else ids
    return collection, Changes(len(collection), names)
