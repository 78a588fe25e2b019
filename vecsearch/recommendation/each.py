"""The items most similar to every item of a catalogue, written to a file."""

import csv
import hashlib
import io
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from os import listdir
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from vecsearch.collection import Collection
from vecsearch.errors import InvalidArgument
from vecsearch.index import as_metric, scores, zero_rows
from vecsearch.store import put_whole
from vecsearch.transfer import import_parquet
from vecsearch.types import Metric, Progress, Rows
from vecsearch.view import View, as_count
from vecsearch.where import Where, as_conditions

BLOCK_ITEMS = 4096
KEY = "key.json"
# What is in the folder while the work goes on: the key, what was found, and drafts of these.
OWN_NAME = re.compile(r"key\.json|\d{12}\.npy|\.(key\.json|\d{12}\.npy)\.\d+\.tmp")
COLUMNS = ("id", "rank", "recommended", "distance", "score")
FOUND = np.dtype([("row", "<i8"), ("distance", "<f8")])


@dataclass(frozen=True)
class Written:
    """What was written for all items.

    Attributes:
        items: How many items there are.
        recommendations: How many rows the file has.
        resumed: Of how many items they were taken over from a run that was interrupted.
    """

    items: int
    recommendations: int
    resumed: int


def recommend_for_each(
    collection: Collection,
    out: str | Path,
    k: int = 10,
    *,
    where: Where = None,
    metric: Metric | str | None = None,
    exact: bool = False,
    progress: Progress | None = None,
) -> Written:
    """Write the items most similar to each item, itself left out.

    The file has the columns id, rank from 1, recommended (an id), distance and score. It appears
    whole. What is done is kept beside it meanwhile, in a folder that ends in ``.parts``, so that
    an interrupted run goes on where it was.

    Args:
        collection: The catalogue.
        out: A ``.parquet`` or ``.csv`` file.
        k: How many for each; all there are, if they are fewer.
        where: Recommend only items of which all of this holds, as for ``Collection.query``.
        metric: Another metric than the collection's own.
        exact: Compare with every item, whatever index there is.
        progress: Called as the work goes on.

    Raises:
        InvalidArgument: A value makes no sense, the file ends otherwise, or an item's vector is
            zero and the metric cosine.
        MissingPackage: Parquet needs pyarrow.

    Example:
        >>> photos = Collection.open("tests/golden/v1")
        >>> recommend_for_each(photos, tmp / "similar.csv", k=1).recommendations == len(photos)
        True
    """
    place, count = Path(out), as_count(k)
    writers: dict[str, Callable[[IO[bytes], list[str], Iterator[Block]], None]] = {
        ".csv": _write_csv,
        ".parquet": _write_parquet,
    }
    write = writers.get(place.suffix.lower())
    if write is None:
        raise InvalidArgument(f"{place} ends in none of {', '.join(writers)}.")
    if write is _write_parquet:
        import_parquet()
    if count < 1:
        raise InvalidArgument(f"k is how many to find: 1 or more, not {count}.")
    view = collection.view
    work = _Work(view, count, where, metric, exact)
    parts = place.with_name(f"{place.name}.parts")
    resumed = work.begin(parts)
    total = 0

    def blocks() -> Iterator[Block]:
        nonlocal total
        for start, found in work.found(parts):
            work.keep(parts, start, found)
            there = found["row"] >= 0
            total += int(np.count_nonzero(there))
            yield Block(
                np.nonzero(there)[0] + start,
                np.nonzero(there)[1] + 1,
                work.position_of[found["row"][there]],
                found["distance"][there],
                scores(found["distance"][there], work.metric),
            )
            if progress is not None:
                progress("recommending", start + len(found), len(work.rows))

    with put_whole(place) as file:
        write(file, view.store.ids(), blocks())
    _clear(parts)
    return Written(len(work.rows), total, resumed)


@dataclass(frozen=True)
class Block:
    """Some rows of the file, by column; items as positions in the collection."""

    items: Rows
    ranks: Rows
    recommended: Rows
    distances: NDArray[np.float64]
    scores: NDArray[np.float64]


