"""Items as rows of a Milvus collection, and back."""

import json
import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from vecsearch.distributed.milvus.filters import terms_of
from vecsearch.distributed.stores import Block, Neighbour, Profile
from vecsearch.errors import InvalidArgument
from vecsearch.store import Record, Records

if TYPE_CHECKING:
    from pymilvus import CollectionSchema, MilvusClient

# The most bytes that the server takes.
TEXT_BYTES = 4096
JSON_BYTES = 65536
# What an answer shows of an item, and what is stored of it.
SHOWN = ["label", "path", "metadata"]
STORED = ["id", *SHOWN, "file", "vector"]
NO_TERMS = terms_of({})
_JSON = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def schema_of(client: "MilvusClient", profile: Profile) -> "CollectionSchema":
    """The columns of a collection."""
    from pymilvus import DataType

    schema = client.create_schema(auto_id=False, enable_dynamic_field=False)
    schema.add_field("id", DataType.VARCHAR, is_primary=True, max_length=TEXT_BYTES)
    for name in ("label", "path"):
        schema.add_field(name, DataType.VARCHAR, max_length=TEXT_BYTES)
    for name in ("metadata", "terms", "file"):
        schema.add_field(name, DataType.JSON)
    schema.add_field("vector", DataType.FLOAT_VECTOR, dim=profile.dim)
    return schema


def columns_of(records: Records) -> dict[str, list[str]]:
    """Items as columns, but for their vectors.

    Raises:
        InvalidArgument: Milvus cannot take one of them.
    """
    names = records.ids
    nothing: list[Any] = [None] * len(records)
    metadata = records.metadata if records.metadata is not None else nothing
    terms = [terms_of(one) if one else NO_TERMS for one in metadata]
    return {
        "id": _texts("id", names, names),
        "label": _texts("label", records.labels, names),
        "path": _texts("path", records.paths, names),
        "metadata": _jsons(metadata, names),
        "terms": _jsons(terms, names),
        "file": _jsons(records.files, names),
    }


def shown_of(name: str, entity: Mapping[str, Any]) -> Record:
    """What an answer shows of an item."""
    return Record(name, entity["path"] or None, entity["label"] or None, entity["metadata"])


def record_of(entity: Mapping[str, Any]) -> Record:
    """What is stored of an item beside its vector."""
    return shown_of(entity["id"], entity)._replace(file=entity["file"] or None)


def block_of(entities: Sequence[Mapping[str, Any]], dim: int) -> Block:
    """Rows as items."""
    vectors = np.array([one["vector"] for one in entities], np.float32).reshape(-1, dim)
    return Records.of([record_of(one) for one in entities]), vectors


def neighbours_of(hits: Any, euclidean: bool) -> list[Neighbour]:
    """Hits with distances of ours: Milvus gives squares of Euclidean ones, and cosines."""
    found = []
    for hit in hits:
        far, entity = hit["distance"], hit["entity"]
        apart = math.sqrt(max(far, 0.0)) if euclidean else min(max(1 - far, 0.0), 2.0)
        found.append(Neighbour(shown_of(hit["id"], entity), apart))
    return found


def _texts(what: str, values: Sequence[str | None] | None, names: Sequence[str]) -> list[str]:
    if values is None:
        return [""] * len(names)
    found = []
    for value, name in zip(values, names, strict=True):
        if value == "":
            raise InvalidArgument(f"Milvus takes no empty {what}, as that of the item {name!r}.")
        text = value or ""
        if (size := _size(text, what, name)) > TEXT_BYTES:
            raise InvalidArgument(
                f"The {what} of the item {name[:80]!r} has {size} bytes; Milvus is given "
                f"{TEXT_BYTES} at most."
            )
        found.append(text)
    return found


def _size(text: str, what: str, name: str) -> int:
    """How many bytes a text takes."""
    try:
        return len(text.encode())
    except UnicodeEncodeError as error:
        raise InvalidArgument(
            f"The {what} of the item {name[:80]!r} cannot be written as UTF-8."
        ) from error


def _jsons(values: Sequence[Mapping[str, Any] | None] | None, names: Sequence[str]) -> list[str]:
    """As text, which the client takes as it is; of a dict it makes another one first."""
    found = ["{}"] * len(names)
    for at, value in enumerate(values or ()):
        if not value:
            continue
        try:
            found[at] = text = _JSON.encode(value)
        except (TypeError, ValueError, RecursionError) as error:
            raise InvalidArgument(
                f"The metadata of the item {names[at][:80]!r} is not JSON: {error}."
            ) from error
        if (size := _size(text, "metadata", names[at])) > JSON_BYTES:
            raise InvalidArgument(
                f"The metadata of the item {names[at][:80]!r} takes {size} bytes; Milvus takes "
                f"{JSON_BYTES} at most."
            )
    return found
