"""How good an embedding is on images that it did not learn from."""

from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

from vecsearch.classification import knn_vote
from vecsearch.index import ExactIndex, nearest_others
from vecsearch.types import JSON, Metric, Vectors

NEIGHBOURS = 5
PAIRS, LEAST_PAIRS = 20_000, 100


@dataclass(frozen=True)
class Figures:
    """How good an embedding is; each from 0 to 1.

    Attributes:
        pair_accuracy: How many of 20,000 pairs of held-out images, half of them of one label, are
            told right by the best threshold on their distance. Where fewer than 100 pairs of them
            are of one label, each is of a held-out image and one that is searched. None without.
        recall_at_1: How many held-out images have a nearest neighbour of their label.
        knn_accuracy: How many get their label by the vote of their 5 nearest neighbours.
    """

    pair_accuracy: float | None
    recall_at_1: float
    knn_accuracy: float

    def to_json(self) -> dict[str, JSON]:
        """As plain values."""
        known = {name: value for name, value in asdict(self).items() if value is not None}
        return {name: round(value, 5) for name, value in known.items()}


def validate(
    gallery: Vectors,
    gallery_codes: NDArray[np.int64],
    held: Vectors,
    held_codes: NDArray[np.int64],
    among_themselves: bool,
    seed: int,
) -> Figures:
    """Measure an embedding on held-out images.

    Args:
        gallery: What is searched, ``(n, dim)``.
        gallery_codes: The class of each, from 0.
        held: The queries, ``(m, dim)``.
        held_codes: The class of each.
        among_themselves: Whether queries search one another rather than the gallery.
        seed: For the choice of pairs.
    """
    searched = held if among_themselves else gallery
    classes = held_codes if among_themselves else gallery_codes
    index = ExactIndex([searched], Metric.EUCLIDEAN)
    if among_themselves:
        own = np.arange(len(held))
        distances, rows = nearest_others(index, held.__getitem__, own, NEIGHBOURS)
    else:
        distances, rows = index.search(held, NEIGHBOURS)
    codes = classes[rows]
    counts = np.unique(held_codes, return_counts=True)[1]
    few = (counts * (counts - 1) // 2).sum() < LEAST_PAIRS and not among_themselves
    return Figures(
        pair_accuracy(held, held_codes, seed, (searched, classes) if few else None),
        float((codes[:, 0] == held_codes).mean()),
        float((knn_vote(codes, distances)[0] == held_codes).mean()),
    )


def pair_accuracy(
    vectors: Vectors,
    codes: NDArray[np.int64],
    seed: int,
    others: tuple[Vectors, NDArray[np.int64]] | None = None,
) -> float | None:
    """How many pairs the best threshold on their distance tells right; None without any.

    Half of the pairs are of one label.

    Args:
        vectors: ``(n, dim)``.
        codes: The class of each.
        seed: For the choice of pairs.
        others: Vectors and classes that the second of each pair is from; by default the same.
    """
    second, second_codes = (vectors, codes) if others is None else others
    if not len(second):
        return None
    rng = np.random.default_rng(seed)
    left = rng.integers(0, len(codes), 40 * PAIRS)
    right = rng.integers(0, len(second), 40 * PAIRS)
    same = codes[left] == second_codes[right]
    alike = np.flatnonzero(same if others is not None else same & (left != right))
    apart = np.flatnonzero(~same)
    count = min(len(alike), len(apart), PAIRS // 2)
    if not count:
        return None
    chosen = np.concatenate([alike[:count], apart[:count]])
    distances = np.square(vectors[left[chosen]] - second[right[chosen]]).sum(1)
    order = np.argsort(distances, kind="stable")
    are_same = order < count
    right_so_far = np.cumsum(are_same) + (count - np.cumsum(~are_same))
    # No threshold lies between two that are equally far apart.
    ends = np.append(np.diff(distances[order]) > 0, True)
    return float(max(count, right_so_far[ends].max()) / (2 * count))
