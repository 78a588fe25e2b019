"""The two ways of classifying as estimators of scikit-learn."""

from typing import Any, Self, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from vecsearch.classification.centroids import Center, Centroids
from vecsearch.classification.labelled import labelled
from vecsearch.classification.votes import Weights, as_weights, decide, vote_weights
from vecsearch.collection import Collection
from vecsearch.errors import InvalidArgument
from vecsearch.index import ExactIndex, as_metric, check_vectors, nearest_others
from vecsearch.types import Distances, Metric, Rows, Vectors

Labels: TypeAlias = NDArray[Any]


class _Classifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """What both have in common: what they take, and that they may refuse a stranger."""

    metric: Metric | str | None
    reject: float | None

    def fit(self, X: ArrayLike | Collection, y: ArrayLike | None = None) -> Self:  # noqa: N803
        """Take in labelled vectors.

        Args:
            X: ``(n, dim)`` numbers; or a collection, whose labelled items are taken.
            y: Their classes, ``(n,)``; left out for a collection.

        Raises:
            InvalidArgument: A value makes no sense, or the collection has no labelled items.
            ValueError: X or y is not what scikit-learn takes.
        """
        own, self.fingerprint_ = Metric.EUCLIDEAN, None
        if isinstance(X, Collection):
            if y is not None:
                raise InvalidArgument("A collection has labels of its own: leave y out.")
            own, self.fingerprint_ = X.metric, X.fingerprint
            X, y = labelled(X)  # noqa: N806
        self.metric_ = own if self.metric is None else as_metric(self.metric)
        vectors, given = validate_data(self, X, y, dtype=np.float32)
        check_classification_targets(given)
        self.classes_, codes = np.unique(given, return_inverse=True)
        self._take_in(check_vectors(vectors, None, self.metric_), codes.astype(np.int64))
        return self

    def predict(self, X: ArrayLike | Collection) -> Labels:  # noqa: N803
        """The class of each, ``(n,)``; None for a stranger, if strangers are refused.

        Args:
            X: ``(n, dim)`` numbers; or a collection, whose vectors are taken.

        Raises:
            InvalidArgument: The collection was made by another encoder than the one that this was
                fitted to.
        """
        codes, apart = self._decide(self._vectors(X))
        found: Labels = self.classes_[codes]
        if self.reject is not None:
            found = found.astype(object)
            found[apart > self.reject] = None
        return found

    def distances(self, X: ArrayLike | Collection) -> Distances:  # noqa: N803
        """How far each is from the class that it is nearest to, ``(n,)``: what ``reject`` limits.

        By k nearest neighbours that is how far the nearest neighbour of that class is, by nearest
        centroid how far the centroid is.
        """
        return self._decide(self._vectors(X))[1]

    def _vectors(self, given: ArrayLike | Collection) -> Vectors:
        check_is_fitted(self)
        if isinstance(given, Collection):
            if self.fingerprint_ not in (None, given.fingerprint):
                raise InvalidArgument(
                    f"The vectors of {given.place} were made by another encoder than those that "
                    "this classifier was fitted to."
                )
            given = given.vectors()
        valid = validate_data(self, given, dtype=np.float32, reset=False)
        return check_vectors(valid, self.n_features_in_, self.metric_)

    def _take_in(self, vectors: Vectors, codes: Rows) -> None:
        raise NotImplementedError

    def _decide(self, vectors: Vectors) -> tuple[Rows, Distances]:
        raise NotImplementedError


