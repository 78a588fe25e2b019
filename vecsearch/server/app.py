"""The application: the API, the reports and the page, behind the shield."""

from collections.abc import AsyncIterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from importlib.metadata import version

from fastapi import FastAPI
from starlette.types import ASGIApp

from vecsearch.server.api import PREFIX, router
from vecsearch.server.bodies import Bounded
from vecsearch.server.metrics import Metrics
from vecsearch.server.page import add_page
from vecsearch.server.problems import handle_problems
from vecsearch.server.reports import add_reports
from vecsearch.server.served import Served
from vecsearch.server.settings import Settings
from vecsearch.server.shield import Shield
from vecsearch.server.state import State

ABOUT = "Collections of images, searched by what they look like."


def make_app(
    settings: Settings, light: ThreadPoolExecutor, served: Mapping[str, Served]
) -> ASGIApp:
    """An ASGI application over some collections.

    Args:
        settings: Who may ask for what.
        light: Threads for what takes milliseconds.
        served: The collections by name.
    """
    state = State(settings, light, served)

    @asynccontextmanager
    async def life(_: FastAPI) -> AsyncIterator[None]:
        state.decoder.start()
        yield
        state.close()

    # Its own pages of documentation come from a content network: the page may load nothing from
    # elsewhere, and neither should anybody's browser.
    app = FastAPI(
        title="vecsearch",
        description=ABOUT,
        version=version("vecsearch"),
        openapi_url=f"{PREFIX}/openapi.json",
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,  # to an address that may not be the one behind a proxy
        lifespan=life,
    )
    app.state.vecsearch = state
    app.add_middleware(Bounded, most=settings.upload_bytes)
    handle_problems(app)
    app.include_router(router)
    add_reports(app, settings.reports)
    add_page(app)
    metrics = Metrics(app, state)
    metrics.add_route(app)
    return Shield(metrics, settings)
