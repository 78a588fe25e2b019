"""Ask a ``vecsearch serve`` from Python."""

from vecsearch.client.connection import ServerError
from vecsearch.client.remote import Client

__all__ = ["Client", "ServerError"]
