"""Errors as problem documents, application/problem+json: RFC 9457."""

import errno
import logging
import os
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError
from pydantic_core import to_json
from starlette.exceptions import HTTPException
from starlette.responses import Response

from vecsearch.errors import (
    CollectionExists,
    CollectionLocked,
    CollectionNotFound,
    CollectionReplaced,
    DamagedCollection,
    ImageError,
    IncompleteAnswer,
    InvalidArgument,
    MissingPackage,
    NotFitted,
    StoreError,
    VecsearchError,
)

KIND = "application/problem+json"
# The first that fits counts.
STATUSES: Mapping[type[VecsearchError], int] = {
    InvalidArgument: 400,
    ImageError: 422,
    MissingPackage: 400,
    NotFitted: 400,
    CollectionLocked: 409,
    CollectionExists: 409,
    CollectionReplaced: 409,
    CollectionNotFound: 503,
    DamagedCollection: 503,
    IncompleteAnswer: 503,
    StoreError: 503,
    VecsearchError: 400,
}
# What these say of the server's machine is for its log, and not for clients.
INSTEAD: Mapping[type[VecsearchError], str] = {
    CollectionLocked: "Another process is writing to the collection: try again.",
    CollectionNotFound: "The collection is not there any more.",
    DamagedCollection: "The collection is damaged. The server's log says more.",
}
LOG = logging.getLogger("uvicorn.error")
FULL = (errno.ENOSPC, errno.EDQUOT)
AGAIN = {"Retry-After": "1"}


class Problem(HTTPException):
    """An answer that is an error.

    Args:
        status: Its HTTP status.
        detail: What was found, what was expected, what to do next.
        headers: Headers beside those of every answer.
    """

    def __init__(self, status: int, detail: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(status, detail, headers)


def problem(status: int, detail: str, headers: Mapping[str, str] | None = None) -> Response:
    """A problem document as an answer."""
    more = {**(AGAIN if status == 429 else {}), **(headers or {})}
    title = HTTPStatus(status).phrase
    body = {"type": "about:blank", "title": title, "status": status, "detail": detail}
    return Response(to_json(body), status, more, KIND)


def handle_problems(app: FastAPI) -> None:
    """Let all errors that are raised on purpose reach clients as problem documents."""

    def ours(request: Request, error: Exception) -> Response:
        status = next(code for kind, code in STATUSES.items() if isinstance(error, kind))
        said = str(error)
        if isinstance(error, ImageError):
            said = f"The picture cannot be read: {said.removesuffix('.')}."
        for kind, instead in INSTEAD.items():
            if isinstance(error, kind):
                LOG.error("%s", said)
                said = instead
        # Nor is where a collection lies.
        name = request.path_params.get("name", "")
        if (served := app.state.vecsearch.served.get(name)) is not None:
            own = str(served.generation.collection.place)
            for place in {str(served.place), os.path.abspath(served.place), own}:
                if "/" in place or os.sep in place:  # or a name may be a word of the message
                    said = said.replace(place, name)
        passes = isinstance(error, CollectionLocked | CollectionReplaced)
        return problem(status, said, AGAIN if passes else None)

    def disk(_: Request, error: Any) -> Response:
        LOG.error("%s", error, exc_info=error)  # with the path, which is not for clients
        status = 507 if error.errno in FULL else 503
        said = error.strerror or "no reason is given"
        return problem(status, f"The server's machine refuses: {said}.")

    def invalid(_: Request, error: Any) -> Response:
        return problem(422, said_of(error))

    def http(_: Request, error: Any) -> Response:
        return problem(error.status_code, str(error.detail), error.headers)

    app.add_exception_handler(VecsearchError, ours)
    app.add_exception_handler(OSError, disk)
    app.add_exception_handler(RequestValidationError, invalid)
    app.add_exception_handler(ValidationError, invalid)
    app.add_exception_handler(HTTPException, http)


def said_of(error: RequestValidationError | ValidationError) -> str:
    """What is wrong with what was sent, in one line."""
    parts = []
    for one in error.errors()[:5]:
        where = ".".join(str(step) for step in one["loc"] if step not in ("query", "body", "path"))
        parts.append(f"{where}: {one['msg']}" if where else str(one["msg"]))
    return "; ".join(parts) + "."
