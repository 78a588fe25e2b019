"""Which item is in which cluster, as rows for other programs."""

import csv
import io
import json
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import IO

from vecsearch.errors import InvalidArgument
from vecsearch.store import put_whole
from vecsearch.transfer import import_parquet
from vecsearch.types import JSON, Clustering

COLUMNS = ("id", "cluster", "distance", "label", "medoid")
BLOCK_ITEMS = 65_536


def cluster_rows(clustering: Clustering, labels: Sequence[str | None]) -> Iterator[dict[str, JSON]]:
    """A row for each item: id, cluster, distance from the centre, label, whether it is a medoid.

    Args:
        clustering: The items in clusters.
        labels: The label of each, ``(n,)``, or None.
    """
    standing = set(clustering.medoids.tolist())
    for at, row in enumerate(
        zip(
            clustering.ids,
            clustering.codes.tolist(),
            clustering.distances.tolist(),
            labels,
            strict=True,
        )
    ):
        yield dict(zip(COLUMNS, (*row, at in standing), strict=True))


def write_clusters(clustering: Clustering, labels: Sequence[str | None], path: str | Path) -> None:
    """Write a row for each item: id, cluster, distance from the centre, label, medoid or not.

    The file appears whole or not at all, and takes the place of one of that name.

    Args:
        clustering: The items in clusters.
        labels: The label of each item, ``(n,)``, or None.
        path: Where they go: a ``.csv``, ``.jsonl`` or ``.parquet`` file.

    Raises:
        InvalidArgument: The name ends otherwise, or there are not as many labels as items.
        MissingPackage: Parquet needs pyarrow.

    Example:
        >>> from vecsearch import cluster_vectors
        >>> found = cluster_vectors([[5], [4], [1]], 2)
        >>> write_clusters(found, ["crime", "crime", None], tmp / "clusters.csv")
        >>> (tmp / "clusters.csv").read_text().splitlines()[:2]
        ['id,cluster,distance,label,medoid', '0,0,0.5,crime,True']
    """
    check_table(path)
    if len(labels) != len(clustering.ids):
        raise InvalidArgument(f"There are {len(clustering.ids)} items, but {len(labels)} labels.")
    with put_whole(Path(path)) as file:
        WRITERS[Path(path).suffix.lower()](cluster_rows(clustering, labels), file)


def check_table(path: str | Path) -> None:
    """Refuse a file that could not be written, before any work is done for it.

    Raises:
        InvalidArgument: The name has another ending.
        MissingPackage: Parquet needs pyarrow.
    """
    suffix = Path(path).suffix.lower()
    if suffix not in WRITERS:
        raise InvalidArgument(f"{path} ends in none of {', '.join(WRITERS)}: these can be written.")
    if suffix == ".parquet":
        import_parquet()


def _write_csv(rows: Iterator[dict[str, JSON]], file: IO[bytes]) -> None:
    text = io.TextIOWrapper(file, "utf-8", newline="")
    writer = csv.DictWriter(text, COLUMNS)
    writer.writeheader()
    writer.writerows(rows)
    text.flush()
    text.detach()


def _write_lines(rows: Iterator[dict[str, JSON]], file: IO[bytes]) -> None:
    for row in rows:
        file.write(f"{json.dumps(row, ensure_ascii=False)}\n".encode())


def _write_parquet(rows: Iterator[dict[str, JSON]], file: IO[bytes]) -> None:
    pa, parquet = import_parquet()
    types = pa.string(), pa.int64(), pa.float64(), pa.string(), pa.bool_()
    schema = pa.schema(list(zip(COLUMNS, types, strict=True)))
    with parquet.ParquetWriter(file, schema) as writer:
        while block := list(islice(rows, BLOCK_ITEMS)):
            writer.write_table(pa.Table.from_pylist(block, schema))


WRITERS: dict[str, Callable[[Iterator[dict[str, JSON]], IO[bytes]], None]] = {
    ".csv": _write_csv,
    ".jsonl": _write_lines,
    ".parquet": _write_parquet,
}
