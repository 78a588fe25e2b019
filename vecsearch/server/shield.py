"""Who may ask, and what every answer carries: hosts, origins, tokens, security headers."""

import hashlib
import hmac
import ipaddress
import socket
from collections.abc import Iterable
from urllib.parse import parse_qsl, urlencode, urlsplit

from starlette.datastructures import Headers
from starlette.requests import cookie_parser
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from vecsearch.server.page import ask_for_token
from vecsearch.server.problems import problem
from vecsearch.server.settings import LOOPBACK, Settings, is_loopback

SAFE = ("GET", "HEAD", "OPTIONS")
POLICY = (
    "default-src 'self'; img-src 'self' blob: data:; object-src 'none'; base-uri 'none'; "
    "form-action 'self'; frame-ancestors 'none'"
)
HEADERS = tuple(
    (name.encode(), value.encode())
    for name, value in {
        "content-security-policy": POLICY,
        "x-content-type-options": "nosniff",
        "referrer-policy": "no-referrer",
        "cross-origin-resource-policy": "same-origin",
        "cross-origin-opener-policy": "same-origin",
    }.items()
)


class Shield:
    """Lets through who may ask.

    A page of another site can neither read answers, since there are no CORS headers, nor post,
    since browsers say where a request comes from; nor can it give its own name our address (DNS
    rebinding), since then the Host is not ours.

    Args:
        app: What answers those who may ask.
        settings: The hosts and the token.
    """

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self._app = app
        self._hosts = {*LOOPBACK, settings.host.lower(), *(one.lower() for one in settings.hosts)}
        # Beyond loopback, any address may be ours, and none can be rebound: only names can. Of
        # these, the machine's own is told when the server starts.
        self._addresses = not is_loopback(settings.host)
        if self._addresses:
            self._hosts.add(socket.gethostname().lower())
        self._token = settings.token
        # Browsers tell hosts apart by their names alone, not by their ports.
        self._cookie = cookie_of(settings.token or "")
        self._cookie_name = f"vecsearch-{self._cookie[:8]}"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer or refuse a request."""
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self._app(scope, receive, send)
            return

        async def sealed(message: Message) -> None:
            if message["type"] == "http.response.start":
                given = {name for name, _ in message["headers"]}
                message["headers"].extend(pair for pair in HEADERS if pair[0] not in given)
            await send(message)

        refused = self._refused(scope)
        await (self._app if refused is None else refused)(scope, receive, sealed)

    def _refused(self, scope: Scope) -> Response | None:
        headers = Headers(scope=scope)
        host = headers.get("host", "")
        if not self._is_ours(host):
            return problem(
                400,
                f"This server is not called {host!r}: use its own address, or start it with "
                "--allow-host.",
            )
        if not _from_here(headers, host, scope["method"] in SAFE):
            return problem(403, "Pages of other sites cannot use this server.")
        # The page's own style and scripts are no secret: the page that asks for the token has them.
        if self._token is None or scope["path"].startswith("/static/") or self._is_told(headers):
            return None
        # Who followed the link with the token before still is to have an address without it.
        if self._remembers(headers) and b"token=" not in scope["query_string"]:
            return None
        query = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
        given = [value for name, value in query if name == "token"]
        if not given or not _same(given[0], self._token):
            if self._remembers(headers):
                return None
            if scope["method"] == "GET" and "text/html" in headers.get("accept", ""):
                return ask_for_token([pair for pair in query if pair[0] != "token"])
            return problem(
                401,
                "This server wants its token: as Authorization: Bearer TOKEN, or once as ?token=.",
                {"WWW-Authenticate": "Bearer"},
            )
        if scope["method"] not in ("GET", "HEAD"):
            if self._remembers(headers):
                return None
            return problem(401, "A token in the address is for pages: send it as a header.")
        rest = urlencode([pair for pair in query if pair[0] != "token"])
        path = scope["raw_path"].decode("latin-1")
        # Two slashes at the start would lead to another host.
        answer = RedirectResponse(f"/{path.lstrip('/')}{'?' + rest if rest else ''}", 303)
        # Lax, so that the address of a search opens from a letter or a chat too; what changes
        # something is held by its origin, whatever cookie comes with it.
        name, value = self._cookie_name, self._cookie
        answer.set_cookie(name, value, httponly=True, samesite="lax", path="/")
        answer.headers["Cache-Control"] = "no-store"
        return answer

    def _is_ours(self, host: str) -> bool:
        try:
            name = (urlsplit(f"//{host}").hostname or "").lower()
            urlsplit(f"//{host}").port  # noqa: B018 - which raises if it is no number
        except ValueError:
            return False
        if name in self._hosts:
            return True
        return self._addresses and _is_address(name)

    def _is_told(self, headers: Headers) -> bool:
        kind, _, given = headers.get("authorization", "").partition(" ")
        return kind.lower() == "bearer" and _same(given.strip(), self._token or "")

    def _remembers(self, headers: Headers) -> bool:
        given = _cookies(headers.getlist("cookie"), self._cookie_name)
        return any(_same(one, self._cookie) for one in given)


def cookie_of(token: str) -> str:
    """What stands for a token in a cookie, which does not tell it."""
    return hashlib.sha256(f"cookie of {token}".encode()).hexdigest()


def _same(given: str, known: str) -> bool:
    return hmac.compare_digest(given.encode("utf-8", "surrogateescape"), known.encode())


def _cookies(lines: Iterable[str], name: str) -> Iterable[str]:
    for line in lines:
        # SimpleCookie knows none of a line in which it cannot read one, as of another program.
        if (found := cookie_parser(line).get(name)) is not None:
            yield found


def _from_here(headers: Headers, host: str, safe: bool) -> bool:
    """Whether a request comes from one of our own pages, or from no page at all.

    Links of others may be followed, too, but nothing else: a picture on a page of theirs whose
    address is that of our clusters would give this machine much to do.
    """
    if headers.get("sec-fetch-site", "none") not in ("same-origin", "none"):
        followed = headers.get("sec-fetch-mode"), headers.get("sec-fetch-dest")
        return safe and followed == ("navigate", "document")
    origin = headers.get("origin")
    if origin is None or safe:
        return True
    _, separator, name = origin.partition("://")
    return bool(separator) and name.lower() == host.lower()


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
