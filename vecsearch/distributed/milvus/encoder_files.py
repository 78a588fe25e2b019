"""The files of an encoder on Milvus, in a small collection beside that of the items.

They do not fit into the properties of a collection, which end at about a megabyte: a PCA of 64 × 64
pixels has three.
"""

import base64
import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vecsearch.errors import CollectionExists, DamagedCollection, InvalidArgument

if TYPE_CHECKING:
    from pymilvus import MilvusClient

# Texts of Milvus end at 65,535 bytes; base64 makes four bytes of three.
PIECE_BYTES = 48_000
PIECES_AT_ONCE = 200
MOST_BYTES = 64 << 20
SUFFIX = "_encoder"
# What tells them from a collection that happens to be called so.
MARK = "vecsearch.encoder_of"


def stamps_of(folder: Path) -> dict[str, tuple[str, int]]:
    """The sha256 and the size of each file in a folder.

    Raises:
        InvalidArgument: They are too large to travel.
    """
    stamps = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            data = path.read_bytes()
            name = path.relative_to(folder).as_posix()
            stamps[name] = (hashlib.sha256(data).hexdigest(), len(data))
    total = sum(size for _, size in stamps.values())
    if total > MOST_BYTES:
        raise InvalidArgument(
            f"The encoder takes {total >> 20} MB; up to {MOST_BYTES >> 20} MB travel with a "
            "collection."
        )
    return stamps


def put_files(client: "MilvusClient", name: str, folder: Path) -> None:
    """Put the files of a folder on Milvus, in the place of what was there."""
    from pymilvus import DataType

    beside = f"{name}{SUFFIX}"
    drop_files(client, name)
    schema = client.create_schema(auto_id=False)
    schema.add_field("id", DataType.VARCHAR, is_primary=True, max_length=1024)
    schema.add_field("piece", DataType.VARCHAR, max_length=65535)
    schema.add_field("vector", DataType.FLOAT_VECTOR, dim=2)  # there is none without
    client.create_collection(beside, schema=schema, num_shards=1, properties={MARK: name})
    rows: list[dict[str, Any]] = []
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        data = path.read_bytes()
        for number, start in enumerate(range(0, max(1, len(data)), PIECE_BYTES)):
            piece = base64.b64encode(data[start : start + PIECE_BYTES]).decode()
            row = f"{path.relative_to(folder).as_posix()}#{number:06d}"
            rows.append({"id": row, "piece": piece, "vector": [0.0, 0.0]})
    for start in range(0, len(rows), PIECES_AT_ONCE):
        client.insert(beside, rows[start : start + PIECES_AT_ONCE])
    index = client.prepare_index_params()
    index.add_index("vector", index_type="FLAT", metric_type="L2")
    client.create_index(beside, index)
    client.load_collection(beside)


def get_files(
    client: "MilvusClient", name: str, stamps: Mapping[str, tuple[str, int]], folder: Path
) -> None:
    """Write the files of an encoder into a folder, once each is found to be as it was.

    Raises:
        DamagedCollection: One is missing, or not as it was put there.
    """
    beside = f"{name}{SUFFIX}"
    client.load_collection(beside)
    for file, (sha256, size) in stamps.items():
        path = folder / file
        if not path.resolve().is_relative_to(folder.resolve()):
            raise DamagedCollection(f"{file!r} leads out of the folder of an encoder.")
        pieces = [f"{file}#{at:06d}" for at in range(-(-max(1, size) // PIECE_BYTES))]
        found: dict[str, str] = {}
        for start in range(0, len(pieces), PIECES_AT_ONCE):
            part = pieces[start : start + PIECES_AT_ONCE]
            rows = client.get(
                beside, ids=part, output_fields=["id", "piece"], consistency_level="Strong"
            )
            found |= {row["id"]: row["piece"] for row in rows}
        data = b"".join(base64.b64decode(found.get(piece, "")) for piece in pieces)
        if hashlib.sha256(data).hexdigest() != sha256:
            raise DamagedCollection(
                f"{file} of the encoder of {name} is not as it was put there: push it again."
            )
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)


def drop_files(client: "MilvusClient", name: str) -> None:
    """Take the files of an encoder off Milvus, if they are there.

    Raises:
        CollectionExists: What is called as they would be is something else.
    """
    beside = f"{name}{SUFFIX}"
    if client.has_collection(beside):
        if client.describe_collection(beside).get("properties", {}).get(MARK) != name:
            raise CollectionExists(
                f"There is a collection {beside} on Milvus, where the encoder of {name} would go: "
                "choose another name."
            )
        client.drop_collection(beside)
