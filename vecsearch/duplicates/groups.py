"""What a group of duplicates is."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

from vecsearch.types import JSON

State: TypeAlias = Literal["intact", "link", "changed", "gone", "none"]


@dataclass(frozen=True)
class Member:
    """An item of a group, and what its file is now.

    Attributes:
        id: Which item.
        label: What it is said to be, or None.
        path: Its file; None for vectors of one's own.
        sha256: The hash of the file when it was encoded, in hex.
        distance: How far it is from the one to keep.
        state: ``intact``: the file is as it was when it was encoded; ``link``: so is what a link
            in its place leads to; ``changed``: it is another one now; ``gone``: there is no
            file any more; ``none``: there never was one.
        width: Of the picture, in pixels; None where that is not known.
        height: Of the picture, in pixels.
        size: Of the file, in bytes.
        mtime_ns: When the file was last changed, in nanoseconds since 1970.
        sharpness: The variance of its Laplacian, if it was asked for; see ``sharpness``.
    """

    id: str
    label: str | None
    path: Path | None
    sha256: str | None
    distance: float
    state: State
    width: int | None = None
    height: int | None = None
    size: int | None = None
    mtime_ns: int | None = None
    sharpness: float | None = None

    def to_json(self) -> dict[str, JSON]:
        """As plain values."""
        return {
            "id": self.id,
            "label": self.label,
            "distance": self.distance,
            "path": None if self.path is None else str(self.path),
            "state": self.state,
            "width": self.width,
            "height": self.height,
            "bytes": self.size,
            "sharpness": self.sharpness,
        }


@dataclass(frozen=True)
class Group:
    """Items that are the same picture, or nearly.

    Attributes:
        members: Two or more, in the order of the collection.
        max_distance: The largest distance between any two of them.
        exact: Whether all files held the same bytes when they were encoded.
        keep: The id of the one to keep.
    """

    members: Sequence[Member]
    max_distance: float
    exact: bool
    keep: str

    @property
    def ids(self) -> list[str]:
        """The ids of its members."""
        return [one.id for one in self.members]

    @property
    def kept(self) -> Member:
        """The one to keep."""
        return next(one for one in self.members if one.id == self.keep)

    @property
    def dropped(self) -> list[Member]:
        """The others."""
        return [one for one in self.members if one.id != self.keep]

    @property
    def labels(self) -> list[str]:
        """What its members are said to be: each label once, sorted."""
        return sorted({one.label for one in self.members if one.label is not None})

    @property
    def copies(self) -> int:
        """How many of its files hold the same bytes as one before them."""
        hashes = [one.sha256 for one in self.members if one.sha256 is not None]
        return len(hashes) - len(set(hashes))

    @property
    def contradict(self) -> bool:
        """Whether they are said to be different things."""
        return len(self.labels) > 1

    def to_json(self) -> dict[str, JSON]:
        """As plain values."""
        return {
            "ids": list(self.ids),
            "max_distance": self.max_distance,
            "exact": self.exact,
            "keep": self.keep,
            "labels": list(self.labels),
            "contradict": self.contradict,
            "members": [one.to_json() for one in self.members],
        }
