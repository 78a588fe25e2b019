"""Change a collection by hand: add items, remove items, compact."""

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import numpy as np
from numpy.typing import ArrayLike

from vecsearch.encoders import Encoder
from vecsearch.encoding import encode_batches, facts_of, read_folder
from vecsearch.errors import InvalidArgument
from vecsearch.images import (
    FROM_FOLDERS,
    File,
    ImageFolder,
    is_absolute,
    read_labels,
    read_metadata,
    scan,
)
from vecsearch.index import as_array
from vecsearch.own_vectors import add_blocks, check_records, is_utf8
from vecsearch.spelling import did_you_mean
from vecsearch.store import EncoderEntry, Record, Records, SideFile, Source, Store, Writer
from vecsearch.types import JSON, Clustering, Progress, Skipped

NAMED_AT_MOST = 5
NAME_LENGTH = 100
ENCODE_ANEW = "update follows changed files, and --replace (replace=True) encodes them anew"
PUT_IN_PLACE = "replace=True of add_vectors puts the new ones in their place"


@dataclass(frozen=True)
class Changes:
    """What a change did to a collection, or would do.

    Attributes:
        indexed: How many items there are now.
        added: The ids of new items.
        changed: Of those that were encoded anew, since their files have changed.
        renamed: Old and new id of those that kept their vectors under another name.
        relabelled: Of those that kept their vectors and have another label or other metadata.
        removed: Of those that are gone.
        skipped: The files that are left out, with reasons; all of the folder's, after an update.
    """

    indexed: int
    added: Sequence[str] = ()
    changed: Sequence[str] = ()
    renamed: Sequence[tuple[str, str]] = ()
    relabelled: Sequence[str] = ()
    removed: Sequence[str] = ()
    skipped: Sequence[Skipped] = ()

    def counts(self) -> dict[str, int]:
        """How many of each."""
        return {
            name: value if isinstance(value, int) else len(value)
            for name, value in vars(self).items()
        }


@dataclass(frozen=True)
class Found:
    """Image files that are to be added.

    Attributes:
        paths: Of each its path below the collection's root, or the absolute one.
        labels: Of some of them, from where the collection has its labels.
        metadata: Of some of them, from the table that the collection has its metadata from.
        skipped: What else was seen.
    """

    paths: Sequence[str]
    labels: Mapping[str, str]
    metadata: Mapping[str, Mapping[str, JSON]]
    skipped: Sequence[Skipped]

    def record(
        self, file: File, old: Record | None, label: str | None, metadata: Mapping[str, JSON] | None
    ) -> Record:
        """What is stored of one of them, which may be there already.

        Args:
            file: As it was read.
            old: What is stored of it so far.
            label: What its user calls it; as tables or folders do, or as before, by default.
            metadata: What its user knows of it; the same goes for that.
        """
        more = self.metadata.get(file.path, old.metadata if old else {})
        named = label if label is not None else self.labels.get(file.path)
        if named is None and old is not None:
            named = old.label
        more = more if metadata is None else metadata
        return Record(file.path, file.path, named, more, facts_of(file))


def find_images(source: Source | None, places: Iterable[str | Path]) -> Found:
    """The image files among some paths and below them, as a collection calls them."""
    root = Path(source.root) if source is not None else None
    by_folder = source is None or source.labels == FROM_FOLDERS
    paths: dict[str, None] = {}
    labels: dict[str, str] = {}
    skipped: list[Skipped] = []
    for place in places:
        if not Path(place).exists():
            raise InvalidArgument(f"There is no file {str(place)!r}. Nothing was added.")
        whole = _as_walked(Path(place), root)
        if not whole.is_dir():
            name = _below(whole, root)
            if not is_utf8(name):
                raise InvalidArgument(f"The name {name!r} is not valid UTF-8.")
            paths[name] = None
            continue
        found = scan(whole)
        skipped += found.skipped
        for path in found.paths:
            name = _below(whole / path, root)
            paths[name] = None
            if by_folder and path in found.labels:
                labels[name] = found.labels[path]
    for path in paths:
        if by_folder and "/" in path and not is_absolute(path):
            labels[path] = path.split("/", 1)[0]
    more: Mapping[str, Mapping[str, JSON]] = {}
    # The tables speak of files below the root; for others they need not even be there any more.
    if source is not None and not all(map(is_absolute, paths)):
        if isinstance(source.labels, SideFile):
            labels.update(read_labels(source.labels.found("labels")).values)
        if source.metadata is not None:
            more = read_metadata(source.metadata.found("metadata")).values
    return Found(list(paths), labels, more, skipped)


