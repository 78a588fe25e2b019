"""Collections over HTTP: an API and a web page."""

from vecsearch.server.running import new_token, serve
from vecsearch.server.settings import Settings, is_loopback

__all__ = ["Settings", "is_loopback", "new_token", "serve"]
