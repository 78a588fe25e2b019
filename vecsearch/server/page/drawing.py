"""What pages are made of: templates, styles and scripts."""

import hashlib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any

from vecsearch.projection.page import MODULES
from vecsearch.projection.palette import COLOURS, NONE

VIEWS = (
    ("search", "Search"),
    ("map", "Map"),
    ("clusters", "Clusters"),
    ("duplicates", "Duplicates"),
    ("report", "Report"),
)
KEYS = (
    (("/",), "search: by words, or by a picture"),
    (("f",), "filter"),
    (("←", "→", "↑", "↓"), "move among the items"),
    (("Enter",), "what is similar to the item"),
    (("l",), "more like the item"),
    (("x",), "less like the item"),
    (("Esc",), "a new search"),
    (("1", "…", "5"), "search, map, clusters, duplicates, report"),
    (("t",), "dark or light"),
    (("?",), "these keys"),
)
KINDS = {"css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}


@cache
def static_files() -> Mapping[str, tuple[bytes, str]]:
    """The style, the scripts and the icon by name, each with its media type.

    The map is painted by the modules of the map that is a page of its own.
    """
    own, shared = files(__package__) / "static", files("vecsearch.projection.page")
    found = [one for one in own.iterdir() if one.name.rpartition(".")[2] in KINDS]
    found += [shared / name for name in MODULES]
    return {
        one.name: (one.read_bytes(), f"{KINDS[one.name.rpartition('.')[2]]}; charset=utf-8")
        for one in sorted(found, key=lambda one: one.name)
    }


@cache
def static_version() -> str:
    """Changes when any of them does, so that browsers may keep them for ever."""
    digest = hashlib.sha256()
    for name, (body, _) in static_files().items():
        digest.update(name.encode() + b"\0" + body + b"\0")
    return digest.hexdigest()[:12]


def render(template: str, **context: Any) -> str:
    """A page, as text."""
    return str(_environment().get_template(template).render(context))


@cache
def _environment() -> Any:
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("vecsearch.server.page", "."),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
    )
    environment.globals |= {
        "static": f"/static/{static_version()}",
        "views": VIEWS,
        "help": KEYS,
        "colours": " ".join((*COLOURS, NONE)),
    }
    return environment
