"""The way to a Milvus server, and what its errors mean."""

import logging
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from vecsearch.distributed.milvus.address import Address
from vecsearch.errors import CollectionNotFound, MissingPackage, StoreError

if TYPE_CHECKING:  # it takes a second to import
    from pymilvus import CollectionSchema, MilvusClient

# How long to wait for a server that does not answer, in seconds; and for a question.
CONNECT_SECONDS = 10
SECONDS = 60
# What the server says when there is no collection of a name.
NO_COLLECTION = 100


def connect(address: Address) -> "MilvusClient":
    """A client of the server that an address names.

    Raises:
        MissingPackage: pymilvus is not installed.
        StoreError: It does not answer.
    """
    # They write what they raise to stderr, too, with a traceback.
    for name in ("pymilvus", "milvus_lite"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    with asking(address):
        from pymilvus import MilvusClient

        if address.is_file:
            return MilvusClient(address.uri)
        return MilvusClient(
            address.uri, token=address.token, db_name=address.database, timeout=CONNECT_SECONDS
        )


@contextmanager
def asking(address: Address) -> Iterator[None]:
    """Turn what a client raises into an error of ours.

    Raises:
        MissingPackage: pymilvus is not installed.
        CollectionNotFound: There is none of that name any more.
        StoreError: The server does not answer, or refuses.
    """
    try:
        from grpc import RpcError, StatusCode
        from pymilvus.exceptions import MilvusException, MilvusUnavailableException
    except ModuleNotFoundError as error:
        raise MissingPackage(
            f"Milvus needs the package {error.name!r}: pip install 'vecsearch[distributed]'"
        ) from error

    try:
        yield
    except MilvusUnavailableException as error:
        raise StoreError(_unreachable(address)) from error
    except MilvusException as error:
        text = str(error.message).strip()
        # In the middle of a question.
        lost = error.code in (StatusCode.UNAVAILABLE, StatusCode.DEADLINE_EXCEEDED)
        if lost or "Fail connecting" in text or "illegal connection" in text:
            raise StoreError(_unreachable(address)) from error
        if text == "Open local milvus failed":
            raise StoreError(
                f"{address.uri} cannot be opened: another process has it open, which only one can "
                "at a time, or it is no file of Milvus Lite."
            ) from error
        if error.code == NO_COLLECTION:
            raise CollectionNotFound(f"There is no collection {address} any more.") from error
        raise StoreError(f"Milvus refuses, for {address}: {text}") from error
    except RpcError as error:
        code = error.code() if hasattr(error, "code") else None
        if code in (None, StatusCode.UNAVAILABLE, StatusCode.DEADLINE_EXCEEDED):
            raise StoreError(_unreachable(address)) from error
        raise StoreError(f"Milvus refuses, for {address}: {error.details()}") from error


def send(
    client: "MilvusClient",
    name: str,
    schema: "CollectionSchema",
    columns: Mapping[str, Sequence[Any]],
    new: bool,
) -> None:
    """Put in items by columns.

    The client itself takes rows, and looks at each of their values, for which it needs eight times
    as long (benchmarks/milvus_push.py). So this goes to what it calls, as its older interface
    does, which it is about to give up.

    Args:
        client: The server.
        name: The collection.
        schema: Its columns.
        columns: What goes there, as many values a column as there are items.
        new: None of them is there.
    """
    handler = client._get_connection()
    known = schema.to_dict()
    (handler.batch_insert if new else handler.upsert)(
        name,
        [{**field, "values": columns[field["name"]]} for field in known["fields"]],
        schema=known,
        timeout=SECONDS,
        context=client._generate_call_context(),
    )


def _unreachable(address: Address) -> str:
    return (
        f"There is no answer from Milvus at {address.uri}: see that it runs and can be reached "
        "from here."
    )


class Connection:
    """One client, made when it is first needed; threads share it."""

    def __init__(self, address: Address) -> None:
        self._address = address
        self._client: MilvusClient | None = None
        self._lock = threading.Lock()

    @property
    def client(self) -> "MilvusClient":
        """The client."""
        with self._lock:
            if self._client is None:
                self._client = connect(self._address)
            return self._client

    def close(self) -> None:
        """Let go of it; the next question makes another."""
        with self._lock:
            client, self._client = self._client, None
        if client is not None:
            client.close()
