"""The way to a Milvus server, and what its errors mean."""

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from vecsearch.distributed.milvus.address import Address
from vecsearch.errors import MissingPackage, VecsearchError

if TYPE_CHECKING:  # it takes a second to import
    from pymilvus import MilvusClient

# How long to wait for a server that does not answer, in seconds; and for a question.
CONNECT_SECONDS = 10
SECONDS = 60


def connect(address: Address) -> "MilvusClient":
    """A client of the server that an address names.

    Raises:
        MissingPackage: pymilvus is not installed.
        VecsearchError: The server cannot be reached.
    """
    # It writes what it raises to stderr, too, with a traceback.
    logging.getLogger("pymilvus").setLevel(logging.CRITICAL)
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
        VecsearchError: The server cannot be reached, or refuses.
    """
    try:
        from grpc import RpcError
        from pymilvus.exceptions import MilvusException, MilvusUnavailableException
    except ModuleNotFoundError as error:
        raise MissingPackage(
            f"Milvus needs the package {error.name!r}: pip install 'vecsearch[distributed]'"
        ) from error

    try:
        yield
    except MilvusUnavailableException as error:
        raise VecsearchError(_unreachable(address)) from error
    except MilvusException as error:
        text = str(error.message).strip()
        if "Fail connecting" in text or "illegal connection" in text:
            raise VecsearchError(_unreachable(address)) from error
        raise VecsearchError(f"Milvus refuses, for {address}: {text}") from error
    except RpcError as error:
        raise VecsearchError(_unreachable(address)) from error


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
