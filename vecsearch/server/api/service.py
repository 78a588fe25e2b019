"""How the service is, and which collections it has."""

from contextlib import suppress
from importlib.metadata import version

from fastapi import APIRouter
from starlette.responses import Response

from vecsearch.errors import VecsearchError
from vecsearch.server.api.responses import as_json
from vecsearch.server.api.summaries import summary_of
from vecsearch.server.models import Health, Summaries, Summary
from vecsearch.server.served import in_pool
from vecsearch.server.state import TheServed, TheState

router = APIRouter(tags=["service"])


@router.get("/health", response_model=Health)
async def health(state: TheState) -> Response:
    """Whether it works."""
    return as_json(
        {
            "status": "ok",
            "version": version("vecsearch"),
            "collections": list(state.served),
            "writable": state.settings.writable,
        }
    )


@router.get("/collections", response_model=Summaries)
async def collections(state: TheState) -> Response:
    """All collections that can be asked now."""
    found = []
    for served in state.served.values():
        with suppress(VecsearchError, OSError):  # until it is back, or mended
            generation = await served.now()
            found.append(
                await in_pool(generation.light, summary_of, served.name, generation, state)
            )
    return as_json({"collections": found})


@router.get("/collections/{name}", response_model=Summary)
async def collection(served: TheServed, state: TheState) -> Response:
    """One collection: what it is, and what it can be asked."""
    generation = await served.now()
    return as_json(await in_pool(generation.light, summary_of, served.name, generation, state))
