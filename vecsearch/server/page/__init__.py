"""The web page over the API."""

from fastapi import FastAPI
from starlette.responses import HTMLResponse


def add_page(app: FastAPI) -> None:
    """Serve the page at ``/`` and ``/c/{name}``."""

    @app.get("/", include_in_schema=False)
    async def page() -> HTMLResponse:
        return HTMLResponse(
            "<!doctype html><title>vecsearch</title><p>The API is at "
            '<a href="/api/v1/openapi.json">/api/v1</a>.'
        )
