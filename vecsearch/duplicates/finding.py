"""Find duplicates: by the bytes of files, and by the distance of vectors."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

import numpy as np

from vecsearch.collection import Collection
from vecsearch.duplicates.components import (
    Components,
    check_size,
    distances_to,
    sets_of,
    split,
    spread,
)
from vecsearch.duplicates.groups import Group
from vecsearch.duplicates.keeping import Keep, as_keep, choose, member
from vecsearch.duplicates.sameness import (
    Contents,
    contents,
    first_of_hash,
    same_items,
)
from vecsearch.duplicates.threshold import Suggestion, suggest
from vecsearch.errors import InvalidArgument
from vecsearch.index import ExactIndex, as_metric, as_radius
from vecsearch.types import Metric, Progress, Rows
from vecsearch.view import View
from vecsearch.where import Where

Threshold: TypeAlias = 'float | Literal["auto"] | None'

SPREAD = 2.0


@dataclass(frozen=True)
class Duplicates:
    """What is in a collection more than once.

    Attributes:
        groups: Those whose files are the same to the byte first; then the larger ones; then in the
            order of the collection.
        threshold: How near neighbours in a group are; None if only the same bytes were looked for.
        max_spread: How far apart two of a group may be; None likewise.
        metric: How distances are measured.
        items: How many items were compared.
        suggestion: Where the threshold comes from, if it was not given.
    """

    groups: Sequence[Group]
    threshold: float | None
    max_spread: float | None
    metric: Metric
    items: int
    suggestion: Suggestion | None = None

    @property
    def dropped(self) -> int:
        """How many items there are beside those to keep."""
        return sum(len(group.members) - 1 for group in self.groups)

    @property
    def copies(self) -> int:
        """How many items have files that hold the same bytes as one before them."""
        return sum(group.copies for group in self.groups)


def find_duplicates(
    collection: Collection,
    threshold: Threshold = "auto",
    *,
    metric: Metric | str | None = None,
    where: Where = None,
    max_spread: float | None = None,
    keep: Keep = "largest",
    seed: int = 0,
    progress: Progress | None = None,
) -> Duplicates:
    """Find items that are the same picture, or nearly.

    Items whose files have the same bytes are the same. Items that are not farther apart than the
    threshold are near each other, and so are those that hang together through others: a group is a
    connected component. One that spreads farther than ``max_spread`` is a chain, and is cut by
    complete linkage so that no group does. Every item is compared with every other, in double
    precision where it matters, a block at a time.

    Args:
        collection: What to look through.
        threshold: The distance; ``auto``: as ``suggest_threshold`` says; None: only files of the
            same bytes, without a look at any vector.
        metric: Another metric than the collection's own.
        where: Only items of which this holds, as for ``query``.
        max_spread: How far apart two of a group may be; twice the threshold by default.
        keep: Which of a group to keep: the ``largest``, most pixels, then most bytes; the
            ``sharpest``, see ``sharpness``; or the ``oldest``, by the date of the file. Of equals,
            by the next of these, and in the end the first. Files that are gone, or have changed
            since, come last. Only files of the groups are read, and only where that must be.
        seed: For the sample that a suggestion is made from.
        progress: Called as the work goes on.

    Raises:
        InvalidArgument: A value makes no sense; or so many items hang together that the threshold
            is no threshold for duplicates.
        DamagedCollection: A file of the collection is not as it was written.

    Example:
        >>> books = Collection.from_vectors([[5, 1], [5.1, 1], [1, 5], [1, 5], [9, 9]])
        >>> found = find_duplicates(books, 0.2)
        >>> [(group.ids, round(group.max_distance, 3)) for group in found.groups]
        [(['0', '1'], 0.1), (['2', '3'], 0.0)]
    """
    as_keep(keep)
    view = collection.view
    wanted = collection.metric if metric is None else as_metric(metric)
    _check(threshold, max_spread)
    found = contents(view, where)
    count = len(found.rows)
    if threshold is None:
        looked = _Looked(view, found, np.zeros(count, np.int64), None, wanted)
        groups = [_group(looked, one, keep) for one in sets_of(first_of_hash(found.hashes))]
        return Duplicates(_ordered(groups), None, None, wanted, count)
    same = same_items(view, found, wanted)
    different = same.different
    index = ExactIndex(view.store.vectors(), wanted)
    suggestion = None
    if threshold == "auto":
        suggestion = suggest(index, found.rows[different], wanted, seed, progress)
        threshold = suggestion.threshold
    limit = as_radius(threshold)
    most = SPREAD * limit if max_spread is None else as_radius(max_spread)
    if most < limit:
        raise InvalidArgument(
            f"Two of a group may be {limit:.6g} apart, the threshold, so that max_spread cannot be "
            f"{most:.6g}: it is that much or more."
        )
    chief = np.arange(count)
    for together in _components(index, found.rows[different], limit, progress):
        those = different[together]
        for part in split(index.take(found.rows[those]), wanted, limit, most):
            chief[those[part]] = those[part[0]]
    looked = _Looked(view, found, same.first, index, wanted)
    groups = [_group(looked, one, keep) for one in sets_of(chief[same.leaders])]
    return Duplicates(_ordered(groups), limit, most, wanted, count, suggestion)


@dataclass(frozen=True)
class _Looked:
    """What groups are described by.

    Attributes:
        view: The generation.
        found: Its items.
        first: The place of the first item with the same vector, ``(n,)``.
        index: Its vectors; None if they were not looked at.
        metric: How they are compared.
    """

    view: View
    found: Contents
    first: Rows
    index: ExactIndex | None
    metric: Metric


def _check(threshold: Threshold, max_spread: float | None) -> None:
    if isinstance(threshold, str) and threshold != "auto":
        raise InvalidArgument(f"A threshold is a distance, auto or none, not {threshold!r}.")
    if threshold is not None and threshold != "auto":
        as_radius(threshold)
    if max_spread is not None:
        if threshold is None:
            raise InvalidArgument("Files of the same bytes have no spread: leave out max_spread.")
        as_radius(max_spread)


def _components(
    index: ExactIndex, rows: Rows, limit: float, progress: Progress | None
) -> Iterator[Rows]:
    """What hangs together among some rows: places among them."""
    place = np.full(len(index), -1, np.int64)
    place[rows] = np.arange(len(rows))
    linked = Components(len(rows))
    allowed = place >= 0
    for done, pairs in index.pairs_within(limit, None if allowed.all() else allowed):
        if linked.join(place[pairs.left], place[pairs.right]):
            check_size(linked.labels, limit)
        if progress is not None:
            progress("comparing", done, len(rows))
    yield from linked.sets()


def _group(looked: _Looked, places: Rows, keep: Keep) -> Group:
    view, found = looked.view, looked.found
    records = [view.store.record(row) for row in found.rows[places].tolist()]
    members, chosen = choose([member(view.item(one), one) for one in records], keep)
    hashes = {found.hashes[place] for place in places.tolist()}
    exact = None not in hashes and len(hashes) == 1
    distinct = np.unique(looked.first[places])
    farthest = 0.0
    if looked.index is not None and len(distinct) > 1:
        farthest = spread(looked.index.take(found.rows[distinct]), looked.metric)
        vectors = looked.index.take(found.rows[distinct])
        kept = vectors[np.searchsorted(distinct, looked.first[places[chosen]])]
        apart = distances_to(kept, vectors, looked.metric)
        apart[np.searchsorted(distinct, looked.first[places[chosen]])] = 0.0
        each = apart[np.searchsorted(distinct, looked.first[places])].tolist()
        members = [
            replace(one, distance=distance) for one, distance in zip(members, each, strict=True)
        ]
    return Group(members, farthest, exact, members[chosen].id)


def _ordered(groups: Sequence[Group]) -> Sequence[Group]:
    return sorted(groups, key=lambda group: (not group.exact, -len(group.members)))
