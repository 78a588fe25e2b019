"""From a folder of images to a committed collection."""

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import NoneType
from typing import Any, Literal, TypeAlias, get_args

import numpy as np
from numpy.typing import NDArray

from vecsearch.encoders import Encoder, is_fitted, is_trainable, lacking
from vecsearch.encoding import Encoded, encode, encode_batches, facts_of, read_folder
from vecsearch.errors import LABEL_THEM, InvalidArgument, MissingPackage
from vecsearch.images import NO_IMAGES, Batch, File, ImageFolder, Sidecar, stat_files
from vecsearch.index import check_vectors
from vecsearch.store import Draft, Record, SideFile, Source, Writer
from vecsearch.types import JSON, Metric, Progress, Skipped

Engine: TypeAlias = Literal["local", "ray"]
BLOCK_BYTES = 16 << 20
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Drafted:
    """All files of a folder once they were read.

    Attributes:
        files: Those that could be decoded.
        rows: Of each its pixels, or its vector; on disk rather than in memory.
        skipped: The others.
    """

    files: Sequence[File]
    rows: NDArray[Any]
    skipped: Sequence[Skipped]


def check_engine(engine: str, folder: str, ray_address: str | None) -> None:
    """See that an engine is known, and can read the images.

    Raises:
        InvalidArgument: It is not, or cannot; or an address of Ray goes with another engine.
    """
    if engine not in get_args(Engine):
        raise InvalidArgument(f"{engine!r} is not one of {', '.join(get_args(Engine))}.")
    if ray_address is not None and engine != "ray":
        raise InvalidArgument("The address of a Ray cluster goes with the engine 'ray'.")
    if engine != "ray" and ("://" in folder or folder.endswith(".parquet")):
        raise InvalidArgument(
            f"{folder} is no folder of this machine: with the engine 'ray' it can be read."
        )


def build_collection(
    folder: ImageFolder,
    path: Path,
    encoder: Encoder,
    metric: Metric,
    index: Mapping[str, JSON],
    jobs: int | None,
    overwrite: bool,
    progress: Progress | None,
) -> None:
    """Decode, fit the encoder if it is not fitted yet, encode, and commit.

    Every image is decoded once, and only a block of them is in memory at a time. What was read is
    kept in the collection's folder until the commit: a build that is interrupted goes on there.

    Raises:
        InvalidArgument: No image could be read, or the encoder cannot be fitted to them.
        MissingPackage: The encoder cannot learn without a package that is not installed.
        CollectionExists: There is something at ``path`` already.
        CollectionLocked: Another process is writing there.
    """
    if not folder.paths:
        why = first_of(folder.skipped) if folder.skipped else NO_IMAGES
        raise InvalidArgument(f"There are no images in {folder.root}{why}")
    with Writer(path, overwrite) as writer:
        fill(writer, folder, encoder, metric, index, jobs, progress)


def fill(
    writer: Writer,
    folder: ImageFolder,
    encoder: Encoder,
    metric: Metric,
    index: Mapping[str, JSON] | None,
    jobs: int | None,
    progress: Progress | None,
) -> int:
    """Write all images of a folder, and the encoder; returns how many items there are then."""
    learns = is_trainable(encoder) and not is_fitted(encoder)
    if learns and (lack := lacking(encoder, "requires_to_fit")):
        raise MissingPackage(f"To learn, the encoder {encoder.name!r} {lack}")
    check_labels(encoder, learns, folder)
    draft = writer.draft(draft_key("build", folder, encoder, metric, learns))
    drafted = read_into(draft, folder, encoder, metric, learns, jobs, progress)
    skipped = [*folder.skipped, *drafted.skipped]
    if learns and drafted.files and is_trainable(encoder):
        labels = [folder.labels.get(file.path) for file in drafted.files]
        if getattr(encoder, "slow_to_fit", False):
            log.info(
                "The encoder %s learns for minutes or hours. vecsearch train does that apart, with "
                "presets and a time budget, and goes on after an interruption.",
                encoder.name,
            )
        if progress is not None:
            progress(f"fitting {encoder.name}", 0, 0)
        encoder.fit(drafted.rows, labels if folder.labels else None)
    found = 0
    for start in range(0, len(drafted.files), step := _step(drafted.rows)):
        files, rows = drafted.files[start : start + step], drafted.rows[start : start + step]
        if learns:
            block = encode(Batch(files, rows, ()), folder.root, encoder, metric)
        else:
            block = Encoded(files, check_vectors(rows, encoder.dim, metric), ())
        skipped += block.skipped
        found += len(block.files)
        writer.add(block.vectors, records_of(block.files, folder))
        if learns and progress is not None:
            progress("encoding", start + len(files), len(drafted.files))
    if not found:
        raise InvalidArgument(
            f"None of the {len(folder.paths)} image files in {folder.root} could be used"
            f"{first_of(skipped[len(folder.skipped) :])}"
        )
    add_encoder(writer, encoder)
    manifest = writer.commit(
        metric=metric,
        dim=encoder.dim,
        source=source_of(folder),
        skipped=left_out(skipped, folder.root),
        index=index,
    )
    return manifest.count