class _Work:
    """What is to be found, and what of it is."""

    def __init__(
        self, view: View, k: int, where: Where, metric: Metric | str | None, exact: bool
    ) -> None:
        conditions = as_conditions(where)
        self._view, self._k = view, k
        self.metric = view.store.manifest.metric if metric is None else as_metric(metric)
        self.rows = view.store.rows()
        if self.metric is Metric.COSINE:
            _check_directions(view, self.rows)
        self.position_of = np.full(view.store.starts[-1], -1)
        self.position_of[self.rows] = np.arange(len(self.rows))
        self.starts = range(0, len(self.rows), BLOCK_ITEMS)
        self._allowed = view.attributes.allowed(conditions)
        self._index = view.index(self.metric, exact)
        self._key = json.dumps(
            {
                "collection": hashlib.sha256(view.store.manifest.to_bytes()).hexdigest(),
                "k": k,
                "where": repr(conditions),
                "metric": self.metric,
                "exact": exact,
                "block": BLOCK_ITEMS,
            }
        )

    def begin(self, parts: Path) -> int:
        """Take over what an interrupted run of the same work has done; returns of how many items.

        Raises:
            InvalidArgument: The folder is someone else's.
        """
        key = parts / KEY
        if key.is_file() and key.read_text() == self._key:
            done = [start for start in self.starts if self._done(parts, start)]
            return sum(min(BLOCK_ITEMS, len(self.rows) - start) for start in done)
        if parts.exists():
            if not parts.is_dir() or not all(OWN_NAME.fullmatch(name) for name in listdir(parts)):
                raise InvalidArgument(f"{parts} is in the way: move it, or choose another file.")
            _clear(parts)
        with put_whole(key) as file:
            file.write(self._key.encode())
        return 0

    def found(self, parts: Path) -> Iterator[tuple[int, NDArray[Any]]]:
        """From which item on, and what is near each, ``(block, k)``; row −1 where nothing is."""
        for start in self.starts:
            if self._done(parts, start):
                yield start, np.load(self._part(parts, start), allow_pickle=False)
            else:
                yield start, self._near(self.rows[start : start + BLOCK_ITEMS])

    def keep(self, parts: Path, start: int, found: NDArray[Any]) -> None:
        """Put down what was found, for a run after this one is interrupted."""
        if not self._done(parts, start):
            with put_whole(self._part(parts, start)) as file:
                np.save(file, found)

    def _near(self, rows: Rows) -> NDArray[Any]:
        apart, near = self._index.search(self._view.store.take(rows), self._k + 1, self._allowed)
        own = near == rows[:, None]
        order = np.argsort(own, axis=1, kind="stable")[:, : self._k]  # itself goes to the end
        found = np.empty(order.shape, FOUND)
        found["row"] = np.where(
            np.take_along_axis(own, order, 1), -1, np.take_along_axis(near, order, 1)
        )
        found["distance"] = np.take_along_axis(apart, order, 1)
        return found

    def _done(self, parts: Path, start: int) -> bool:
        # Each is put there whole, and the manifest's hash in the key says what it is of.
        return self._part(parts, start).exists()

    def _part(self, parts: Path, start: int) -> Path:
        return parts / f"{start:012d}.npy"


def _check_directions(view: View, rows: Rows) -> None:
    """Refuse a zero vector before hours of work, and by the item's id."""
    for start, block in zip(view.store.starts, view.store.vectors(), strict=False):
        if len(zero := np.intersect1d(start + zero_rows(block), rows)):
            raise InvalidArgument(
                f"The vector of {view.store.record(int(zero[0])).id!r} is zero: cosine cannot "
                "compare what has no direction. Ask for the Euclidean metric."
            )


def _clear(parts: Path) -> None:
    """Remove the folder, the key last: without it, what was found says not what it is of."""
    for path in sorted(parts.iterdir(), key=lambda path: path.name == KEY):
        path.unlink()
    parts.rmdir()


def _write_csv(file: IO[bytes], ids: list[str], blocks: Iterator[Block]) -> None:
    text = io.TextIOWrapper(file, "utf-8", newline="")
    writer = csv.writer(text)
    writer.writerow(COLUMNS)
    for block in blocks:
        columns = [values.tolist() for values in vars(block).values()]
        columns[0] = [ids[at] for at in columns[0]]
        columns[2] = [ids[at] for at in columns[2]]
        writer.writerows(zip(*columns, strict=True))
    text.flush()
    text.detach()


def _write_parquet(file: IO[bytes], ids: list[str], blocks: Iterator[Block]) -> None:
    pa, parquet = import_parquet()
    names = pa.array(ids, pa.string())
    kinds = pa.string(), pa.int32(), pa.string(), pa.float64(), pa.float64()
    schema = pa.schema(list(zip(COLUMNS, kinds, strict=True)))
    # A dictionary of numbers, nearly all different, is made for nothing.
    with parquet.ParquetWriter(file, schema, use_dictionary=["id", "recommended"]) as writer:
        for block in blocks:
            columns = [
                names.take(pa.array(block.items)),
                pa.array(block.ranks, pa.int32()),
                names.take(pa.array(block.recommended)),
                pa.array(block.distances),
                pa.array(block.scores),
            ]
            writer.write_table(pa.Table.from_arrays(columns, schema=schema))
