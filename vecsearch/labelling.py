"""Change items one by one: give them other labels, or add one whose vector is known."""

from collections.abc import Mapping
from typing import Final

import numpy as np

from vecsearch.amend import Changes, check_encoder
from vecsearch.ann import keep_indexed
from vecsearch.collection import Collection
from vecsearch.encoders import Encoder
from vecsearch.errors import InvalidArgument
from vecsearch.index import check_vectors
from vecsearch.own_vectors import check_records
from vecsearch.spelling import did_you_mean
from vecsearch.store import Record, Writer, same_values
from vecsearch.types import JSON, Vectors


class Same:
    """Says that something is to stay as it is, where None would mean nothing."""


SAME: Final = Same()


def relabel(
    collection: Collection,
    name: str,
    label: str | Same | None = SAME,
    metadata: Mapping[str, JSON] | None = None,
) -> Changes:
    """Give an item another label or other metadata. Its vector stays.

    ``update`` gives it the label of its folder again once its file has changed or moved, or the
    tables of labels and metadata have, where labels come from there.

    Args:
        collection: Where it is.
        name: Its id.
        label: Its new label; None for none. By default it stays as it is.
        metadata: What is known of it from now on; by default, what was.

    Raises:
        InvalidArgument: There is no such item, or a value cannot be taken. Nothing is changed.
        CollectionLocked: Another process is writing to the collection.

    Example:
        >>> books = Collection.from_vectors([[5, 1], [1, 5]], ids=["Emma", "Dracula"])
        >>> relabel(books, "Emma", "love").relabelled
        ['Emma']
        >>> books.get("Emma").label
        'love'
    """
    check_records(1, [name], None if isinstance(label, Same) else [label], _one(metadata))
    with Writer(collection.path, amend=True) as writer:
        row = int(writer.base.find([name])[0])
        if row < 0:
            hint = did_you_mean(name, writer.base.ids())
            raise InvalidArgument(f"There is no item {name!r} in {collection.place}.{hint}")
        old = writer.base.record(row)
        new = old._replace(
            label=old.label if isinstance(label, Same) else label,
            metadata=old.metadata if metadata is None else dict(metadata),
        )
        if new.label == old.label and same_values(new.metadata, old.metadata):
            return Changes(len(writer.base))
        writer.add(writer.base.take(np.array([row])), [new])
        writer.remove(np.array([row]))
        manifest = writer.commit()
    _see(collection)
    return Changes(manifest.count, relabelled=[name])


def add_encoded(
    collection: Collection, vector: Vectors, record: Record, encoder: Encoder
) -> Changes:
    """Add an item whose picture was encoded already.

    Args:
        collection: Where it goes.
        vector: Its vector, ``(dim,)``.
        record: What it is.
        encoder: What made the vector.

    Raises:
        InvalidArgument: There is an item of that id, or it cannot be taken. Nothing is changed.
        CollectionLocked: Another process is writing to the collection.
    """
    check_records(1, [record.id], [record.label], [record.metadata])
    with Writer(collection.path, amend=True) as writer:
        base = writer.base
        check_encoder(base.manifest.encoder, encoder, collection.path)
        if base.find([record.id])[0] >= 0:
            raise InvalidArgument(f"{record.id!r} is in the collection already.")
        writer.add(check_vectors(vector[None], base.manifest.dim, base.manifest.metric), [record])
        manifest = writer.commit()
    _see(collection)
    return Changes(manifest.count, added=[record.id])


def _one(metadata: Mapping[str, JSON] | None) -> list[Mapping[str, JSON]] | None:
    return None if metadata is None else [metadata]


def _see(collection: Collection) -> None:
    collection.refresh()
    keep_indexed(collection.path)
    collection.refresh()
