"""Ask about queries of known classes and about strangers, and note how far they are."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vecsearch.classification import Centroids, Rule
from vecsearch.classification.votes import decide
from vecsearch.errors import InvalidArgument
from vecsearch.evaluation.asking import Labelled
from vecsearch.index import distance_blocks
from vecsearch.types import Distances, Metric, Progress, Rows, Vectors

# More comparisons than these are sampled: the rates of a million are known to a thousandth.
MOST_COMPARISONS = 1_000_000
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
        genuine: Each known query with its own class.
        impostor: Each query with each class that is not its own.
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
        seed: For k-means, and for the choice of comparisons if they are very many.
        progress: Called as the work goes on.
    """
    names, codes = np.unique(np.array(gallery.labels, dtype=str), return_inverse=True)
    order = np.argsort(codes, kind="stable")
    codes, vectors = codes[order], gallery.vectors[order]
    labels, groups = np.unique(np.array(queries.labels, dtype=str), return_inverse=True)
    at = np.minimum(np.searchsorted(names, labels), len(names) - 1)
    own_class = np.where(names[at] == labels, at, -1)[groups]
    row_of = {gallery.ids[row]: place for place, row in enumerate(order.tolist())}
    own_row = np.array([row_of.get(name, -1) for name in queries.ids], np.int64)
    groups = _resampled(groups, own_class >= 0)

    centroids = None
    if rule.method == "centroid":
        centroids = Centroids(
            vectors, codes, len(names), metric, each=rule.centroids, center=rule.center, seed=seed
        )
    count = len(queries.ids)
    firsts = np.searchsorted(codes, np.arange(len(names)))
    kept = min(1.0, MOST_COMPARISONS / max(1, count * len(names)))
    rng = np.random.default_rng(seed)
    found, nearest = np.full(count, -1, np.int64), np.full(count, np.inf)
    compared: list[tuple[Distances, Rows, Rows]] = []
    for block, apart in distance_blocks(queries.vectors, vectors, metric):
        itself = own_row[block]
        inside = np.flatnonzero(itself >= 0)
        apart[inside, itself[inside]] = np.inf
        if centroids is None:
            by_class = np.minimum.reduceat(apart, firsts, axis=1)
        else:
            members = np.where(itself >= 0, own_class[block], -1) if len(inside) else None
            by_class = centroids.distances(queries.vectors[block], members)
        found[block], nearest[block] = _decided(apart, by_class, codes, rule)
        chosen = np.isfinite(by_class) & (rng.random(by_class.shape) < kept)
        query, other = np.nonzero(chosen)
        compared.append((by_class[query, other], block.start + query, other))
        if progress is not None:
            progress("asking", block.stop, count)

    answers = Answers(nearest, found, found == own_class, groups)
    # Who has nobody of their class there could not be found.
    known = (own_class >= 0) & (np.bincount(codes)[own_class] > (own_row >= 0)) & (found >= 0)
    distances, query, other = (np.concatenate(parts) for parts in zip(*compared, strict=True))
    same = own_class[query] == other
    return Trial(
        names=[str(name) for name in names],
        known=answers.part(known),
        strangers=answers.part((own_class < 0) & (found >= 0)),
        genuine=Comparisons(distances[same], groups[query[same]]),
        impostor=Comparisons(distances[~same], groups[query[~same]]),
    )


def strangers_left_out(
    gallery: Labelled,
    rule: Rule,
    metric: Metric,
    seed: int = 0,
    encode: Callable[[NDArray[np.bool_]], Vectors] | None = None,
    progress: Progress | None = None,
) -> Answers:
    """What the items of a gallery are taken for where their class is not known.

    The classes are dealt into folds, and those of each fold are asked of the items of all other
    classes.

    Args:
        gallery: What is known; each has a label.
        rule: How a class is decided.
        metric: How to compare.
        seed: For the folds, and for k-means.
        encode: Given which items an encoder may learn from, what makes vectors of all. An encoder
            that has learned from the strangers keeps them farther apart than it will keep others,
            and a threshold that was found by them lets many more of the others in.
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
    fold_of = np.random.default_rng(seed).permutation(len(names)) % folds
    parts = []
    for fold in range(folds):
        outside = fold_of[codes] == fold
        vectors = gallery.vectors if encode is None else encode(~outside)
        seen = replace(gallery, vectors=vectors)
        known, asked = (seen.part(np.flatnonzero(part)) for part in (~outside, outside))
        trial = ask(known, asked, rule, metric, seed)
        taken_for = np.searchsorted(names, np.array(trial.names))[trial.strangers.taken_for]
        parts.append(replace(trial.strangers, taken_for=taken_for, groups=codes[outside]))
        if progress is not None:
            progress("leaving classes out", fold + 1, folds)
    whole = Answers(*(np.concatenate(one) for one in zip(*map(_values, parts), strict=True)))
    return replace(whole, groups=_resampled(whole.groups, np.full(len(whole.groups), True)))


def _values(answers: Answers) -> list[NDArray[Any]]:
    return list(vars(answers).values())


def _resampled(groups: Rows, known: NDArray[np.bool_]) -> Rows:
    """What a bootstrap draws: labels; single queries, where the labels of a kind are too few."""
    groups = groups.copy()
    for kind in (known, ~known):
        if 0 < len(np.unique(groups[kind])) < FEWEST_LABELS:
            groups[kind] = groups.max() + 1 + np.arange(np.count_nonzero(kind))
    return groups


def _decided(
    apart: Distances, by_class: Distances, codes: Rows, rule: Rule
) -> tuple[Rows, Distances]:
    """The class of each query and how far it is from it; −1 and infinity if nobody is left."""
    if rule.method == "centroid":
        nearest = by_class.min(axis=1)
        return np.where(np.isfinite(nearest), by_class.argmin(axis=1), -1), nearest
    k = min(rule.k, apart.shape[1])
    rows = np.argpartition(apart, k - 1, axis=1)[:, :k]
    near = np.take_along_axis(apart, rows, 1)
    order = np.lexsort((rows, near))
    rows, near = np.take_along_axis(rows, order, 1), np.take_along_axis(near, order, 1)
    voters = np.where(np.isfinite(near), codes[rows], -1)
    chosen, nearest, _ = decide(voters, near, rule.weights)
    return chosen, nearest