def check_labels(encoder: Encoder, learns: bool, folder: ImageFolder) -> None:
    """See that there are labels to learn from.

    Raises:
        InvalidArgument: The encoder needs them, and there are none.
    """
    slow = getattr(encoder, "slow_to_fit", False)  # which may learn without labels, and says so
    if learns and getattr(encoder, "needs_labels", False) and not slow and not folder.labels:
        raise InvalidArgument(
            f"The encoder {encoder.name!r} learns from labels: {LABEL_THEM}; or take pca."
        )


def add_encoder(writer: Writer, encoder: Encoder) -> None:
    """Save what made the vectors beside them."""
    saved = writer.encoder_folder()
    encoder.save(saved)
    writer.set_encoder(
        saved, encoder.name, encoder.get_params(), encoder.fingerprint, encoder.facts()
    )


def read_into(
    draft: Draft,
    folder: ImageFolder,
    encoder: Encoder,
    metric: Metric,
    pixels: bool,
    jobs: int | None,
    progress: Progress | None,
) -> Drafted:
    """Decode those images of a folder that a draft does not hold yet, and add them to it.

    Args:
        draft: What was done before.
        folder: The images.
        encoder: Says what size they are brought to, and makes their vectors.
        metric: What the vectors are to be compared by.
        pixels: Keep pixels rather than vectors, since the encoder has yet to learn from them.
        jobs: How many processes decode.
        progress: Called as the work goes on.
    """
    shape = encoder.preprocess.shape if pixels else (encoder.dim,)
    kind = np.dtype(np.uint8 if pixels else np.float32)
    _drop_stale(draft, folder, kind.itemsize * int(np.prod(shape)))
    before = len(draft.notes)
    done = {entry[0] for note in draft.notes for entry in (*note["files"], *_settled(note))}
    if done:
        log.info(
            "Going on where it was interrupted: %d of %d files are done.",
            len(done),
            len(folder.paths),
        )
    rest = [path for path in folder.paths if path not in done]
    batches = read_folder(folder, rest, encoder.preprocess, jobs, progress, len(done))
    if pixels:
        for batch in batches:
            draft.append(_note(batch.files, batch.skipped, folder.root), batch.pixels)
    else:
        for block in encode_batches(batches, folder.root, encoder, metric):
            draft.append(_note(block.files, block.skipped, folder.root), block.vectors)
    return Drafted(
        [File(*entry) for note in draft.notes for entry in note["files"]],
        draft.rows(kind, shape),
        [
            Skipped(folder.root / path, reason, size, mtime)
            for number, note in enumerate(draft.notes)
            for path, reason, size, mtime in (
                _settled(note) if number < before else note["skipped"]
            )
        ],
    )


def _note(files: Sequence[File], skipped: Sequence[Skipped], root: Path) -> dict[str, Any]:
    return {
        "files": [list(vars(file).values()) for file in files],
        "skipped": [
            [_below(one.path, root), one.reason, one.size, one.mtime_ns] for one in skipped
        ],
    }


