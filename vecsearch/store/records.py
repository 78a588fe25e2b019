"""What is stored of an item beside its vector."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Self

from vecsearch.types import JSON

NOTHING: Mapping[str, JSON] = {}


class Record(NamedTuple):
    """What is stored of an item beside its vector. A tuple, since an answer makes ten of them.

    Attributes:
        id: Unique in its collection.
        path: Below the collection's root, in POSIX form, or None. Of a file that lies elsewhere,
            the absolute path.
        label: Its class, or None.
        metadata: Whatever else is known about it.
        file: What the image file was when it was encoded: sha256, size, mtime_ns, width, height.
    """

    id: str
    path: str | None = None
    label: str | None = None
    metadata: Mapping[str, JSON] = NOTHING
    file: Mapping[str, JSON] | None = None


@dataclass(frozen=True)
class Records:
    """Many records as columns; a column that is None is empty for all of them."""

    ids: Sequence[str]
    paths: Sequence[str | None] | None = None
    labels: Sequence[str | None] | None = None
    metadata: Sequence[Mapping[str, JSON]] | None = None
    files: Sequence[Mapping[str, JSON] | None] | None = None

    def __len__(self) -> int:
        return len(self.ids)

    def one(self, row: int) -> Record:
        """One of them."""
        return Record(
            self.ids[row],
            None if self.paths is None else self.paths[row],
            None if self.labels is None else self.labels[row],
            {} if self.metadata is None else self.metadata[row],
            None if self.files is None else self.files[row],
        )

    def at(self, rows: Sequence[int]) -> "Records":
        """Some of them, by their positions."""
        return Records(
            *(
                None if column is None else [column[row] for row in rows]
                for column in vars(self).values()
            )  # type: ignore[arg-type]
        )

    def part(self, rows: slice) -> "Records":
        """Some of them."""
        return Records(
            *(None if column is None else column[rows] for column in vars(self).values())  # type: ignore[arg-type]
        )

    @classmethod
    def of(cls, records: Sequence[Record]) -> Self:
        """Records as columns."""
        return cls(
            [one.id for one in records],
            [one.path for one in records],
            [one.label for one in records],
            [one.metadata for one in records],
            [one.file for one in records],
        )

    @classmethod
    def joined(cls, parts: Sequence["Records"]) -> Self:
        """All records of some others, one after the other."""
        if len(parts) == 1:
            return cls(**vars(parts[0]))

        def column(name: str, empty: Any) -> list[Any] | None:
            values = [getattr(part, name) for part in parts]
            if all(value is None for value in values):
                return None
            joined: list[Any] = []
            for part, value in zip(parts, values, strict=True):
                joined += [empty] * len(part) if value is None else value
            return joined

        return cls(
            column("ids", "") or [],
            column("paths", None),
            column("labels", None),
            column("metadata", {}),
            column("files", None),
        )


def same_values(one: Any, other: Any) -> bool:
    """Whether two values of JSON say the same. To Python true and 1 are equal, to conditions not.

    Example:
        >>> same_values({"a": [1, 2.0]}, {"a": [1.0, 2]}), same_values({"a": 1}, {"a": True})
        (True, False)
    """
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return one.keys() == other.keys() and all(same_values(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same_values, one, other))
    return bool(one == other) and isinstance(one, bool) == isinstance(other, bool)
