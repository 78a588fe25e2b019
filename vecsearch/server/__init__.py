"""Collections over HTTP: an API and a web page."""

from vecsearch.server.running import new_token, serve
from vecsearch.server.settings import Settings, is_loopback, name_of

__all__ = ["Settings", "is_loopback", "name_of", "new_token", "serve"]
