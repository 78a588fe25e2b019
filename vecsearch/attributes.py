"""What is known of the items of a generation, by key, and which of them conditions let through."""

import threading
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from vecsearch.errors import InvalidArgument
from vecsearch.spelling import did_you_mean
from vecsearch.store import Record, Store
from vecsearch.types import JSON
from vecsearch.where import Condition

FILTERS_KEPT = 64
OWN = ("id", "label", "path")


@dataclass
class _Kept:
    """Which rows some conditions let through, once that was worked out."""

    allowed: NDArray[np.bool_] | None = None
    there: bool = False
    lock: threading.Lock = field(default_factory=threading.Lock)


class Attributes:
    """Id, label, path and metadata of each item. Threads may share one.

    Args:
        store: The generation.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._kept: dict[str, _Kept] = {}
        self._lock = threading.Lock()

    def column(self, key: str) -> list[JSON]:
        """What each item has of a key, in the order of ``store.rows()``; None where it has none.

        Args:
            key: ``id``, ``label``, ``path`` or a key of the metadata.

        Raises:
            InvalidArgument: No item has it.
        """
        known: set[str] = set()
        column = []
        for record in self._store.records():
            values = _values(record)
            known |= values.keys()
            column.append(values.get(key))
        _check_known(key, known)
        return column

    def values(self, row: int) -> dict[str, JSON]:
        """All that is known of the item at a row: id, label, path and its metadata."""
        return _values(self._store.record(row))

    def allowed(self, conditions: tuple[Condition, ...]) -> NDArray[np.bool_] | None:
        """Which rows may be found: those of ``store.alive()`` if all may."""
        if not conditions:
            return self._store.alive()
        key = repr(conditions)
        with self._lock:
            known = self._kept.setdefault(key, _Kept())
            if len(self._kept) > FILTERS_KEPT:
                del self._kept[next(iter(self._kept))]
        with known.lock:  # who asks for the same waits, and nobody else
            if not known.there:
                try:
                    allowed = self._where(conditions)
                except InvalidArgument:
                    with self._lock:  # it is worth no place
                        self._kept.pop(key, None)
                    raise
                whole = np.count_nonzero(allowed) == len(self._store)
                known.allowed, known.there = self._store.alive() if whole else allowed, True
            return known.allowed

    def _where(self, conditions: tuple[Condition, ...]) -> NDArray[np.bool_]:
        allowed = np.zeros(self._store.starts[-1], np.bool_)
        if any(condition.key != "label" for condition in conditions):
            allowed[self._rows_where(conditions)] = True
            return allowed
        # Labels stand in columns of their own, for which no item need be read.
        names, codes = self._store.labels()
        holding = [
            all(condition.holds({"label": name}) for condition in conditions)
            for name in (*names, None)
        ]
        rows = self._store.rows()
        allowed[rows] = np.array(holding)[codes[rows]]
        return allowed

    def _rows_where(self, conditions: tuple[Condition, ...]) -> list[int]:
        known: set[str] = set()
        found = []
        for row, record in zip(self._store.rows().tolist(), self._store.records(), strict=True):
            values = _values(record)
            known |= values.keys()
            if all(condition.holds(values) for condition in conditions):
                found.append(row)
        for key in sorted({condition.key for condition in conditions}):
            _check_known(key, known)
        return found


def _values(record: Record) -> dict[str, JSON]:
    own: dict[str, JSON] = {"id": record.id, "label": record.label, "path": record.path}
    return {**record.metadata, **own}


def _check_known(key: str, known: set[str]) -> None:
    if key not in OWN and key not in known:
        names = sorted({*OWN, *known})
        raise InvalidArgument(
            f"No item has {key!r}.{did_you_mean(key, names)} There are: {', '.join(names)}."
        )
