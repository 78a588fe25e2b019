"""Ask about queries of known classes and about strangers, and note how far they are."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from vecsearch.classification import Centroids, Rule
from vecsearch.classification.votes import knn_vote
from vecsearch.errors import InvalidArgument
from vecsearch.evaluation.asking import Labelled
from vecsearch.index import distance_blocks, distances
from vecsearch.types import Distances, Metric, Progress, Rows, Vectors

# More comparisons of queries with classes not their own are sampled: the rates of a million are
# known to a thousandth.
MOST_COMPARISONS = 1_000_000
BLOCK_BYTES = 64 << 20
# As many as cross-validation has by custom; more where an encoder need not be fitted for each.
FOLDS, FOLDS_UNFITTED = 10, 50
# An interval from fewer labels says nothing.
FEWEST_LABELS = 5


@dataclass(frozen=True)
class Answers:
    """What some queries were taken for.

    Attributes:
        distances: How far each is from the class that it is nearest to, ``(n,)``.
        taken_for: That class, as a position in the trial's ``names``.
        right: Whether it is the query's own.
        groups: What a bootstrap draws together: the label of each query, as a number, or the
            query itself where labels are too few.
    """

    distances: Distances
    taken_for: Rows
    right: NDArray[np.bool_]
    groups: Rows

    def part(self, rows: NDArray[Any]) -> "Answers":
        """Those at some rows."""
        return Answers(*(values[rows] for values in vars(self).values()))


@dataclass(frozen=True)
class Comparisons:
    """How far queries are from classes, one by one: distances, and groups as of ``Answers``."""

    distances: Distances
    groups: Rows


@dataclass(frozen=True)
class Trial:
    """What came of asking.

    Attributes:
        names: The classes of the gallery, sorted.
        known: What queries of these classes were taken for.
        strangers: What others were taken for.
        genuine: Each of these queries with its own class.
        impostor: Each of them with each class that is not its own.
    """

    names: Sequence[str]
    known: Answers
    strangers: Answers
    genuine: Comparisons
    impostor: Comparisons


def ask(
    gallery: Labelled,
    queries: Labelled,
    rule: Rule,
    metric: Metric,
    seed: int = 0,
    progress: Progress | None = None,
) -> Trial:
    """Ask a gallery about labelled queries; those whose labels it has not got are strangers.

    Args:
        gallery: What is known; each has a label.
        queries: What is asked; each has a label. One with the id of a gallery item is asked about
            the others.
        rule: How a class is decided.
        metric: How to compare.
        seed: For the choice of comparisons if they are very many.
        progress: Called as the work goes on.

    Raises:
        InvalidArgument: Items are to be taken out of something else than single means.
    """
    names, codes = np.unique(np.array(gallery.labels, dtype=str), return_inverse=True)
    labels, groups = np.unique(np.array(queries.labels, dtype=str), return_inverse=True)
    at = np.minimum(np.searchsorted(names, labels), len(names) - 1)
    own_class = np.where(names[at] == labels, at, -1)[groups]
    row_of = {name: row for row, name in enumerate(gallery.ids)}
    own_row = np.array([row_of.get(name, -1) for name in queries.ids], np.int64)
    # Who has nobody of their class there could not be found, and is no stranger either.
    others = np.bincount(codes)[own_class] - (own_row >= 0)
    known, strange = (own_class >= 0) & (others > 0), own_class < 0
    groups = _resampled(groups, known, strange)

    centroids = None
    if rule.method == "centroid":
        centroids = _centroids(gallery, codes, len(names), rule, metric, bool((own_row >= 0).any()))
    count = len(queries.ids)
    order = np.argsort(codes, kind="stable")
    firsts = np.searchsorted(codes[order], np.arange(len(names)))
    kept = min(1.0, MOST_COMPARISONS / max(1, count * len(names)))
    rng = np.random.default_rng(seed)
    found, nearest = np.full(count, -1, np.int64), np.full(count, np.inf)
    genuine = np.full(count, np.inf)
    impostor: list[tuple[Distances, Rows]] = []
    for block, apart in distance_blocks(queries.vectors, gallery.vectors, metric):
        mine, itself = own_class[block], own_row[block]
        inside = np.flatnonzero(itself >= 0)
        apart[inside, itself[inside]] = np.inf
        if centroids is None:
            by_class = np.minimum.reduceat(apart[:, order], firsts, axis=1)
        else:
            members = np.where(itself >= 0, mine, -1) if len(inside) else None
            by_class = centroids.distances(queries.vectors[block], members)
        if centroids is None:
            found[block], rows = _voted(apart, codes, rule)
            there = np.flatnonzero(rows >= 0)
            nearest[block.start + there] = _measured(
                queries.vectors[block][there], gallery.vectors, rows[there], metric
            )
        else:
            nearest[block] = by_class.min(axis=1)
            found[block] = np.where(np.isfinite(nearest[block]), by_class.argmin(axis=1), -1)
        has = np.flatnonzero(mine >= 0)
        genuine[block.start + has] = by_class[has, mine[has]]
        by_class[has, mine[has]] = np.inf
        chosen = np.isfinite(by_class) & (known | strange)[block, None]
        query, other = np.nonzero(chosen & (rng.random(by_class.shape) < kept))
        impostor.append((by_class[query, other], groups[block.start + query]))
        if progress is not None:
            progress("asking", block.stop, count)

    answers = Answers(nearest, found, found == own_class, groups)
    apart, of = (np.concatenate(parts) for parts in zip(*impostor, strict=True))
    return Trial(
        names=[str(name) for name in names],
        known=answers.part(known & (found >= 0)),
        strangers=answers.part(strange & (found >= 0)),
        genuine=Comparisons(genuine[known], groups[known]),
        impostor=Comparisons(apart, of),
    )


def strangers_left_out(
    gallery: Labelled,
    rule: Rule,
    metric: Metric,
    rng: Generator,
    encode: Callable[[NDArray[np.bool_]], Vectors] | None = None,
    most: int | None = None,
    progress: Progress | None = None,
) -> Answers:
    """What the items of a gallery are taken for where their class is not known.

    The classes are dealt into folds, and those of each fold are asked of the items of all other
    classes.

    Args:
        gallery: What is known; each has a label.
        rule: How a class is decided.
        metric: How to compare.
        rng: For the folds, and for the choice of items.
        encode: Given which items an encoder may learn from, what makes vectors of all. An encoder
            that has learned from the strangers keeps them farther apart than it will keep others,
            and a threshold that was found by them lets many more of the others in.
        most: How many items are asked about; all by default.
        progress: Called as the work goes on.

    Raises:
        InvalidArgument: There is but one class.
    """
    names, codes = np.unique(np.array(gallery.labels, dtype=str), return_inverse=True)
    if len(names) == 1:
        raise InvalidArgument(
            f"The only class is {str(names[0])!r}: to know strangers from it, bring some."
        )
    folds = min(FOLDS_UNFITTED if encode is None else FOLDS, len(names))
    fold_of = rng.permutation(len(names)) % folds
    wanted = np.full(len(codes), True)
    if most is not None and most < len(codes):
        wanted = np.isin(np.arange(len(codes)), rng.choice(len(codes), most, replace=False))
    parts: list[Answers] = []
    for fold in range(folds):
        outside = fold_of[codes] == fold
        asked_about = outside & wanted
        if asked_about.any():
            vectors = gallery.vectors if encode is None else encode(~outside)
            seen = replace(gallery, vectors=vectors)
            known, asked = (seen.part(np.flatnonzero(one)) for one in (~outside, asked_about))
            trial = ask(known, asked, rule, metric)
            taken_for = np.searchsorted(names, np.array(trial.names))[trial.strangers.taken_for]
            parts.append(replace(trial.strangers, taken_for=taken_for, groups=codes[asked_about]))
        if progress is not None:
            progress("leaving classes out", fold + 1, folds)
    columns = zip(*(vars(part).values() for part in parts), strict=True)
    return Answers(*(np.concatenate(column) for column in columns))


def _centroids(
    gallery: Labelled, codes: Rows, classes: int, rule: Rule, metric: Metric, among: bool
) -> Centroids:
    if among and (rule.centroids > 1 or rule.center != "mean"):
        raise InvalidArgument(
            "An item cannot be taken out of several centroids, or out of a medoid, to be asked "
            "about: bring queries of known classes that are not in the collection."
        )
    return Centroids(
        gallery.vectors, codes, classes, metric, each=rule.centroids, center=rule.center
    )


def _resampled(groups: Rows, *kinds: NDArray[np.bool_]) -> Rows:
    """What a bootstrap draws: labels; single queries, where the labels of a kind are too few."""
    groups = groups.copy()
    for kind in kinds:
        if 0 < len(np.unique(groups[kind])) < FEWEST_LABELS:
            groups[kind] = groups.max() + 1 + np.arange(np.count_nonzero(kind))
    return groups


def _voted(apart: Distances, codes: Rows, rule: Rule) -> tuple[Rows, Rows]:
    """The class of each query and the row of it that is nearest; −1 if nobody is left."""
    k = min(rule.k, apart.shape[1])
    rows = np.argpartition(apart, k - 1, axis=1)[:, :k]
    near = np.take_along_axis(apart, rows, 1)
    # Of equally near ones the first in the gallery counts, as in every search.
    tied = np.count_nonzero(apart <= near.max(axis=1, keepdims=True), axis=1) > k
    rows[tied] = np.argsort(apart[tied], axis=1, kind="stable")[:, :k]
    near = np.take_along_axis(apart, rows, 1)
    order = np.lexsort((rows, near))
    rows, near = np.take_along_axis(rows, order, 1), np.take_along_axis(near, order, 1)
    voters = np.where(np.isfinite(near), codes[rows], -1)
    chosen, _ = knn_vote(voters, near, rule.weights)
    first = (voters == chosen[:, None]).argmax(axis=1)
    return chosen, np.where(chosen >= 0, rows[np.arange(len(rows)), first], -1)


def _measured(queries: Vectors, gallery: Vectors, rows: Rows, metric: Metric) -> Distances:
    """How far each query ``(n, dim)`` is from the row at its side, as ``classify`` measures it.

    A product of matrices leaves what is the same a little apart, and a threshold found by that
    would accept the very picture of a stranger.
    """
    apart = np.empty(len(queries))
    step = max(1, BLOCK_BYTES // (32 * gallery.shape[1]))
    for start in range(0, len(queries), step):
        part = slice(start, start + step)
        apart[part] = distances(queries[part], gallery[rows[part]], metric)
    return apart
