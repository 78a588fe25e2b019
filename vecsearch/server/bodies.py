"""Bodies of requests, taken in as far as there is room for them."""

from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect, Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from vecsearch.server.problems import Problem

# All bodies of the requests that are being answered, together; more if one may be larger.
ROOM = 128 << 20


class Bounded:
    """Lets in bodies of some size, and so many at a time, whichever route reads them.

    Args:
        app: What reads them. That a body is too large, or that there is no room for it now, is
            raised to it as a ``Problem`` while it does.
        most: How large one may be, in bytes.
    """

    def __init__(self, app: ASGIApp, most: int) -> None:
        self._app, self._most = app, most
        self._room = max(ROOM, most)
        self._held = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        announced = Headers(scope=scope).get("content-length", "")
        size = 0

        async def bounded() -> Message:
            nonlocal size
            if announced.isdecimal() and int(announced) > self._most:
                raise self._too_large()
            message = await receive()
            part = len(message.get("body", b""))
            size += part
            self._held += part
            if size > self._most:
                raise self._too_large()
            if self._held > self._room:
                raise Problem(429, "Too many uploads at a time: come again.")
            return message

        try:
            await self._app(scope, bounded, send)
        finally:
            self._held -= size

    def _too_large(self) -> Problem:
        return Problem(413, f"A body has room for {self._most / (1 << 20):g} MiB at most.")


async def body_of(request: Request) -> bytes:
    """The body of a request.

    Raises:
        Problem: It was cut short, is too large, or there is no room for it now.
    """
    try:
        return await request.body()
    except ClientDisconnect as error:
        raise Problem(400, "The body was cut short.") from error