def add_images(
    path: Path,
    places: Sequence[str | Path],
    encoder_of: Callable[[Store], Encoder],
    label: str | None,
    metadata: Mapping[str, JSON] | None,
    replace: bool,
    jobs: int | None,
    progress: Progress | None,
) -> Changes:
    """Encode image files, and those in folders, and add them.

    Raises:
        InvalidArgument: One is there already, and ``replace`` is not set; or none can be used.
        CollectionLocked: Another process is writing to the collection.
    """
    with Writer(path, amend=True) as writer:
        base = writer.base
        encoder = encoder_of(base)
        found = find_images(base.manifest.source, places)
        rows = base.find(found.paths)
        standing = [name for name, row in zip(found.paths, rows, strict=True) if row >= 0]
        refuse_standing(standing, replace, ENCODE_ANEW)
        source = base.manifest.source
        root = Path(source.root) if source is not None else Path("/")
        folder = ImageFolder(root, found.paths, found.labels, found.skipped)
        skipped = list(found.skipped)
        done: dict[str, None] = {}
        row_of = dict(zip(found.paths, rows.tolist(), strict=True))
        batches = read_folder(folder, found.paths, encoder.preprocess, jobs, progress)
        for block in encode_batches(batches, root, encoder, base.manifest.metric):
            skipped += block.skipped
            records = []
            for file in block.files:
                old = base.record(row_of[file.path]) if row_of[file.path] >= 0 else None
                records.append(found.record(file, old, label, metadata))
                done[file.path] = None
            writer.add(block.vectors, records)
        if not done:
            refuse_nothing(skipped)
        replaced = [name for name in standing if name in done]
        writer.remove(np.array([row_of[name] for name in replaced], np.int64))
        manifest = writer.commit()
    added = [name for name in done if row_of[name] < 0]
    return Changes(manifest.count, added, replaced, skipped=skipped)


def keep_calibration(
    path: Path, method: str, calibration: Mapping[str, JSON], fingerprint: str | None
) -> None:
    """Store the thresholds for strangers.

    Args:
        path: Where the collection lies.
        method: Of classification; what is stored for others stays.
        calibration: The thresholds.
        fingerprint: That of the encoder by which they were found.

    Raises:
        InvalidArgument: The vectors were made anew since, by another encoder.
        CollectionLocked: Another process is writing to the collection.
    """
    with Writer(path, amend=True) as writer:
        entry = writer.base.manifest.encoder
        if (entry.fingerprint if entry else None) != fingerprint:
            raise InvalidArgument(
                f"{path} was encoded anew while thresholds were looked for: calibrate it again."
            )
        writer.commit(calibration={**writer.base.calibration(), method: dict(calibration)})


def keep_clustering(
    path: Path, name: str, clustering: Clustering | None, fingerprint: str | None
) -> None:
    """Store a clustering under a name, in the place of one that had it; or forget it.

    Args:
        path: Where the collection lies.
        name: What it is called.
        clustering: The clustering; None to forget the one of that name.
        fingerprint: That of the encoder of the vectors that it was made of.

    Raises:
        InvalidArgument: The name or the clustering cannot be taken, or there is none of that name
            to forget; or the vectors were made anew since, by another encoder.
        CollectionLocked: Another process is writing to the collection.
    """
    check_clustering_name(name)
    with Writer(path, amend=True) as writer:
        manifest = writer.base.manifest
        if clustering is None:
            manifest.clustering_file(name, path)
        else:
            entry = manifest.encoder
            if (entry.fingerprint if entry else None) != fingerprint:
                raise InvalidArgument(
                    f"The clustering was made of vectors of another encoder than those of {path}: "
                    "cluster them anew."
                )
            if clustering.centers.shape[1] != manifest.dim:
                raise InvalidArgument(
                    f"The clustering is of vectors with {clustering.centers.shape[1]} dims, those "
                    f"of {path} have {manifest.dim}."
                )
        writer.commit(clusterings={name: clustering}, compaction="none")


def check_clustering_name(name: str) -> None:
    """Refuse what a clustering cannot be called.

    Raises:
        InvalidArgument: It is empty, too long, or cannot be printed.
    """
    if not 0 < len(name) <= NAME_LENGTH or not name.isprintable():
        raise InvalidArgument(
            f"A clustering has a name of 1 to {NAME_LENGTH} printable characters, not {name!r}."
        )


