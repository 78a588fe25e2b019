"""The pages that ``evaluate --report`` wrote, each shut in."""

import os
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote

from fastapi import FastAPI
from starlette.responses import FileResponse, RedirectResponse, Response

from vecsearch.server.problems import Problem

KINDS = {
    ".html": "text/html; charset=utf-8",
    ".json": "application/json",
    ".csv": "text/csv; charset=utf-8",
    ".png": "image/png",
    ".svg": "image/svg+xml",
}
# A report brings its own style, script and pictures, and can reach nothing else: to a sandbox
# without allow-same-origin we are another site.
POLICY = (
    "sandbox allow-scripts allow-downloads; default-src 'none'; img-src data:; "
    "style-src 'unsafe-inline'; script-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
)


def add_reports(app: FastAPI, reports: Mapping[str, Path]) -> None:
    """Serve the report of each collection that has one.

    Args:
        app: Where.
        reports: The folders by collection.
    """

    @app.get("/reports/{name}", include_in_schema=False)
    async def without_slash(name: str) -> Response:
        _folder(reports, name)
        return RedirectResponse(f"./{quote(name, safe='')}/", 307)

    @app.get("/reports/{name}/{path:path}", include_in_schema=False)
    async def report(name: str, path: str) -> Response:
        folder = _folder(reports, name)
        return _file(folder, path or _first(folder))


def _folder(reports: Mapping[str, Path], name: str) -> Path:
    if name not in reports:
        raise Problem(404, f"There is no report of {name!r}.")
    return reports[name]


def _first(folder: Path) -> str:
    """The page that is shown when none is named."""
    pages = sorted(one.name for one in folder.glob("*.html"))
    return "report.html" if "report.html" in pages or not pages else pages[0]


def _file(folder: Path, path: str) -> Response:
    kind = KINDS.get(Path(path).suffix.lower())
    try:
        real = Path(os.path.realpath(folder / path, strict=True))
        inside = real.is_relative_to(os.path.realpath(folder)) and real.is_file()
    except (OSError, ValueError):
        inside = False
    if kind is None or not inside:
        raise Problem(404, f"There is no page {path!r} in this report.")
    headers = {"Content-Security-Policy": POLICY, "Cache-Control": "private, no-cache"}
    return FileResponse(real, media_type=kind, headers=headers)
