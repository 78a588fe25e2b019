"""Bodies of requests, taken in as far as there is room for them."""

from dataclasses import dataclass

from starlette.requests import ClientDisconnect, Request

from vecsearch.server.problems import Problem

# All bodies that are being received, together.
ROOM = 128 << 20


@dataclass
class Reception:
    """Takes in bodies.

    Attributes:
        most: How large one may be, in bytes.
        held: How many bytes there are of all that are being received.
    """

    most: int
    held: int = 0

    async def read(self, request: Request) -> bytes:
        """The body of a request.

        Raises:
            Problem: It is too large, or there is no room for it now.
        """
        announced = request.headers.get("content-length", "")
        if announced.isdecimal() and int(announced) > self.most:
            raise self._too_large()
        parts: list[bytes] = []
        size = 0
        try:
            async for part in request.stream():
                size += len(part)
                self.held += len(part)
                if size > self.most:
                    raise self._too_large()
                if self.held > ROOM:
                    raise Problem(429, "Too many uploads at a time: come again.")
                parts.append(part)
        except ClientDisconnect as error:
            raise Problem(400, "The body was cut short.") from error
        finally:
            self.held -= size
        return b"".join(parts)

    def _too_large(self) -> Problem:
        return Problem(413, f"A body has room for {self.most / (1 << 20):g} MiB at most.")