def add_vectors(
    path: Path,
    vectors: ArrayLike,
    ids: Sequence[str],
    labels: Sequence[str | None] | None,
    metadata: Sequence[Mapping[str, JSON]] | None,
    encoder: Encoder | None,
    replace: bool,
) -> Changes:
    """Add vectors, all or none.

    Raises:
        InvalidArgument: A vector, id, label or metadata cannot be taken; or an id is there
            already, and ``replace`` is not set.
        CollectionLocked: Another process is writing to the collection.
    """
    array = as_array(vectors)
    count = len(array) if array.ndim else 0
    records: Records = check_records(count, ids, labels, metadata)
    with Writer(path, amend=True) as writer:
        base = writer.base
        check_encoder(base.manifest.encoder, encoder, path)
        if not count:
            return Changes(len(base))
        rows = base.find(records.ids)
        standing = [name for name, row in zip(records.ids, rows, strict=True) if row >= 0]
        refuse_standing(standing, replace, PUT_IN_PLACE)
        add_blocks(writer, array, records, base.manifest.dim, base.manifest.metric)
        writer.remove(rows[rows >= 0])
        manifest = writer.commit()
    added = [name for name, row in zip(records.ids, rows, strict=True) if row < 0]
    return Changes(manifest.count, added, standing)


def check_ids(ids: Sequence[str]) -> list[str]:
    """Ids as a list.

    Raises:
        InvalidArgument: They are something else than strings in an order.
    """
    if isinstance(ids, str) or not isinstance(ids, Sequence | np.ndarray):
        raise InvalidArgument(f"Ids come as a list of strings, not {ids!r}.")
    for name in ids:
        if not isinstance(name, str):
            raise InvalidArgument(f"Ids are strings, not {name!r}.")
    return list(ids)


def check_encoder(own: EncoderEntry | None, encoder: Encoder | None, place: str | Path) -> None:
    """Refuse vectors of another encoder than a collection's own; None says nothing of them.

    Raises:
        InvalidArgument: They are of another one.
    """
    if encoder is not None and (own is None or own.fingerprint != encoder.fingerprint):
        made = f"those of {own.name!r}, fitted as it was" if own else "vectors without one"
        raise InvalidArgument(
            f"These vectors were made by another encoder ({encoder.name!r}) than those of "
            f"{place}, which holds {made}: their distances mean nothing."
        )


def remove_items(path: Path, ids: Sequence[str]) -> Changes:
    """Remove items, all or none.

    Raises:
        InvalidArgument: There is no item of one of these ids.
        CollectionLocked: Another process is writing to the collection.
    """
    names = list(dict.fromkeys(check_ids(ids)))
    with Writer(path, amend=True) as writer:
        rows = writer.base.find(names)
        if missing := [name for name, row in zip(names, rows, strict=True) if row < 0]:
            raise InvalidArgument(
                f"There is no item {some(missing)} in {path}."
                f"{did_you_mean(missing[0], writer.base.ids())} Nothing was removed."
            )
        if not names:
            return Changes(len(writer.base))
        writer.remove(rows)
        manifest = writer.commit()
    return Changes(manifest.count, removed=names)


def compact(path: Path) -> Changes:
    """Write anew what has dead rows or many small segments."""
    with Writer(path, amend=True) as writer:
        manifest = writer.commit(compaction="all")
    return Changes(manifest.count)


def refuse_standing(names: Sequence[str], replace: bool, advice: str) -> None:
    """Refuse what is in the collection already, unless it shall be replaced."""
    if names and not replace:
        verb = "is" if len(names) == 1 else "are"
        raise InvalidArgument(f"{some(names)} {verb} in the collection already: {advice}.")


def refuse_nothing(skipped: Sequence[Skipped]) -> NoReturn:
    """Say why no image could be added."""
    first = skipped[0] if skipped else None
    reason = f": {first.path}: {first.reason}." if first else ": there are no images."
    raise InvalidArgument(f"Nothing was added{reason}")


def _as_walked(place: Path, root: Path | None) -> Path:
    """Where something is by the names that a walk through the root comes by, links among them."""
    # Where it lies, not where it leads if it is a link: so a build would call it.
    plain = place.resolve() if place.is_dir() else place.parent.resolve() / place.name
    if root is None or ".." in place.parts or plain.is_relative_to(root):
        return plain
    given = Path(os.path.abspath(place))
    for parent in given.parents:
        if parent.resolve() == root:
            return root / given.relative_to(parent)
    return plain


def _below(path: Path, root: Path | None) -> str:
    inside = root is not None and path.is_relative_to(root)
    return (path.relative_to(root) if inside else path).as_posix()  # type: ignore[arg-type]


def some(names: Sequence[str]) -> str:
    """The first few names, for a message."""
    shown = ", ".join(map(repr, names[:NAMED_AT_MOST]))
    more = len(names) - NAMED_AT_MOST
    return f"{shown} and {more} more" if more > 0 else shown
