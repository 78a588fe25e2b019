"""Change a collection by hand: add items, remove items, compact."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import numpy as np
from numpy.typing import ArrayLike

from vecsearch.encoders import Encoder
from vecsearch.encoding import encode_batches, read_folder
from vecsearch.errors import InvalidArgument
from vecsearch.finding import find_images
from vecsearch.images import ImageFolder
from vecsearch.index import as_array
from vecsearch.own_vectors import add_blocks, check_records
from vecsearch.spelling import did_you_mean
from vecsearch.store import EncoderEntry, Records, Store, Writer
from vecsearch.types import JSON, Progress, Skipped

NAMED_AT_MOST = 5
ENCODE_ANEW = "update follows changed files, and --replace (replace=True) encodes them anew"
PUT_IN_PLACE = "remove what is there, or replace it from Python (add_vectors with replace=True)"


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
    check_records(1, None, [label], None if metadata is None else [metadata])
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


def some(names: Sequence[str]) -> str:
    """The first few names, for a message."""
    shown = ", ".join(map(repr, names[:NAMED_AT_MOST]))
    more = len(names) - NAMED_AT_MOST
    return f"{shown} and {more} more" if more > 0 else shown
