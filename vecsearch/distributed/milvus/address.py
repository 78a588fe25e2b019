"""What an address like ``milvus://host:19530/NAME`` means."""

import os
import re
from dataclasses import dataclass, field
from typing import Literal, Self, TypeAlias, get_args
from urllib.parse import parse_qsl, unquote, urlsplit

from vecsearch.errors import InvalidArgument

Consistency: TypeAlias = Literal["session", "strong", "bounded", "eventually"]

SCHEMES = ("milvus", "milvus+tls")
PORT = 19530
TOKEN = "VECSEARCH_MILVUS_TOKEN"  # noqa: S105 - the name of a variable
# Milvus takes no other characters in the name of a collection.
NAME = re.compile(r"[A-Za-z_]\w{0,200}", re.ASCII)
# Whom an address names, with a password, which no message repeats.
SECRET = re.compile(r"//(?:[^/]*|[^/]*:.*)@")
FORM = "milvus://HOST:19530/NAME"


@dataclass(frozen=True)
class Address:
    """A collection on a Milvus server, or in a file of Milvus Lite.

    Attributes:
        uri: Where the server is, as its client wants it; of Milvus Lite, a file.
        name: What the collection is called.
        database: Which of the server's databases it is in; empty for the default.
        token: Who asks, as ``USER:PASSWORD`` or a key; empty for anybody.
        consistency: Which writes a search sees; see ``docs/how-to/scale-out.md``.
    """

    uri: str
    name: str
    database: str = ""
    token: str = field(default="", repr=False)
    consistency: Consistency = "session"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read an address.

        Args:
            text: ``milvus://[USER:PASSWORD@]HOST[:PORT]/[DATABASE/]NAME[?consistency=strong]``;
                ``milvus+tls://…`` for an encrypted connection; ``milvus:///FILE.db/NAME`` for a
                file of Milvus Lite. Without a user, the variable VECSEARCH_MILVUS_TOKEN tells who
                asks.

        Raises:
            InvalidArgument: It is none.

        Example:
            >>> Address.parse("milvus://10.0.0.7/shop?consistency=strong")
            Address(uri='http://10.0.0.7:19530', name='shop', database='', consistency='strong')
        """
        shown = SECRET.sub("//…@", text)
        try:
            parts = urlsplit(text)
            port = parts.port or PORT
        except ValueError as error:
            raise InvalidArgument(f"{shown!r} is no address: write {FORM}.") from error
        options = dict(parse_qsl(parts.query, keep_blank_values=True))
        consistency = options.pop("consistency", "session")
        if options or parts.fragment:
            extra = ", ".join(options) or parts.fragment
            raise InvalidArgument(f"An address takes no {extra!r}: {FORM}?consistency=strong.")
        if consistency not in get_args(Consistency):
            known = ", ".join(get_args(Consistency))
            raise InvalidArgument(f"{consistency!r} is no consistency; there are: {known}.")
        *above, name = parts.path.strip("/").split("/")
        if parts.scheme not in SCHEMES or not NAME.fullmatch(name):
            raise InvalidArgument(
                f"{shown!r} is no address: write {FORM}, with a NAME of letters, digits and _."
            )
        if not parts.hostname:
            file = "/" + "/".join(above)
            if not file.endswith(".db"):
                raise InvalidArgument(
                    f"{shown!r} has no host: write {FORM}, or milvus:///FILE.db/NAME."
                )
            return cls(file, name, consistency=consistency)  # type: ignore[arg-type]
        if len(above) > 1:
            raise InvalidArgument(f"{shown!r} is no address: write milvus://HOST/DATABASE/NAME.")
        token = os.environ.get(TOKEN, "")
        if parts.username is not None:
            token = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
        scheme = "https" if parts.scheme == "milvus+tls" else "http"
        return cls(f"{scheme}://{host}:{port}", name, "".join(above), token, consistency)  # type: ignore[arg-type]

    @property
    def is_file(self) -> bool:
        """Whether it is a file of Milvus Lite."""
        return self.uri.startswith("/")

    def __str__(self) -> str:
        """The address without secrets and without what is as it is by default."""
        where = self.uri.partition("://")[2] or self.uri
        scheme = "milvus+tls" if self.uri.startswith("https") else "milvus"
        inside = f"{self.database}/" if self.database else ""
        return f"{scheme}://{where}/{inside}{self.name}"