class KNNClassifier(_Classifier):
    """The vote of the k nearest neighbours, for scikit-learn.

    Of classes with equally many votes the one whose neighbours are nearer wins.

    Args:
        n_neighbors: How many vote.
        weights: ``uniform`` or ``distance``, as for ``knn_vote``.
        metric: ``euclidean`` or ``cosine``; by default a collection's own, else Euclidean.
        reject: Farther than this from its nearest neighbour of the class that wins, something is
            a stranger. None: nothing is.

    Attributes:
        classes_: The classes, sorted.
        metric_: The metric that is used.

    Example:
        >>> model = KNNClassifier(n_neighbors=1, reject=2.0).fit([[0, 0], [5, 5]], ["low", "high"])
        >>> model.predict([[1, 0], [20, 20]])
        array(['low', None], dtype=object)
    """

    def __init__(
        self,
        n_neighbors: int = 5,
        *,
        weights: Weights = "uniform",
        metric: Metric | str | None = None,
        reject: float | None = None,
    ) -> None:
        self.n_neighbors = n_neighbors
        self.weights = weights
        self.metric = metric
        self.reject = reject

    def predict_proba(self, X: ArrayLike | Collection) -> NDArray[np.float64]:  # noqa: N803
        """The share of each class in the votes, ``(n, classes)``, in the order of ``classes_``.

        Where others have as many votes as the class that wins, its share is more than theirs by
        the least that a float can be.
        """
        vectors = self._vectors(X)
        apart, rows = self._index.search(vectors, self.n_neighbors)
        codes, weights = self._codes[rows], as_weights(self.weights)
        queries = np.arange(len(codes))
        shares = np.zeros((len(codes), len(self.classes_)))
        np.add.at(shares, (queries[:, None], codes), vote_weights(codes, apart, weights))
        shares /= shares.sum(axis=1, keepdims=True)
        chosen = decide(codes, apart, weights)[0]
        most = shares.max(axis=1)
        shares[queries, chosen] = np.where(
            shares.argmax(axis=1) == chosen, most, np.nextafter(most, np.inf)
        )
        return shares

    def kneighbors(
        self,
        X: ArrayLike | Collection | None = None,  # noqa: N803
        n_neighbors: int | None = None,
        return_distance: bool = True,
    ) -> tuple[Distances, Rows] | Rows:
        """The nearest of the vectors that it was fitted to.

        Args:
            X: As for ``predict``; None for each of those vectors, which is not its own neighbour.
            n_neighbors: How many; as many as vote, by default.
            return_distance: Whether distances are returned too.

        Returns:
            Distances ``(n, k)`` and positions ``(n, k)``, or positions alone.
        """
        check_is_fitted(self)
        k = self.n_neighbors if n_neighbors is None else n_neighbors
        if X is not None:
            apart, rows = self._index.search(self._vectors(X), k)
        else:
            count = len(self._index)
            own = np.arange(count)
            apart, rows = nearest_others(
                self._index, lambda block: self._index.take(own[block]), own, k
            )
        return (apart, rows) if return_distance else rows

    def _take_in(self, vectors: Vectors, codes: Rows) -> None:
        as_weights(self.weights)
        self._index, self._codes = ExactIndex([vectors], self.metric_), codes

    def _decide(self, vectors: Vectors) -> tuple[Rows, Distances]:
        apart, rows = self._index.search(vectors, self.n_neighbors)
        chosen, nearest, _ = decide(self._codes[rows], apart, as_weights(self.weights))
        return chosen, nearest


class CentroidClassifier(_Classifier):
    """The class whose centroid is nearest, for scikit-learn.

    Args:
        centroids: How many a class has: those of its k-means.
        center: ``mean`` or ``medoid``, as for ``Centroids``.
        metric: ``euclidean`` or ``cosine``; by default a collection's own, else Euclidean.
        reject: Farther than this from the nearest centroid, something is a stranger. None: nothing
            is.
        random_state: For k-means.

    Attributes:
        classes_: The classes, sorted.
        metric_: The metric that is used.

    Example:
        >>> model = CentroidClassifier().fit([[0, 0], [0, 2], [6, 6]], ["a", "a", "b"])
        >>> model.predict([[2, 2]]), model.distances([[0, 3]])
        (array(['a'], dtype='<U1'), array([2.]))
    """

    def __init__(
        self,
        centroids: int = 1,
        *,
        center: Center = "mean",
        metric: Metric | str | None = None,
        reject: float | None = None,
        random_state: int = 0,
    ) -> None:
        self.centroids = centroids
        self.center = center
        self.metric = metric
        self.reject = reject
        self.random_state = random_state

    def predict_proba(self, X: ArrayLike | Collection) -> NDArray[np.float64]:  # noqa: N803
        """The membership in each class, ``(n, classes)``, as ``Centroids.memberships`` has it."""
        vectors = self._vectors(X)
        return self._centroids.memberships(self._centroids.distances(vectors))

    def _take_in(self, vectors: Vectors, codes: Rows) -> None:
        self._centroids = Centroids(
            vectors,
            codes,
            len(self.classes_),
            self.metric_,
            each=self.centroids,
            center=self.center,
            seed=self.random_state,
        )

    def _decide(self, vectors: Vectors) -> tuple[Rows, Distances]:
        apart = self._centroids.distances(vectors)
        return apart.argmin(axis=1), apart.min(axis=1)
