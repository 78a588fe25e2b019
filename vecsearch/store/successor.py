"""What a generation takes over from the one before it."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime

from vecsearch.store.durable import Stamp
from vecsearch.store.manifest import ANNEntry, EncoderEntry, Manifest, SegmentEntry, Source
from vecsearch.types import JSON, Metric

# What is said of an index, rather than measured of it.
STAYS = ("kind", "memory_budget")
# What the first generation of a collection begins with.
NOTHING = Manifest(
    generation=0,
    metric=Metric.EUCLIDEAN,
    dim=0,
    count=0,
    source=None,
    encoder=None,
    index={"kind": "exact"},
    ann=None,
    segments=(),
    skipped=None,
    calibration=None,
    clusterings={},
    files={},
    created="",
    software="",
)


def successor(
    before: Manifest | None,
    generation: int,
    segments: tuple[SegmentEntry, ...],
    files: Mapping[str, Stamp],
    *,
    metric: Metric | None,
    dim: int | None,
    source: Source | None,
    encoder: EncoderEntry | None,
    index: Mapping[str, JSON] | None,
    ann: ANNEntry | None,
) -> Manifest:
    """The manifest of some segments. What is None is as it was before.

    With another encoder all that was found out of the vectors of the one before is left behind.

    Args:
        before: The generation before; None for the first.
        generation: The number of this one.
        segments: Its blocks of items.
        files: The stamps of files that are new.
        metric: How distances are measured.
        dim: The length of the vectors.
        source: The folder that is followed.
        encoder: What made the vectors, if that is another one.
        index: The kind of index and its parameters.
        ann: An approximate index, if it is new.
    """
    from importlib.metadata import version

    before = before or NOTHING
    found = replace(
        before,
        generation=generation,
        metric=metric or before.metric,
        dim=dim or before.dim,
        count=sum(entry.alive for entry in segments),
        source=source or before.source,
        segments=segments,
        files={**before.files, **files},
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        software=version("vecsearch"),
    )
    if encoder is not None:
        said = {key: before.index[key] for key in STAYS if key in before.index}
        found = replace(
            found, encoder=encoder, index=said, ann=None, calibration=None, clusterings={}
        )
    if index:
        found = replace(found, index=index, ann=None)
    return found if ann is None else replace(found, ann=ann)
