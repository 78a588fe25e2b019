"""Which of a group to keep: the largest, the sharpest or the oldest file."""

import os
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Literal, TypeAlias, get_args

import numpy as np

from vecsearch.duplicates.groups import Member, State
from vecsearch.errors import ImageError, InvalidArgument
from vecsearch.images import ImageLike, Preprocess, hash_file, read_one, to_pixels
from vecsearch.store import Record
from vecsearch.types import Item

Keep: TypeAlias = Literal["largest", "sharpest", "oldest"]

# What all pictures are brought to before their sharpness is compared.
SHARP = Preprocess((512, 512), color="grey")
# Rather a file of its own than a link to one, and rather a link than one that was never compared.
STATES: Sequence[State] = ("none", "gone", "changed", "link", "intact")
ORDERS = {
    "largest": ("pixels", "bytes", "age"),
    "sharpest": ("sharpness", "pixels", "bytes", "age"),
    "oldest": ("age", "pixels", "bytes"),
}


def as_keep(keep: str) -> Keep:
    """A way to choose.

    Raises:
        InvalidArgument: There is none of that name.
    """
    if keep not in get_args(Keep):
        raise InvalidArgument(f"{keep!r} is none of {', '.join(get_args(Keep))}: what to keep?")
    return keep  # type: ignore[return-value]


def sharpness(image: ImageLike) -> float:
    """How sharp a picture is: the variance of its Laplacian.

    The picture is brought to 512 × 512 pixels of grey, so that pictures of all sizes compare: what
    was smaller has no detail at this size, and is blurred. Noise and contrast count as detail. The
    Laplacian is that of four neighbours, with values from 0 to 255 (LAP4 of Pertuz, Puig and
    Garcia: Analysis of focus measure operators for shape-from-focus, Pattern Recognition 46, 2013).

    Args:
        image: A path, a Pillow image or a uint8 array.

    Raises:
        ImageError: It cannot be read.

    Example:
        >>> checks = np.kron(np.indices((8, 8)).sum(axis=0) % 2, np.ones((64, 64)))
        >>> flat = np.full((512, 512), 90, np.uint8)
        >>> sharpness((checks * 255).astype(np.uint8)) > sharpness(flat) == 0
        True
    """
    grey = to_pixels(image, SHARP)[..., 0].astype(np.float64)
    middle = grey[1:-1, 1:-1]
    laplacian = grey[:-2, 1:-1] + grey[2:, 1:-1] + grey[1:-1, :-2] + grey[1:-1, 2:] - 4 * middle
    return float(laplacian.var())


def member(item: Item, record: Record) -> Member:
    """An item with what its file is now; nothing is decoded unless the file has changed.

    Args:
        item: The item.
        record: What is stored of it.
    """
    facts: dict[str, Any] = dict(record.file or {})
    sha256 = facts.get("sha256")
    found = Member(item.id, item.label, item.path, sha256, 0.0, "none")
    if item.path is None or sha256 is None:
        return found
    sides = facts.get("width"), facts.get("height")
    try:
        status = os.stat(item.path)
        whole = (status.st_size, status.st_mtime_ns) == (facts.get("size"), facts.get("mtime_ns"))
        if not whole:
            whole = hash_file(item.path).sha256 == sha256
        if not whole:
            now, _ = read_one(item.path, SHARP)
            sides = now.width, now.height
    except FileNotFoundError:
        return replace(found, state="gone")
    except (OSError, ImageError):
        return replace(found, state="gone" if not os.path.exists(item.path) else "changed")
    state: State = "changed" if not whole else "link" if item.path.is_symlink() else "intact"
    return replace(
        found,
        state=state,
        width=sides[0],
        height=sides[1],
        size=status.st_size,
        mtime_ns=status.st_mtime_ns,
    )


def choose(members: Sequence[Member], keep: Keep) -> tuple[Sequence[Member], int]:
    """Which of some members to keep.

    Files that are as they were go before others. Then, by ``largest``, most pixels, most bytes,
    the earliest date; by ``sharpest``, the sharpest, and further as by largest; by ``oldest``, the
    earliest date, most pixels, most bytes. Of equals, the first.

    Returns:
        The members, with their sharpness if that was asked for, and the place of the chosen one.
    """
    if keep == "sharpest":
        members = _measured(members)
    order = ORDERS[keep]

    def rank(place: int) -> tuple[Any, ...]:
        one = members[place]
        values = {
            "pixels": one.width * one.height if one.width and one.height else -1,
            "bytes": one.size if one.size is not None else -1,
            "age": -one.mtime_ns if one.mtime_ns is not None else -np.inf,
            "sharpness": one.sharpness if one.sharpness is not None else -1.0,
        }
        return STATES.index(one.state), *(values[name] for name in order), -place

    return members, max(range(len(members)), key=rank)


def _measured(members: Sequence[Member]) -> Sequence[Member]:
    known: dict[str | None, float | None] = {}
    found = []
    for one in members:
        value = None
        if one.state in ("intact", "link") and one.sha256 in known:
            value = known[one.sha256]
        elif one.path is not None and one.state not in ("gone", "none"):
            try:
                value = sharpness(one.path)
            except ImageError:
                value = None
            if one.state != "changed":
                known[one.sha256] = value
        found.append(replace(one, sharpness=value))
    return found
