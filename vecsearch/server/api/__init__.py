"""The HTTP API, version 1."""

from typing import Any

from fastapi import APIRouter

from vecsearch.server.api import groups, items, questions, service, writing
from vecsearch.server.models import ProblemDocument

PREFIX = "/api/v1"
SAID = {
    400: "It makes no sense.",
    401: "The token is missing.",
    403: "It comes from a page of another site.",
    404: "There is no such thing.",
    409: "Somebody else is writing: try again.",
    413: "The body is too large.",
    415: "The body is neither JSON nor an image.",
    422: "It is not in the form that is described here, or no picture that can be read.",
    429: "Too much at a time: come again.",
    503: "The collection on disk is damaged or gone, or the disk cannot be used.",
    507: "The disk is full.",
}
PROBLEMS: dict[int | str, dict[str, Any]] = {
    status: {
        "description": said,
        "content": {"application/problem+json": {"schema": ProblemDocument.model_json_schema()}},
    }
    for status, said in SAID.items()
}

router = APIRouter(prefix=PREFIX, responses=PROBLEMS)
# Questions first: they are what is asked most, and each request is compared with all before it.
for part in (questions, items, groups, writing, service):
    router.include_router(part.router)

__all__ = ["PREFIX", "router"]
