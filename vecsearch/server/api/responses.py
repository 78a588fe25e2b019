"""Answers as JSON."""

from typing import Any

from pydantic_core import to_json
from starlette.responses import Response


def as_json(answer: Any, status: int = 200) -> Response:
    """An answer, written at once: its type is that of the route, and was not changed since."""
    return Response(to_json(answer), status, media_type="application/json")
