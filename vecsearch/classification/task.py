"""Say of images what they are, or that they are strangers, by what a collection holds."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias, get_args

import numpy as np
from numpy.typing import ArrayLike

from vecsearch.classification.centroids import Center, Centroids, as_center
from vecsearch.classification.labelled import labelled, nothing_labelled
from vecsearch.classification.rejection import Rejection
from vecsearch.classification.votes import Weights, as_weights, decide
from vecsearch.collection import Collection
from vecsearch.errors import InvalidArgument
from vecsearch.images import ImageLike
from vecsearch.index import as_metric, check_vectors
from vecsearch.types import JSON, Hit, Metric, Progress, Skipped

Method: TypeAlias = Literal["knn", "centroid"]
Reject: TypeAlias = 'float | Literal["auto"] | None'

DEFAULT_NEIGHBOURS = 5


@dataclass(frozen=True)
class Rule:
    """How a class is decided.

    Attributes:
        method: ``knn``: the vote of the nearest neighbours; ``centroid``: the nearest centroid.
        k: How many neighbours vote, and are shown.
        weights: What their votes count; see ``knn_vote``.
        centroids: How many a class has; see ``Centroids``.
        center: What they are.
    """

    method: Method = "knn"
    k: int = DEFAULT_NEIGHBOURS
    weights: Weights = "uniform"
    centroids: int = 1
    center: Center = "mean"

    def __post_init__(self) -> None:
        if self.method not in get_args(Method):
            raise InvalidArgument(f"{self.method!r} is no method: {' or '.join(get_args(Method))}.")
        as_weights(self.weights)
        as_center(self.center)
        for name in ("k", "centroids"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                raise InvalidArgument(f"{name} is a whole number, 1 or more, not {value!r}.")

    @property
    def settings(self) -> dict[str, JSON]:
        """What the distances of its method depend on."""
        if self.method == "knn":
            return {"k": self.k, "weights": self.weights}
        return {"centroids": self.centroids, "center": self.center}


@dataclass(frozen=True)
class Prediction:
    """What something was taken for.

    Attributes:
        label: Its class; None for a stranger.
        nearest: The class it is nearest to, stranger or not.
        confidence: How sure that is, in [0, 1]. By k nearest neighbours: the share of ``nearest``
            in the votes. By centroid: its membership; see ``Centroids.memberships``.
        distance: How far it is from ``nearest``: from the nearest neighbour of that class, or from
            its nearest centroid. Beyond the rejection threshold, it is a stranger.
        method: ``knn`` or ``centroid``.
        neighbours: The nearest labelled items, nearest first.
    """

    label: str | None
    nearest: str
    confidence: float
    distance: float
    method: str
    neighbours: Sequence[Hit]


class Classifier:
    """Says of images what they are, by the labelled items that a collection has at this moment.

    Args:
        collection: What is known.
        method: ``knn``: the vote of the k nearest neighbours; of classes with equally many votes,
            the nearer one. ``centroid``: the class whose centroid is nearest.
        k: How many neighbours vote, and are shown; 5, or as it was calibrated.
        weights: For ``knn``: ``uniform`` or ``distance``: what their votes count; see ``knn_vote``.
        centroids: For ``centroid``: how many a class has; 1, or as it was calibrated. See
            ``Centroids``.
        center: For ``centroid``: ``mean`` or ``medoid``.
        reject: Who is a stranger: nobody (None); who is farther than this from the class that is
            nearest; or ``auto``: by the thresholds that ``calibrate`` has stored.
        metric: Another metric than the collection's own; with ``auto``, that of its calibration.
        exact: Compare with every item, whatever index there is.

    Raises:
        InvalidArgument: A value makes no sense, the collection has no labelled items, or it was
            not calibrated for this way of classifying.

    Example:
        >>> photos = Classifier(Collection.open("tests/golden/v1"), k=1)
        >>> photos.classify(["tests/data/photos/cat/alpha.png"])[0].label
        'cat'
    """

    def __init__(
        self,
        collection: Collection,
        *,
        method: Method = "knn",
        k: int | None = None,
        weights: Weights | None = None,
        centroids: int | None = None,
        center: Center | None = None,
        reject: Reject = None,
        metric: Metric | str | None = None,
        exact: bool = False,
    ) -> None:
        self._collection, self._exact = collection, exact
        self._metric = collection.metric if metric is None else as_metric(metric)
        given = {"k": k, "weights": weights, "centroids": centroids, "center": center}
        asked: dict[str, Any] = {name: one for name, one in given.items() if one is not None}
        self._rejection: Rejection | None = None
        self._limit = math.inf
        if reject == "auto":
            wanted = None if metric is None else self._metric
            self._rejection = stored_rejection(collection, method, wanted)
            self._metric = self._rejection.metric
            self._rule = _agreed(self._rejection, asked)
        else:
            self._rule = Rule(method, **asked)
            self._limit = math.inf if reject is None else _as_distance(reject)
        self._names: Sequence[str] = ()
        self._centroids: Centroids | None = None
        if method == "centroid":
            vectors, labels = labelled(collection)
            names, codes = np.unique(labels, return_inverse=True)
            self._names = names.tolist()
            self._centroids = Centroids(
                vectors,
                codes,
                len(self._names),
                self._metric,
                each=self._rule.centroids,
                center=self._rule.center,
            )
        elif not collection.is_labelled:
            raise nothing_labelled(self._collection)

    def classify(self, images: Sequence[ImageLike]) -> list[Prediction]:
        """What each of some images is.

        Args:
            images: Paths, Pillow images or uint8 arrays.

        Raises:
            ImageError: An image cannot be read; under cosine, also if its vector is zero.
            InvalidArgument: Something is not an image, or the collection has no encoder.
        """
        return self.classify_vectors(self._collection.encode(images, self._metric))

    def classify_folder(
        self,
        folder: str | Path,
        *,
        jobs: int | None = None,
        progress: Progress | None = None,
    ) -> tuple[dict[Path, Prediction], Sequence[Skipped]]:
        """What each image below a folder is, and the files that were left out.

        Args:
            folder: Where they are, to any depth.
            jobs: How many processes decode.
            progress: Called as the work goes on.
        """
        return self._collection.ask_folder(
            folder, self.classify_vectors, jobs, progress, self._metric
        )

    def classify_vectors(self, vectors: ArrayLike) -> list[Prediction]:
        """What each of some vectors is, ``(n, dim)``.

        Raises:
            InvalidArgument: They are not vectors of this dim; under cosine, also if one is zero.
        """
        queries = check_vectors(vectors, self._collection.dim, self._metric)
        hits = self._collection.query_vectors(
            queries, self._rule.k, where="label exists", metric=self._metric, exact=self._exact
        )
        if not hits:
            return []
        if self._centroids is None:
            if not hits[0]:
                raise nothing_labelled(self._collection)
            # By the hits alone: an item may have come since, with a label that was not there.
            labels = [[str(hit.item.label) for hit in row] for row in hits]
            names, found = np.unique(np.array(labels), return_inverse=True)
            apart = np.array([[hit.distance for hit in row] for row in hits])
            codes, distances, sure = decide(found.reshape(apart.shape), apart, self._rule.weights)
        else:
            names = np.array(self._names)
            every = self._centroids.distances(queries)
            codes, distances = every.argmin(axis=1), every.min(axis=1)
            sure = self._centroids.memberships(every)[np.arange(len(queries)), codes]
        nearest = [str(names[code]) for code in codes.tolist()]
        accepted = distances <= self._limit
        if self._rejection is not None:
            accepted = self._rejection.accepts(nearest, distances)
        return [
            Prediction(name if known else None, name, share, distance, self._rule.method, row)
            for name, known, share, distance, row in zip(
                nearest, accepted.tolist(), sure.tolist(), distances.tolist(), hits, strict=True
            )
        ]


def classify(
    collection: Collection, images: Sequence[ImageLike], **options: Any
) -> list[Prediction]:
    """Say what each of some images is; with the options of ``Classifier``.

    Example:
        >>> photos = Collection.open("tests/golden/v1")
        >>> classify(photos, ["tests/data/photos/cat/alpha.png"], k=1, reject=5.0)[0].label
        'cat'
    """
    return Classifier(collection, **options).classify(images)


def stored_rejection(collection: Collection, method: str, metric: Metric | None) -> Rejection:
    """What ``calibrate`` has stored.

    Raises:
        InvalidArgument: Nothing for this method, or for another metric than is asked for.
        DamagedCollection: It is not as it was written.
    """
    body = collection.calibration.get(method)
    if body is None:
        raise InvalidArgument(
            f"{collection.place} was not calibrated for {method}: "
            f"vecsearch calibrate {collection.place} QUERIES --method {method}"
        )
    rejection = Rejection.from_json(body)
    if metric not in (None, rejection.metric):
        raise InvalidArgument(
            f"{collection.place} was calibrated with the {rejection.metric} metric, not {metric}: "
            "leave the metric out, or calibrate with it."
        )
    return rejection


def _agreed(rejection: Rejection, asked: Mapping[str, Any]) -> Rule:
    """The rule that a threshold is for."""
    for name, value in asked.items():
        if rejection.settings.get(name, value) != value:
            raise InvalidArgument(
                f"The threshold was found with {name} {rejection.settings[name]}, not {value}: "
                "leave it out, or calibrate anew."
            )
    settings: dict[str, Any] = {**asked, **rejection.settings}
    return Rule(rejection.method, **settings)  # type: ignore[arg-type]


def _as_distance(reject: float | str) -> float:
    if isinstance(reject, str) or not reject >= 0:
        raise InvalidArgument(f"Strangers are refused by a distance, or auto, not {reject!r}.")
    return float(reject)
