"""Listen and answer, until somebody says stop."""

import gc
import logging
import secrets
import socket
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from urllib.parse import quote

from vecsearch.errors import MissingPackage, VecsearchError
from vecsearch.server.settings import Settings

PACKAGES = ("fastapi", "httptools", "prometheus_client", "uvicorn")
# Threads for questions of a few milliseconds.
LIGHT = 4
STOP_SECONDS = 10
SWITCH_SECONDS = 0.001
BACKLOG = 2048


def new_token() -> str:
    """A token that nobody can guess."""
    return secrets.token_urlsafe(24)


def serve(settings: Settings, tell: Callable[[str], None]) -> None:
    """Serve collections until the process is asked to stop.

    Args:
        settings: Which ones, where and for whom.
        tell: Called with the address once it can be asked.

    Raises:
        CollectionNotFound: There is none at one of the paths.
        DamagedCollection: One is not as it was written.
        MissingPackage: A package of the extra web is not installed.
        VecsearchError: It cannot listen there.
    """
    if missing := [name for name in PACKAGES if find_spec(name) is None]:
        raise MissingPackage(f"To serve, {missing[0]} is needed: pip install 'vecsearch[web]'.")
    listener = _listener(settings)
    try:
        _run(settings, listener, tell)
    finally:
        listener.close()


def _run(settings: Settings, listener: socket.socket, tell: Callable[[str], None]) -> None:
    from vecsearch.server.served import open_served

    # The files that answers come from are read and hashed while the packages are imported.
    light = ThreadPoolExecutor(LIGHT)
    opening = light.submit(open_served, settings.indexes, light)

    import uvicorn

    from vecsearch.server.app import make_app
    from vecsearch.server.protocol import Limited

    logging.getLogger("uvicorn.error").setLevel(logging.ERROR)
    # The event loop and the thread that searches take turns: with Python's 5 ms, each waits for
    # the other that long whenever both have something to do.
    sys.setswitchinterval(SWITCH_SECONDS)
    config = uvicorn.Config(
        make_app(settings, light, opening.result()),
        http=Limited,
        ws="none",
        loop="auto",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=STOP_SECONDS,
        timeout_keep_alive=75,
        backlog=BACKLOG,
    )

    class Server(uvicorn.Server):
        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            # What is there now stays: looking through it for garbage would hold up all requests
            # for some 70 ms, again and again.
            gc.freeze()
            tell(address_of(settings, listener))

    Server(config).run([listener])


def address_of(settings: Settings, listener: socket.socket) -> str:
    """Where the server can be asked by a browser on this machine, with its token."""
    port = listener.getsockname()[1]
    host = settings.host
    if host in ("0.0.0.0", "::"):  # noqa: S104 - it is compared, not listened on
        host = socket.gethostname()
    shown = f"[{host}]" if ":" in host else host
    token = f"?token={quote(settings.token, safe='')}" if settings.token is not None else ""
    return f"http://{shown}:{port}/{token}"


def _listener(settings: Settings) -> socket.socket:
    """A socket that listens where it was asked for."""
    try:
        family, kind, number, _, address = socket.getaddrinfo(
            settings.host, settings.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, kind, number)
    except OSError as error:
        raise VecsearchError(f"There is no address {settings.host!r}: {error.strerror}.") from error
    except (OverflowError, UnicodeError) as error:
        raise VecsearchError(f"There is no address {settings.host!r}: {error}.") from error
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        where = f"{settings.host}:{settings.port}"
        raise VecsearchError(
            f"It cannot listen on {where}: {error.strerror}. Another program may be there: try "
            "--port, or --port 0 for any that is free."
        ) from error
    return listener
