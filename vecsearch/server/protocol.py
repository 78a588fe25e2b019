"""HTTP as uvicorn speaks it, with limits on how slowly and how much a client may send."""

import asyncio
from asyncio.events import TimerHandle
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

# A request has this long, and a body another second for each so many bytes that have come: as
# Apache's RequestReadTimeout. A phone on a bad line sends more; who drips is dropped.
SECONDS = 10.0
BYTES_A_SECOND = 50_000
HEADER_BYTES = 64 << 10
# What is left of a body that was refused is read so far, so that its sender hears of it.
DISCARDED_BYTES = 256 << 20
# How long a client may not read what it asked for, or less than so much of it.
UNREAD_SECONDS, LEAST_READ = 30.0, 32 << 10
CONNECTIONS = 1000

TOO_SLOW = b"HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
TOO_MUCH = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\nContent-Length: 0\r\n"
    b"Connection: close\r\n\r\n"
)
TOO_MANY = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


class Limited(HttpToolsProtocol):
    """One connection. uvicorn itself lets a client send a byte an hour, and headers for ever."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._timer: TimerHandle | None = None
        self._unread: TimerHandle | None = None
        self._begun = 0.0
        self._received = 0
        self._header_bytes = 0
        self._in_headers = True
        self._discarded = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to count the time."""
        super().connection_made(transport)
        if len(self.connections) > CONNECTIONS:
            self._drop(TOO_MANY)
            return
        self._begin()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the timers."""
        self._end()
        self._stop_unread()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take in what a client sends, unless it is too much."""
        self._received += len(data)
        if self._in_headers:
            self._header_bytes += len(data)
        super().data_received(data)
        self._keep_watching()
        if self._in_headers and self._header_bytes > HEADER_BYTES:
            self._drop(TOO_MUCH)

    def on_message_begin(self) -> None:
        """Begin to count the time of the next request on this connection."""
        super().on_message_begin()
        self._begin()

    def on_headers_complete(self) -> None:
        """What comes now is the body."""
        self._in_headers, self._header_bytes = False, 0
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Take in a part of the body; one that nobody reads any more, up to a limit."""
        if self.cycle.response_complete:
            self._discarded += len(body)
            if self._discarded > DISCARDED_BYTES:
                self._drop(b"")
        super().on_body(body)

    def on_message_complete(self) -> None:
        """Stop counting: from here on it is up to us."""
        self._end()
        self._in_headers = True
        super().on_message_complete()

    def pause_writing(self) -> None:
        """The client does not read: wait, but not for ever."""
        super().pause_writing()
        self._watch()

    def resume_writing(self) -> None:
        """The client reads again."""
        self._stop_unread()
        super().resume_writing()

    def _keep_watching(self) -> None:
        """See that a connection without a request is watched by a timer.

        Whatever comes stops uvicorn's own, also a blank line or the rest of a refused body.
        """
        idle = self.cycle is not None and self.cycle.response_complete and self._timer is None
        if idle and self.timeout_keep_alive_task is None and not self.transport.is_closing():
            self.timeout_keep_alive_task = self.loop.call_later(
                self.timeout_keep_alive, self.timeout_keep_alive_handler
            )

    def _begin(self) -> None:
        self._end()
        self._begun, self._received, self._discarded = self.loop.time(), 0, 0
        self._in_headers, self._header_bytes = True, 0
        self._timer = self.loop.call_later(SECONDS, self._check)

    def _end(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _check(self) -> None:
        self._timer = None
        body = 0 if self._in_headers else self._received
        left = self._begun + SECONDS + body / BYTES_A_SECOND - self.loop.time()
        if left > 0.01:
            self._timer = self.loop.call_later(left, self._check)
        else:
            self._drop(TOO_SLOW)

    def _drop(self, answer: bytes) -> None:
        self._end()
        if self.transport.is_closing():
            return
        if answer and (self.cycle is None or self.cycle.response_complete):
            self.transport.write(answer)
        elif answer and not self.cycle.response_started:
            self.transport.write(answer)
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        self.transport.close()

    def _watch(self) -> None:
        left = self.transport.get_write_buffer_size()
        self._unread = self.loop.call_later(UNREAD_SECONDS, self._drop_unless_read, left)

    def _drop_unless_read(self, before: int) -> None:
        if before - self.transport.get_write_buffer_size() < LEAST_READ:
            self.transport.abort()
        else:
            self._watch()

    def _stop_unread(self) -> None:
        if self._unread is not None:
            self._unread.cancel()
            self._unread = None
