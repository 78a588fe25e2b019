"""Vectors that their users bring."""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, overload

from numpy.typing import ArrayLike, NDArray

from vecsearch.errors import InvalidArgument
from vecsearch.index import as_array, check_vectors
from vecsearch.store import Records, Writer
from vecsearch.types import JSON, Metric

BLOCK_BYTES = 16 << 20
BLOCK_ITEMS = 1 << 15


def store_vectors(
    vectors: ArrayLike,
    ids: Sequence[str] | None,
    labels: Sequence[str | None] | None,
    metadata: Sequence[Mapping[str, JSON]] | None,
    path: Path,
    metric: Metric,
    index: Mapping[str, JSON],
    overwrite: bool,
) -> None:
    """Commit vectors that their user brings, all or none, a block at a time.

    Raises:
        InvalidArgument: A vector, id, label or metadata cannot be taken.
        CollectionExists: There is something at ``path`` already.
        CollectionLocked: Another process is writing there.
    """
    array = as_array(vectors)
    count = len(array) if array.ndim else 0
    records = check_records(count, ids, labels, metadata)
    if not count:
        raise InvalidArgument("A collection needs at least one vector.")
    with Writer(path, overwrite) as writer:
        dim = add_blocks(writer, array, records, None, metric)
        writer.commit(metric=metric, dim=dim, index=index)


def add_blocks(
    writer: Writer, array: NDArray[Any], records: Records, dim: int | None, metric: Metric
) -> int:
    """Check vectors and hand them to a writer, a block at a time; returns how long they are."""
    if array.ndim != 2 or array.dtype.kind not in "fiub":
        check_vectors(array)  # says what is wrong with it
    step = max(1, min(BLOCK_ITEMS, BLOCK_BYTES // (4 * max(1, array.shape[1]))))
    for start in range(0, len(array), step):
        part = check_vectors(array[start : start + step], dim, metric, first=start)
        dim = part.shape[1]
        writer.add(part, records.part(slice(start, start + len(part))))
    return int(dim or 0)


def check_records(
    count: int,
    ids: Sequence[str] | None,
    labels: Sequence[str | None] | None,
    metadata: Sequence[Mapping[str, JSON]] | None,
) -> Records:
    """What a user says of vectors, one for each.

    Raises:
        InvalidArgument: It is of another number or kind, or an id is given twice.
    """
    given: dict[str, Sequence[Any] | None] = {
        "ids": ids,
        "labels": labels,
        "metadata": metadata,
    }
    for name, values in given.items():
        if values is None:
            continue
        if isinstance(values, str) or not hasattr(values, "__len__"):
            raise InvalidArgument(f"The {name} come as a list, one for each vector.")
        if len(values) != count:
            raise InvalidArgument(f"There are {count} vectors, but {len(values)} {name}.")
    _check_said(labels, metadata)
    names = _Numbers(range(count)) if ids is None else list(ids)
    for name in names if ids is not None else ():
        if not isinstance(name, str) or not name:
            raise InvalidArgument(f"Ids are strings that are not empty, not {name!r}.")
        if not name.isascii() and not name.isprintable() and not is_utf8(name):
            raise InvalidArgument(f"The id {name!r} cannot be written as UTF-8.")
    if ids is not None and len(set(names)) < count:
        twice = Counter(names).most_common(1)[0][0]
        raise InvalidArgument(f"The id {twice!r} is given twice.")
    return Records(
        names,
        labels=None if labels is None else list(labels),
        metadata=None if metadata is None else [dict(more) for more in metadata],
    )


def _check_said(
    labels: Sequence[str | None] | None, metadata: Sequence[Mapping[str, JSON]] | None
) -> None:
    for label in labels if labels is not None else ():
        if not isinstance(label, str | None):
            raise InvalidArgument(f"Labels are strings, not {label!r}.")
        if label == "":
            raise InvalidArgument("A label is not empty: None says that there is none.")
    for more in metadata if metadata is not None else ():
        if not isinstance(more, Mapping):
            raise InvalidArgument("Metadata is a mapping for each vector, as {'price': 3}.")


class _Numbers(Sequence[str]):
    """The numbers of vectors, as their ids; a million strings take longer than their vectors."""

    def __init__(self, numbers: range) -> None:
        self._numbers = numbers

    def __len__(self) -> int:
        return len(self._numbers)

    @overload
    def __getitem__(self, at: int) -> str: ...
    @overload
    def __getitem__(self, at: slice) -> Sequence[str]: ...
    def __getitem__(self, at: int | slice) -> str | Sequence[str]:
        chosen = self._numbers[at]
        return str(chosen) if isinstance(chosen, int) else list(map(str, chosen))


def is_utf8(name: str) -> bool:
    """Whether a name can be written down; one that a system gave may have stray bytes."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True
