"""The items of a collection, and their pictures."""

import hashlib
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from fastapi import APIRouter, Header, Query
from starlette.responses import Response

from vecsearch.errors import ImageError
from vecsearch.server.api.responses import as_json
from vecsearch.server.models import Conditions, Item, Items, Limit, Offset
from vecsearch.server.problems import Problem
from vecsearch.server.served import Generation, in_pool
from vecsearch.server.state import TheGeneration, TheState
from vecsearch.store import Record
from vecsearch.where import as_conditions

router = APIRouter(prefix="/collections/{name}", tags=["items"])

Side = Literal["64", "128", "256"]


@router.get("/items", response_model=Items)
async def items(
    generation: TheGeneration,
    state: TheState,
    where: Annotated[Conditions, Query()] = [],  # noqa: B006 - FastAPI copies it
    limit: Annotated[Limit, Query()] = 60,
    offset: Annotated[Offset, Query()] = 0,
) -> Response:
    """A page of items, in the order of the collection."""
    return as_json(await in_pool(state.light, _page, generation, where, limit, offset))


def _page(generation: Generation, where: list[str], limit: int, offset: int) -> dict[str, Any]:
    allowed = generation.view.attributes.allowed(as_conditions(where))
    rows = generation.view.store.rows() if allowed is None else np.flatnonzero(allowed)
    shown = rows[offset : offset + limit].tolist()
    after = offset + len(shown)
    return {
        "items": [generation.item(row) for row in shown],
        "total": len(rows),
        "next": after if after < len(rows) else None,
    }


@router.get("/items/{id:path}", response_model=Item)
async def item(id: str, generation: TheGeneration, state: TheState) -> Response:  # noqa: A002
    """One item."""
    return as_json(await in_pool(state.light, lambda: generation.item(row_of(generation, id))))


@router.get(
    "/thumbnails/{id:path}",
    response_class=Response,
    responses={
        200: {"content": {"image/webp": {}}, "description": "The picture, made small."},
        304: {"description": "It is as it was."},
    },
)
async def thumbnail(
    id: str,  # noqa: A002
    generation: TheGeneration,
    state: TheState,
    size: Annotated[Side, Query()] = "128",
    if_none_match: Annotated[str | None, Header()] = None,
) -> Response:
    """The picture of an item, encoded anew, in a box of so many pixels."""
    record = await in_pool(state.light, record_of, generation, id)
    path = generation.view.item(record).path
    if path is None:
        raise Problem(404, f"The item {id!r} has no picture.")
    mark = await in_pool(state.light, _mark, path, record, size)
    headers = {"ETag": f'"{mark}"', "Cache-Control": "private, no-cache"}
    if if_none_match is not None and mark in if_none_match:
        return Response(status_code=304, headers=headers)
    facts = record.file or {}
    known = facts.get("sha256")
    root = generation.view.root
    try:
        made = await state.decoder.thumbnail(
            mark, path, root, None if known is None else str(known), int(size)
        )
    except ImageError as error:
        raise Problem(404, f"The picture of {id!r} cannot be shown: {error}") from error
    return Response(made, media_type="image/webp", headers=headers)


def row_of(generation: Generation, name: str) -> int:
    """The row of an item.

    Raises:
        Problem: There is none of that id.
    """
    row = generation.find([name])[0]
    if row < 0:
        raise Problem(404, f"There is no item {name!r}.")
    return row


def record_of(generation: Generation, name: str) -> Record:
    """What is stored of an item.

    Raises:
        Problem: There is none of that id.
    """
    return generation.view.store.record(row_of(generation, name))


def _mark(path: Path, record: Record, side: str) -> str:
    """What changes when the picture does."""
    try:
        facts = path.stat()
    except (OSError, ValueError) as error:
        raise Problem(404, f"The picture of {record.id!r} is gone.") from error
    seen = f"{path}\0{(record.file or {}).get('sha256')}\0{facts.st_mtime_ns}\0{facts.st_size}"
    return f"{hashlib.sha256(seen.encode(errors='surrogateescape')).hexdigest()[:32]}-{side}"
