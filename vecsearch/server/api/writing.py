"""Changes of a collection, where they are allowed. Each is on the disk when it is answered."""

import hashlib
from collections.abc import Callable
from typing import Annotated, Any, TypeVar

from fastapi import APIRouter, Depends, Query, Request
from starlette.responses import Response

from vecsearch.encoding import facts_of
from vecsearch.labelling import SAME, add_encoded, relabel
from vecsearch.server.api.bodies import IMAGES, image_of
from vecsearch.server.api.ids import ITEM
from vecsearch.server.api.known import only_known
from vecsearch.server.api.responses import as_json
from vecsearch.server.models import Change, Changed, Id
from vecsearch.server.problems import Problem
from vecsearch.server.served import Served, in_pool
from vecsearch.server.state import State, TheServed, TheState
from vecsearch.server.uploads import forget, is_upload, keep
from vecsearch.store import Record

T = TypeVar("T")


async def _writable(state: TheState) -> None:
    if not state.settings.writable:
        raise Problem(
            403, "Nothing can be changed here: the server was started without --writable."
        )


router = APIRouter(
    prefix="/collections/{name}",
    tags=["changes"],
    dependencies=[Depends(_writable), Depends(only_known)],
)


@router.post("/items", response_model=Changed, status_code=201, openapi_extra=IMAGES)
async def add(
    request: Request,
    served: TheServed,
    state: TheState,
    id: Annotated[Id | None, Query(min_length=1)] = None,  # noqa: A002
    label: Annotated[str | None, Query(max_length=1000)] = None,
) -> Response:
    """Add a picture. It is called by the hash of its bytes unless an id is given."""
    generation = await served.now()
    image = await image_of(request, generation, state)

    def work() -> dict[str, Any]:
        name = f"uploads/{hashlib.sha256(image.data).hexdigest()[:16]}" if id is None else id
        if name in served.collection:
            raise Problem(409, f"There is an item {name!r} already: remove it first.")
        file = keep(served.collection.path, image.data, image.size)
        try:
            record = Record(name, file.path, label, {}, facts_of(file))
            add_encoded(served.collection, image.vector, record, image.encoder)
        except BaseException:
            _forget(served, file.path)
            raise
        return _changed(served, name)

    return as_json(await _written(state, served, work), 201)


@router.patch(ITEM, response_model=Changed)
async def change(
    id: str,  # noqa: A002
    asked: Change,
    served: TheServed,
    state: TheState,
) -> Response:
    """Give an item another label (null for none) or other metadata; what is left out stays."""

    def work() -> dict[str, Any]:
        served.generation.record(id)
        label = asked.label if "label" in asked.model_fields_set else SAME
        relabel(served.collection, id, label, asked.metadata)
        return _changed(served, id)

    return as_json(await _written(state, served, work))


@router.delete(ITEM, response_model=Changed)
async def remove(id: str, served: TheServed, state: TheState) -> Response:  # noqa: A002
    """Remove an item; its file too, if it was uploaded here."""

    def work() -> dict[str, Any]:
        path = served.generation.record(id).path
        served.collection.remove([id])
        _forget(served, path)
        return _changed(served, id)

    return as_json(await _written(state, served, work))


async def _written(state: State, served: Served, work: Callable[[], T]) -> T:
    """Change a collection, one change after the other, beginning with its newest generation."""

    def whole() -> T:
        served.look()
        return work()

    return await in_pool(state.writer, whole)


def _forget(served: Served, path: str | None) -> None:
    """Delete an upload that no item has."""
    if path is None or not is_upload(served.collection.path, path):
        return
    served.collection.refresh()  # or the item that has it may not be seen yet
    if all(one.path != path for one in served.collection.view.store.records()):
        forget(path)


def _changed(served: Served, name: str) -> dict[str, Any]:
    served.look()
    return {
        "id": name,
        "indexed": len(served.generation),
        "generation": served.generation.number,
    }
