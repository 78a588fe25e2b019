"""Which segments are written anew, so that dead rows and small files do not gather."""

from collections.abc import Sequence
from dataclasses import replace

from vecsearch.store.manifest import Manifest, SegmentEntry
from vecsearch.store.segment import joined, write_segment
from vecsearch.store.store import Store

MOST_DEAD = 0.2


def compacted(store: Store, most: int, everything: bool) -> Manifest:
    """A manifest of the same items in fewer segments. What is written anew is checked first.

    Args:
        store: The items.
        most: How many of them a segment may have.
        everything: Leave no dead row, and no segment that fits into its neighbour.
    """
    entries = store.manifest.segments
    segments: list[list[SegmentEntry]] = [[entry] for entry in entries]
    files = dict(store.manifest.files)
    for run in groups(entries, most, everything):
        old = [entries[at] for at in run]
        vectors = [store.vectors_of(entry)[store.alive_in(entry)] for entry in old]
        block = joined([store.block(entry) for entry in old])
        entry, stamps = write_segment(store.folder, vectors, block)
        files |= stamps
        for at in run:
            segments[at] = []
        segments[run.start] = [entry]
    kept = tuple(entry for written in segments for entry in written)
    return replace(
        store.manifest, segments=kept, count=sum(entry.alive for entry in kept), files=files
    )


def groups(segments: Sequence[SegmentEntry], most: int, everything: bool) -> list[range]:
    """Runs of neighbouring segments, each of which is to become one.

    A segment with more than a fifth of its rows dead is written anew. And the last segments are
    merged while those behind one hold as many items as it does: so there are as many small
    segments as a number has binary digits, and an item is rewritten as many times at most.

    Args:
        segments: All of them, in order.
        most: How many items a segment may have.
        everything: Leave no dead row, and no segment that fits into its neighbour.

    Example:
        >>> one = SegmentEntry(1, "", "", "", "")
        >>> groups([SegmentEntry(100, "", "", "", ""), one, one], most=1000, everything=False)
        [range(1, 3)]
    """
    if everything:
        runs = _packed(segments, most)
        return [run for run in runs if len(run) > 1 or segments[run.start].dead_count]
    first = _first_of_tail(segments, most)
    stale = [
        range(at, at + 1)
        for at, entry in enumerate(segments[:first])
        if entry.dead_count > MOST_DEAD * entry.count
    ]
    tail = range(first, len(segments))
    if len(tail) > 1 or any(
        segments[at].dead_count > MOST_DEAD * segments[at].count for at in tail
    ):
        stale.append(tail)
    return stale


def _first_of_tail(segments: Sequence[SegmentEntry], most: int) -> int:
    """Where the segments begin that are merged into one."""
    if not segments:
        return 0
    first = len(segments) - 1
    total = segments[first].alive
    while first and segments[first - 1].alive <= min(total, most - total):
        first -= 1
        total += segments[first].alive
    return first


def _packed(segments: Sequence[SegmentEntry], most: int) -> list[range]:
    """Runs that are as long as a segment may be."""
    runs: list[range] = []
    total = 0
    for at, entry in enumerate(segments):
        if runs and total + entry.alive <= most:
            runs[-1] = range(runs[-1].start, at + 1)
            total += entry.alive
        else:
            runs.append(range(at, at + 1))
            total = entry.alive
    return runs
