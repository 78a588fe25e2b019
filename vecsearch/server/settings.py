"""How the server is to run."""

import ipaddress
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from vecsearch.errors import InvalidArgument

if TYPE_CHECKING:
    from vecsearch.distributed.milvus import Address

Place: TypeAlias = Path | str
"""The folder of a collection, or its address on a server."""

LOOPBACK = ("localhost", "127.0.0.1", "::1")
UPLOAD_BYTES = 10 << 20
PORTED = re.compile(r"[^:]+:\d+")


@dataclass(frozen=True)
class Settings:
    """How the server is to run.

    Attributes:
        indexes: The collections it serves.
        host: The address that it listens on.
        port: The port; 0 for any that is free.
        token: What clients must know; None if nobody needs to know anything.
        writable: Whether items can be added, changed and removed.
        reports: The folders that ``evaluate --report`` wrote, by the collection they are of.
        hosts: Names beside its own that it may be called by, as behind a proxy.
        upload_bytes: How large a body may be.

    Raises:
        InvalidArgument: Two collections have one name, or others could use it who should not.
    """

    indexes: Sequence[Place]
    host: str = "127.0.0.1"
    port: int = 8000
    token: str | None = None
    writable: bool = False
    reports: Mapping[str, Path] = field(default_factory=dict)
    hosts: Sequence[str] = ()
    upload_bytes: int = UPLOAD_BYTES

    def __post_init__(self) -> None:
        if self.token is not None and not self.token.strip():
            raise InvalidArgument("An empty token keeps nobody out: give another, or leave it out.")
        if self.token is not None and not (self.token.isascii() and self.token.isprintable()):
            raise InvalidArgument("A token is made of printable ASCII characters.")
        if self.token is not None and self.token != self.token.strip():
            raise InvalidArgument("A token neither begins nor ends with a space.")
        if self.token is None and not is_loopback(self.host):
            raise InvalidArgument(
                f"Whoever reaches {self.host} could use this server: give it a token."
            )
        if self.token is None and self.writable:
            raise InvalidArgument("Who may write must know a token: give one.")
        if self.writable and (elsewhere := [one for one in self.indexes if is_address(one)]):
            raise InvalidArgument(
                f"{_shown(elsewhere[0])} can be looked at here, and not be changed: serve it "
                "without --writable, and change it with vecsearch add and remove."
            )
        if ported := [one for one in self.hosts if PORTED.fullmatch(one)]:
            raise InvalidArgument(f"{ported[0]!r} is a name with a port: any port is, without it.")
        if self.upload_bytes < 1:
            raise InvalidArgument(f"A body has room for 1 byte or more, not {self.upload_bytes}.")
        seen: dict[str, Place] = {}
        for path in self.indexes:
            if (name := name_of(path)) in seen:
                raise InvalidArgument(
                    f"{_shown(seen[name])} and {_shown(path)} would both be called {name!r}: a "
                    "collection is called what its folder is, or as at its address. Rename one, or "
                    "serve them apart."
                )
            seen[name] = path
        if strange := [name for name in self.reports if name not in seen]:
            raise InvalidArgument(
                f"A report is of a collection, and {strange[0]!r} is none of those served: "
                f"{', '.join(seen)}."
            )


def name_of(path: Place) -> str:
    """What a collection is called: as its folder, or at its address."""
    return _address(path).name if is_address(path) else Path(path).resolve().name


def is_address(place: Place) -> bool:
    """Whether a collection lies on a server, and not in a folder."""
    return isinstance(place, str) and "://" in place


def _shown(place: Place) -> str:
    """A place as messages call it: an address may hold a password."""
    return str(_address(place)) if is_address(place) else str(place)


def _address(place: Place) -> "Address":
    from vecsearch.distributed.milvus import Address

    return Address.parse(str(place))


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches an address."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