def _settled(note: Mapping[str, Any]) -> list[Any]:
    """What a note says was left out and still would be; the others are tried again."""
    return [entry for entry in note["skipped"] if entry[2] is not None]


def _drop_stale(draft: Draft, folder: ImageFolder, row_bytes: int) -> None:
    """Forget what was read of files that are no longer as they were, and all that came after."""
    left = set(folder.paths)
    for number, (note, size) in enumerate(zip(draft.notes, draft.sizes, strict=True)):
        files: Any = note.get("files")
        skipped: Any = note.get("skipped")
        if (
            not _are(files, (str, str, int, int, int, int))
            or not _are(skipped, (str, str, int, int), (str, str, NoneType, NoneType))
            or len(files) * row_bytes != size
        ):
            return draft.keep(number)
        # One without facts was changing when it was read; the next update looks again.
        read = [*files, *_settled(note)]
        paths = [entry[0] for entry in read]
        facts = [[entry[2], entry[3]] for entry in read]
        if len(set(paths)) < len(paths) or not left.issuperset(paths):
            return draft.keep(number)
        if stat_files(folder.root, paths).tolist() != facts:
            return draft.keep(number)
        left.difference_update(paths)
    return None


def _are(entries: Any, *kinds: tuple[type, ...]) -> bool:
    """Whether something is a list of lists with members of one of these kinds."""
    return isinstance(entries, list) and all(
        isinstance(entry, list) and tuple(map(type, entry)) in kinds for entry in entries
    )


def draft_key(
    what: str, folder: ImageFolder, encoder: Encoder, metric: Metric, learns: bool
) -> dict[str, JSON]:
    """What two runs must have in common, for one to go on where the other was interrupted."""
    from importlib.metadata import version

    return {
        "what": what,
        "root": folder.root.resolve().as_posix(),
        "encoder": encoder.name,
        "params": encoder.get_params(),
        "fingerprint": None if learns else encoder.fingerprint,
        "preprocess": encoder.preprocess.to_json(),
        "metric": metric.value,
        "version": version("vecsearch"),
    }


def records_of(files: Sequence[File], folder: ImageFolder) -> list[Record]:
    """What is stored of image files."""
    return [
        Record(
            id=folder.ids.get(file.path, file.path),
            path=file.path,
            label=folder.labels.get(file.path),
            metadata=folder.metadata.get(file.path, {}),
            file=facts_of(file),
        )
        for file in files
    ]


def source_of(folder: ImageFolder) -> Source:
    """What has to be known of a folder to follow it."""
    labels = folder.labels_from
    return Source(
        root=folder.root.resolve().as_posix(),
        labels=labels if isinstance(labels, str) else _side_file(labels),
        metadata=None if folder.metadata_from is None else _side_file(folder.metadata_from),
    )


def _side_file(table: Sidecar[Any]) -> SideFile:
    return SideFile(table.path.resolve().as_posix(), table.sha256)


def left_out(skipped: Iterable[Skipped], root: Path) -> list[Skipped]:
    """Skipped files as they are stored: sorted, with paths below the folder."""
    below = [replace(one, path=Path(_below(one.path, root))) for one in skipped]
    return sorted(below, key=lambda one: one.path.as_posix())


def _below(path: Path, root: Path) -> str:
    for above in (root, root.resolve()):
        if path.is_relative_to(above):
            return path.relative_to(above).as_posix()
    return path.as_posix()


def _step(rows: NDArray[Any]) -> int:
    """How many rows make a block."""
    return max(1, BLOCK_BYTES // max(1, rows.itemsize * int(np.prod(rows.shape[1:]))))


def first_of(skipped: Sequence[Skipped]) -> str:
    """How many files were left out, and the first of them, as the end of a sentence."""
    if not skipped:
        return "."
    first = skipped[0]
    return f"; {len(skipped)} were left out, as {first.path.name} ({first.reason})."
