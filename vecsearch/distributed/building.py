"""From images to a committed collection, by many workers that see the same folder."""

import logging
from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any
from uuid import uuid4

from vecsearch.build import add_encoder, check_labels, draft_key, first_of, left_out
from vecsearch.distributed.engine import Engine
from vecsearch.distributed.filesystems import without_keys
from vecsearch.distributed.fitting import learns, ready
from vecsearch.distributed.listing import Listing
from vecsearch.distributed.tasks import Task, cut
from vecsearch.distributed.work import Job, batch_size_of
from vecsearch.encoders import Encoder
from vecsearch.errors import InvalidArgument, VecsearchError
from vecsearch.images import NO_IMAGES
from vecsearch.index import EXACT, within_budget
from vecsearch.store import Part, Parts, Writer
from vecsearch.types import JSON, Metric, Progress
from vecsearch.view import newest_store

log = logging.getLogger(__name__)


def build_by_parts(
    listing: Listing,
    path: Path,
    encoder: Encoder,
    metric: Metric,
    index: Mapping[str, JSON],
    engine: Engine,
    overwrite: bool,
    progress: Progress | None,
) -> Encoder:
    """Let workers decode, encode and write parts, and commit them all as one collection.

    What is done stays in the collection's folder until the commit: after a worker, a machine or
    this process was lost, the same call goes on there, and every image is in the collection once.

    Returns:
        The encoder, fitted.

    Raises:
        InvalidArgument: No image could be read, or the encoder cannot be fitted to them.
        CollectionExists: There is something at ``path`` already.
        CollectionLocked: Another process is writing there.
        VecsearchError: A worker cannot do its work.
    """
    images = listing.images
    if not images.paths:
        why = first_of(images.skipped) if images.skipped else NO_IMAGES
        raise InvalidArgument(f"There are no images in {without_keys(listing.place)}{why}")
    check_labels(encoder, learns(encoder), images)
    with Writer(path, overwrite) as writer:
        key = draft_key("build by parts", images, encoder, metric, learns(encoder))
        parts = writer.parts({**key, "root": listing.place, "generation": writer.generation})
        fitted, saved = ready(encoder, listing, engine, parts, progress)
        same = _key(fitted.fingerprint, metric, writer.generation)
        tasks = list(cut(listing, same, fitted.dim))
        job = Job(
            folder=path.resolve(),
            encoder=fitted.name,
            saved=saved,
            metric=metric,
            decoders=engine.decoders,
            software=version("vecsearch"),
            run=uuid4().hex,
            batch_size=batch_size_of(encoder),
        )
        made = _made(parts, job, tasks, engine, progress)
        skipped = [*images.skipped, *(one for part in made for one in part.skipped)]
        if not any(part.count for part in made):
            raise InvalidArgument(
                f"None of the {len(images.paths)} image files in {without_keys(listing.place)} "
                "could be used"
                f"{first_of([one for part in made for one in part.skipped])}"
            )
        for part in made:
            writer.take(part)
        add_encoder(writer, fitted)
        writer.commit(
            metric=metric,
            dim=fitted.dim,
            source=listing.source,
            skipped=left_out(skipped, images.root),
            index=index,
            compaction="none",
        )
    return fitted


def lacks_its_index(
    path: Path, listing: Listing, encoder: Encoder, metric: Metric, index: Mapping[str, JSON]
) -> bool:
    """Whether the same build was lost after its commit, while its index was made.

    Args:
        path: Where the collection lies.
        listing: The images, and so on as for ``build_by_parts``.
        encoder: What makes the vectors.
        metric: How they are compared.
        index: The kind of index.
    """
    try:
        store = newest_store(path)
        skipped = {one.path.as_posix() for one in store.skipped()}
    except VecsearchError:
        return False
    found, known = store.manifest, store.manifest.encoder
    if known is None or dict(found.index) != dict(index):
        return False
    if (known.name, known.params) != (encoder.name, encoder.get_params()):
        return False
    budget: Any = index.get("memory_budget")
    if within_budget(str(index["kind"]), found.count, found.dim, budget) == EXACT:
        return False
    same = _key(known.fingerprint, metric, found.generation)
    there = {Path(one.vectors).stem for one in found.segments}
    tasks = {task.name: task for task in cut(listing, same, found.dim)}
    # A part of which nothing could be used has left no segment.
    lost = (path for name in tasks.keys() - there for path in tasks[name].paths)
    return tasks.keys() >= there and skipped.issuperset(lost)


def _key(fingerprint: str, metric: Metric, generation: int) -> dict[str, JSON]:
    """What makes parts the same beside their images.

    With the generation, so that a build over a collection leaves the files alone that this has.
    """
    same: dict[str, JSON] = {"fingerprint": fingerprint, "metric": metric.value}
    return same if generation == 1 else {**same, "generation": generation}


def _made(
    parts: Parts,
    job: Job,
    tasks: Sequence[Task],
    engine: Engine,
    progress: Progress | None,
) -> list[Part]:
    """The parts of all tasks, in order: those that were done, and those that are made now."""
    made = parts.done(task.name for task in tasks)
    sizes = {task.name: len(task.paths) for task in tasks}
    total, done = sum(sizes.values()), sum(sizes[name] for name in made)
    if made:
        log.info("Going on where it was interrupted: %d of %d files are done.", done, total)
    rest = [task for task in tasks if task.name not in made]
    for part in _told(engine.make(job, rest) if rest else (), sizes, done, total, progress):
        made[part.name] = part
    return [made[task.name] for task in tasks]


def _told(
    made: Iterable[Part],
    sizes: Mapping[str, int],
    done: int,
    total: int,
    progress: Progress | None,
) -> Iterable[Part]:
    for part in made:
        done += sizes[part.name]
        if progress is not None:
            progress("reading", done, total)
        yield part
