"""The web page over the API: one for all collections, and one for each."""

from collections.abc import Sequence
from contextlib import suppress
from urllib.parse import quote

from fastapi import FastAPI
from starlette.responses import HTMLResponse, RedirectResponse, Response

from vecsearch.errors import VecsearchError
from vecsearch.server.generation import Generation
from vecsearch.server.page.drawing import VIEWS, render, static_files, static_version
from vecsearch.server.served import in_pool

# Pictures that stand for a collection.
FACES = 4
FOR_EVER = "public, max-age=31536000, immutable"


def add_page(app: FastAPI) -> None:
    """Serve the page at ``/`` and ``/c/{name}``, and what it is drawn with below ``/static/``."""

    @app.get("/", include_in_schema=False)
    async def index() -> Response:
        served = app.state.vecsearch.served
        if len(served) == 1:
            return RedirectResponse(f"/c/{quote(next(iter(served)), safe='')}", 303)
        shown = []
        for name, one in served.items():
            with suppress(VecsearchError, OSError):  # until it is back, or mended
                generation = await one.now()
                encoder = generation.collection.encoder_name
                faces = await in_pool(generation.light, _faces, generation)
                shown.append((name, len(generation), encoder, faces))
        return _page(render("index.html.j2", collections=shown))

    @app.get("/c/{name}", include_in_schema=False)
    @app.get("/c/{name}/", include_in_schema=False)
    @app.get("/c/{name}/{view}", include_in_schema=False)
    async def collection(name: str, view: str = "search") -> Response:
        if name not in app.state.vecsearch.served:
            return _missing(f"There is no collection called {name}.")
        if view not in dict(VIEWS):
            return _missing(f"There is no view of a collection called {view}.")
        return _page(render("collection.html.j2", name=name))

    @app.get("/static/{version}/{name}", include_in_schema=False)
    async def static(version: str, name: str) -> Response:
        if name not in static_files():
            return _missing(f"There is no file called {name}.")
        body, kind = static_files()[name]
        # Scripts of another version would not fit together, and must not be kept as this one.
        kept = FOR_EVER if version == static_version() else "no-store"
        return Response(body, media_type=kind, headers={"Cache-Control": kept})


def ask_for_token(kept: Sequence[tuple[str, str]]) -> Response:
    """A page that asks for the token, and then leads to where somebody wanted to go.

    Args:
        kept: What else the address asks for.
    """
    text = "This server wants its token, which vecsearch serve has told when it was started."
    page = render("message.html.j2", title="Who is there?", text=text, token=True, kept=kept)
    return HTMLResponse(page, 401, {"Cache-Control": "no-store", "WWW-Authenticate": "Bearer"})


def _faces(generation: Generation) -> list[str]:
    """The ids of some items with pictures, from all over a collection."""
    return [str(one["id"]) for one in generation.faces(FACES) if one["path"] is not None]


def _page(text: str, status: int = 200) -> Response:
    return HTMLResponse(text, status, {"Cache-Control": "no-cache"})


def _missing(text: str) -> Response:
    return _page(render("message.html.j2", title="Not found", text=text, token=False, kept=()), 404)
