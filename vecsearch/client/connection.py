"""HTTP to one server, a connection a thread, kept open."""

import http.client
import json
import threading
import weakref
from collections.abc import Mapping
from contextlib import suppress
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

from vecsearch.errors import (
    CollectionLocked,
    CollectionNotFound,
    ImageError,
    InvalidArgument,
    VecsearchError,
)


class ServerError(VecsearchError):
    """What a server said instead of an answer.

    Args:
        status: The HTTP status; 0 if there was no answer at all.
        detail: What it said.
    """

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(detail)
        self.status = status

    def __reduce__(self) -> tuple[type["ServerError"], tuple[int, str]]:
        """What a copy is made of, as for another process."""
        return type(self), (self.status, str(self))


class Connection:
    """Sends requests to a server.

    Args:
        url: Where it is; its ``?token=`` is taken over.
        token: What the server wants to know.
        timeout: How many seconds to wait for an answer.

    Raises:
        InvalidArgument: It is no address, or no token.
    """

    def __init__(self, url: str, token: str | None, timeout: float) -> None:
        try:
            parts = urlsplit(url)
            is_one = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
        except ValueError:  # of a port that is no number
            is_one = False
        if not is_one:
            raise InvalidArgument(f"{url!r} is no address of a server: http://HOST:PORT/.")
        if "@" in parts.netloc:
            raise InvalidArgument(
                "A server asks for a token and not for a user: http://HOST:PORT/?token=TOKEN."
            )
        self._kind = (
            http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        )
        self._host, self._base = parts.netloc, quote(parts.path.rstrip("/"), safe="/%")
        given = dict(parse_qsl(parts.query, keep_blank_values=True))
        known = token if token is not None else given.get("token")
        if known is not None and not ((known := known.strip()).isascii() and known.isprintable()):
            raise InvalidArgument("A token is made of printable ASCII characters.")
        self._headers = {} if known is None else {"Authorization": f"Bearer {known}"}
        self._timeout = timeout
        self._local = threading.local()
        self._opened: weakref.WeakSet[_Kept] = weakref.WeakSet()
        self._lock = threading.Lock()  # of what is opened
        weakref.finalize(self, _close_all, self._opened)

    def send(
        self,
        method: str,
        path: str,
        values: Mapping[str, Any] | None = None,
        body: Any = None,
        *,
        once: bool = False,
    ) -> bytes:
        """What the server answers.

        Args:
            method: GET, POST and so on.
            path: Quoted, below the address of the server.
            values: What stands behind the question mark; None is left out, a list repeated.
            body: Bytes are sent as they are, anything else as JSON.
            once: Whether it must not be sent again where the server went away with it.

        Raises:
            VecsearchError: The server answers with an error, or not at all.
        """
        headers = dict(self._headers)
        if isinstance(body, bytes):
            headers["Content-Type"] = "application/octet-stream"
        elif body is not None:
            headers["Content-Type"] = "application/json"
            body = json.dumps(body).encode()
        pairs = _pairs(values or {})
        url = f"{self._base}{path}{'?' + urlencode(pairs) if pairs else ''}"
        answer, data = self._exchange(method, url, body, headers, once)
        if answer.status >= 400:
            raise _error(answer, data)
        if answer.status >= 300:
            place = answer.getheader("Location", "elsewhere")
            raise ServerError(answer.status, f"{self._host} is not the server: ask at {place}.")
        return data

    def ask(self, method: str, path: str, *given: Any, once: bool = False) -> Any:
        """What the server answers in JSON; as ``send`` otherwise."""
        data = self.send(method, path, *given, once=once)
        try:
            return json.loads(data)
        except ValueError as error:
            raise ServerError(200, f"What {self._host} answers is not of vecsearch.") from error

    def close(self) -> None:
        """Close the connections of all threads; others are opened when they are needed."""
        with self._lock:
            _close_all(self._opened)

    def _exchange(
        self, method: str, url: str, body: bytes | None, headers: Mapping[str, str], once: bool
    ) -> tuple[http.client.HTTPResponse, bytes]:
        held: _Kept | None = getattr(self._local, "held", None)
        if held is None:
            held = self._local.held = _Kept(self._kind(self._host, timeout=self._timeout))
            with self._lock:
                self._opened.add(held)
        kept = held.connection
        if once:
            kept.close()  # the server may have closed it too, and then whether it came is not known
        fresh = kept.sock is None
        try:
            try:
                return _asked(kept, method, url, body, headers)
            except (http.client.RemoteDisconnected, ConnectionError):
                kept.close()
                if fresh:
                    raise
                return _asked(kept, method, url, body, headers)  # it was closed before we asked
        except (OSError, http.client.HTTPException) as error:
            kept.close()
            raise ServerError(0, f"{self._host} does not answer: {error}.") from error
        except BaseException:
            kept.close()  # or the next question would read the answer to this one
            raise


class _Kept:
    """The connection of a thread, closed when that ends."""

    def __init__(self, connection: http.client.HTTPConnection) -> None:
        self.connection = connection

    def __del__(self) -> None:
        self.connection.close()


def _close_all(opened: weakref.WeakSet[_Kept]) -> None:
    for one in list(opened):
        one.connection.close()


def _asked(
    connection: http.client.HTTPConnection,
    method: str,
    url: str,
    body: bytes | None,
    headers: Mapping[str, str],
) -> tuple[http.client.HTTPResponse, bytes]:
    connection.request(method, url, body, dict(headers))
    answer = connection.getresponse()
    return answer, answer.read()


def _pairs(values: Mapping[str, Any]) -> list[tuple[str, str]]:
    pairs = []
    for name, value in values.items():
        several = value if isinstance(value, list | tuple) else [value]
        pairs += [(name, _plain(one)) for one in several if one is not None]
    return pairs


def _plain(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _error(answer: http.client.HTTPResponse, data: bytes) -> VecsearchError:
    status = answer.status
    detail = f"The server answered {status}."
    with suppress(ValueError, KeyError, TypeError):
        detail = str(json.loads(data)["detail"])
    if status == 409 and answer.getheader("Retry-After"):
        return CollectionLocked(detail)
    if status == 404 and detail.startswith("There is no collection"):
        return CollectionNotFound(detail)
    if status == 422 and detail.startswith(("The picture", "The body is empty")):
        return ImageError(detail)
    if status in (400, 404, 409, 415, 422):
        return InvalidArgument(detail)
    return ServerError(status, detail)
