"""The items of a collection, and their pictures."""

import hashlib
from pathlib import Path
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Header, Query
from starlette.responses import Response

from vecsearch.errors import ImageError
from vecsearch.server.api.ids import ITEM, THUMBNAIL
from vecsearch.server.api.known import only_known
from vecsearch.server.api.responses import as_json
from vecsearch.server.generation import Generation, conditions_of, item_of
from vecsearch.server.models import Conditions, Item, Items, Limit, Place
from vecsearch.server.problems import Problem
from vecsearch.server.served import in_pool
from vecsearch.server.state import TheGeneration, TheState
from vecsearch.store import Record
from vecsearch.view import path_of

router = APIRouter(prefix="/collections/{name}", tags=["items"], dependencies=[Depends(only_known)])

Side = Literal["64", "128", "256"]


@router.get("/items", response_model=Items)
async def items(
    generation: TheGeneration,
    where: Annotated[Conditions, Query()] = [],  # noqa: B006 - FastAPI copies it
    limit: Annotated[Limit, Query()] = 60,
    offset: Annotated[Place, Query()] = 0,
) -> Response:
    """A page of items, in the order of the collection."""
    return as_json(await in_pool(generation.light, _page, generation, where, limit, offset))


def _page(generation: Generation, where: list[str], limit: int, offset: int) -> dict[str, Any]:
    shown, total = generation.page(conditions_of(where), limit, offset)
    after = offset + len(shown)
    more = after < min(total, generation.shown)
    return {"items": shown, "total": total, "next": after if more else None}


@router.get(ITEM, response_model=Item)
async def item(id: str, generation: TheGeneration) -> Response:  # noqa: A002
    """One item."""
    return as_json(item_of(await in_pool(generation.light, generation.record, id)))


@router.get(
    THUMBNAIL,
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
    record = await in_pool(generation.light, generation.record, id)
    root = generation.collection.root
    path = path_of(record, root)
    if path is None:
        raise Problem(404, f"The item {id!r} has no picture.")
    mark = await in_pool(state.light, _mark, path, record, size)
    headers = {"ETag": f'"{mark}"', "Cache-Control": "private, no-cache"}
    if if_none_match is not None and mark in if_none_match:
        return Response(status_code=304, headers=headers)
    facts = record.file or {}
    known = facts.get("sha256")
    try:
        made = await state.decoder.thumbnail(
            mark, path, root, None if known is None else str(known), int(size)
        )
    except ImageError as error:
        raise Problem(404, f"The picture of {id!r} cannot be shown: {error}") from error
    return Response(made, media_type="image/webp", headers=headers)


def _mark(path: Path, record: Record, side: str) -> str:
    """What changes when the picture does."""
    try:
        facts = path.stat()
    except (OSError, ValueError) as error:
        raise Problem(404, f"The picture of {record.id!r} is gone.") from error
    seen = f"{path}\0{(record.file or {}).get('sha256')}\0{facts.st_mtime_ns}\0{facts.st_size}"
    return f"{hashlib.sha256(seen.encode(errors='surrogateescape')).hexdigest()[:32]}-{side}"
