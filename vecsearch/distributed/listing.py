"""Which images a build on many machines is made of: a folder, a URL, or a list."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vecsearch.build import source_of
from vecsearch.distributed.filesystems import (
    INSTALL,
    is_url,
    open_place,
    options_of,
    without_keys,
)
from vecsearch.errors import InvalidArgument, MissingPackage
from vecsearch.images import (
    FROM_FOLDERS,
    NO_LABELS,
    UNKNOWN,
    ImageFolder,
    as_json,
    as_text,
    described,
    is_given,
    reason_by_name,
    scan,
    stat_files,
)
from vecsearch.store import Source
from vecsearch.types import JSON, Skipped

LIST = ".parquet"
COLUMNS = ("path", "id", "label")


@dataclass(frozen=True)
class Listing:
    """The images of a build.

    Attributes:
        place: The folder, as a whole path, or the URL that they lie below; ``/`` or the first
            URL's for those of a list.
        images: Their paths, labels and so on.
        facts: The size of each and when it was last changed, in nanoseconds since 1970, ``(n, 2)``;
            ``UNKNOWN`` where it was not looked at.
        source: What ``update`` can follow later; None for what lies elsewhere, and for lists.
    """

    place: str
    images: ImageFolder
    facts: NDArray[np.int64]
    source: Source | None


def list_images(
    what: str | Path, labels: str | Path = FROM_FOLDERS, metadata: str | Path | None = None
) -> Listing:
    """Find the images of a build.

    Args:
        what: A folder; a URL of one, as ``s3://bucket/folder``; or a Parquet file with the column
            ``path`` (below the list's folder, whole, or URLs), and if wanted ``id``, ``label`` and
            others, which are metadata. Options of a list's URL hold for its images, too.
        labels: As for ``scan``; of a list, its column unless it is ``none``.
        metadata: As for ``scan``; a list has its own.

    Raises:
        InvalidArgument: The place cannot be read, or a table does not fit it.
        MissingPackage: The package that reads it is not installed.

    Example:
        >>> list_images("tests/data/photos").images.paths[:2]
        ['cat/alpha.png', 'cat/deep/er/plain.png']
    """
    text = str(what)
    if text.removesuffix(options_of(text)).lower().endswith(LIST):
        if metadata is not None or str(labels) not in (FROM_FOLDERS, NO_LABELS):
            raise InvalidArgument(
                f"{text} brings labels and metadata itself, as columns: leave out other tables."
            )
        return _of_list(text, str(labels) != NO_LABELS)
    if is_url(text):
        return _of_url(text, labels, metadata)
    folder = scan(text, labels, metadata)
    facts = stat_files(folder.root, folder.paths)
    return Listing(folder.root.resolve().as_posix(), folder, facts, source_of(folder))


def _of_url(url: str, labels: str | Path, metadata: str | Path | None) -> Listing:
    system, base = open_place(url)
    try:
        from pyarrow import fs

        entries = system.get_file_info(fs.FileSelector(base, recursive=True))
    except OSError as error:
        raise InvalidArgument(without_keys(f"{url} cannot be listed: {error}.")) from error
    found: list[tuple[str, int, int]] = []
    skipped: list[Skipped] = []
    for entry in entries:
        if not entry.is_file:
            continue
        path = entry.path.removeprefix(base).lstrip("/")
        hidden = (reason_by_name(name) for name in path.split("/")[:-1] if name.startswith("."))
        reason = next(hidden, None) or reason_by_name(path.rpartition("/")[2])
        if reason is None:
            changed = UNKNOWN if entry.mtime_ns is None else entry.mtime_ns
            size = UNKNOWN if entry.size is None else entry.size
            found.append((path, int(size), int(changed)))
        else:
            skipped.append(Skipped(Path(path), reason))
    found.sort()
    paths = [path for path, _, _ in found]
    images = described(Path(without_keys(url)), paths, skipped, labels, metadata)
    facts = np.array([each[1:] for each in found], np.int64).reshape(-1, 2)
    return Listing(url, images, facts, None)


def _of_list(table: str, labelled: bool) -> Listing:
    rows = _rows(table)
    options = options_of(table)
    above = table.removesuffix(options).rpartition("/")[0]
    here = above if is_url(table) else Path(table).resolve().parent.as_posix()
    named = _names(table, "path", rows.pop("path"))
    if not named:
        raise InvalidArgument(f"{table} names no images.")
    paths = [name if is_url(name) else _below(here, name) for name in named]
    remote = [is_url(path) for path in paths]
    if any(remote) and not all(remote):
        odd = paths[remote.index(not remote[0])]
        raise InvalidArgument(f"{table} names files of this machine and URLs, as {odd}: not both.")
    given = rows.pop("id", None)
    ids = list(map(without_keys, named)) if given is None else _names(table, "id", given)
    if len(set(ids)) < len(ids):
        seen: set[str] = set()
        twice = next(one for one in ids if one in seen or seen.add(one))  # type: ignore[func-returns-value]
        raise InvalidArgument(f"{table} names {twice!r} twice: ids are unique.")
    if len(set(paths)) < len(paths):
        raise InvalidArgument(f"{table} names a file under two ids: name it once.")
    order = sorted(range(len(ids)), key=ids.__getitem__)
    paths = [paths[at] for at in order]
    labels = rows.pop("label", None)
    images = ImageFolder(
        root=Path("/"),
        paths=paths,
        labels=_filled(table, paths, order, labels if labelled else None),
        skipped=[],
        metadata=_metadata(paths, order, rows),
        labels_from=NO_LABELS,
        ids=dict(zip(paths, (ids[at] for at in order), strict=True)),
    )
    facts = np.full((len(paths), 2), UNKNOWN, np.int64)
    if not remote[0]:
        facts = stat_files(Path("/"), paths)
    first = paths[0].removesuffix(options_of(paths[0]))
    return Listing(f"{first}{options}" if remote[0] else "/", images, facts, None)


def _rows(table: str) -> dict[str, list[Any]]:
    """The columns of a list."""
    try:
        from pyarrow import ArrowException, parquet
    except ModuleNotFoundError as error:
        raise MissingPackage(f"Reading {table} needs the package pyarrow: {INSTALL}") from error
    try:
        if is_url(table):
            system, path = open_place(table)
            columns: dict[str, list[Any]] = parquet.read_table(path, filesystem=system).to_pydict()
        else:
            columns = parquet.read_table(table).to_pydict()
    except (OSError, ArrowException) as error:
        said = f"{table} cannot be read as Parquet: {error}."
        raise InvalidArgument(without_keys(said)) from error
    if "path" not in columns:
        raise InvalidArgument(
            f"{table} has the columns {', '.join(columns)}: the images are named in path."
        )
    return columns


def _names(table: str, column: str, values: Sequence[Any]) -> list[str]:
    """What a column calls each image.

    Raises:
        InvalidArgument: One has no name.
    """
    names = [as_text(table, column, value) if is_given(value) else "" for value in values]
    if "" in names:
        raise InvalidArgument(f"{table} has no {column} in its row {names.index('') + 1}.")
    return names


def _below(here: str, name: str) -> str:
    return f"{here}/{name}" if is_url(here) else (Path(here) / name).as_posix()


def _filled(
    table: str, paths: Sequence[str], order: Sequence[int], column: Sequence[Any] | None
) -> dict[str, str]:
    if column is None:
        return {}
    values = (column[at] for at in order)
    pairs = ((path, value) for path, value in zip(paths, values, strict=True) if is_given(value))
    labels = ((path, as_text(table, "label", value)) for path, value in pairs)
    return {path: label for path, label in labels if label}


def _metadata(
    paths: Sequence[str], order: Sequence[int], columns: Mapping[str, Sequence[Any]]
) -> dict[str, Mapping[str, JSON]]:
    if not columns:
        return {}
    return {
        path: {
            key: as_json(key, column[at]) for key, column in columns.items() if is_given(column[at])
        }
        for path, at in zip(paths, order, strict=True)
    }
