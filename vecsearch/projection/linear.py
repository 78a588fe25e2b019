"""Two axes to look along: where vectors vary most, or where their classes differ most."""

import warnings
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vecsearch.encoders.affine import FIT_BYTES
from vecsearch.encoders.lda import PRINCIPAL_AXES
from vecsearch.errors import InvalidArgument
from vecsearch.projection.cloud import Cloud, stratified
from vecsearch.types import Rows, Vectors

Points = NDArray[np.float64]

# LDA finds axes along which classes of mere noise lie apart, if it has nearly as many to choose
# from as there are vectors.
VECTORS_AN_AXIS = 10
# What is left of float32 vectors beside a line that they lie on.
LITTLE = 1e-5


@dataclass(frozen=True)
class Plane:
    """Vectors along some axes.

    Attributes:
        points: ``(n, axes)`` float64.
        explained: What share of the variance lies along each axis: of all of it for PCA, of that
            between the classes for LDA.
        fitted_on: How many vectors the axes were found by.
    """

    points: Points
    explained: tuple[float, ...]
    fitted_on: int


@dataclass(frozen=True)
class _Axes:
    mean: NDArray[np.float64]  # (dim,)
    directions: NDArray[np.float64]  # (dim, axes)
    explained: tuple[float, ...]
    fitted_on: int

    def apply(self, cloud: Cloud) -> Plane:
        points = np.empty((cloud.count, self.directions.shape[1]))
        for block, vectors in cloud.blocks():
            points[block] = (vectors - self.mean) @ self.directions
        return Plane(points, self.explained, self.fitted_on)


def principal_plane(vectors: ArrayLike) -> Points:
    """Vectors along their two principal axes, ``(n, 2)``.

    Example:
        >>> principal_plane(np.array([[3, 0, 0], [-3, 0, 0], [0, 1, 0], [0, -1, 0]])).shape
        (4, 2)
    """
    return pca_plane(Cloud.of(np.asarray(vectors))).points


def pca_plane(cloud: Cloud, count: int = 2, seed: int = 0) -> Plane:
    """Vectors along their principal axes, by scikit-learn's PCA, the longest first.

    The axes are found by at most 256 MiB of vectors, drawn at random where there are more. An axis
    points to where its largest number is positive. Where vectors have fewer dims than axes are
    wanted, the others are 0.

    Args:
        cloud: Two vectors or more.
        count: How many axes.
        seed: For what is drawn.
    """
    rows = cloud.take(stratified(np.zeros(cloud.count, np.int64), _most(cloud), seed))
    mean = rows.mean(axis=0, dtype=np.float64)
    directions, explained = _principal(rows - mean.astype(np.float32), count, seed)
    return _Axes(mean, directions, explained, len(rows)).apply(cloud)


def lda_plane(cloud: Cloud, codes: Rows, seed: int = 0) -> Plane:
    """Vectors along the two axes that tell their classes apart best, by scikit-learn's LDA.

    It learns from the vectors that have a class, at most 256 MiB of them, drawn by class where
    there are more. Where they have more than 400 dims, or more than a tenth of the vectors, they
    are reduced to so many by PCA first; of fewer than 100 vectors to a quarter, from 2 to 10.
    (After Belhumeur et al., Eigenfaces vs. Fisherfaces, 1997, who leave vectors less classes, and
    no more are left here; with so many of them classes of mere noise lie far apart.) Two classes
    are told apart along one axis; the second is then the principal axis of what is left, in the
    same unit: the variance within the classes is 1 along each, as scikit-learn counts it.

    Args:
        cloud: The vectors.
        codes: The class of each, ``(n,)``; −1 is none.
        seed: For what is drawn.

    Raises:
        InvalidArgument: There are fewer than two classes, or they have one vector each, or all
            vectors of a class are the same.
    """
    from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

    known = np.flatnonzero(codes >= 0)
    labelled = cloud.part(known)
    chosen = stratified(codes[known], _most(cloud), seed)
    names, own = np.unique(codes[known][chosen], return_inverse=True)
    _check_classes(len(names), len(chosen))
    rows = labelled.take(chosen)
    mean = rows.mean(axis=0, dtype=np.float64)
    rows = rows - mean.astype(np.float32)
    before: NDArray[np.float64] = np.eye(cloud.dim)
    most = min(PRINCIPAL_AXES, len(rows) - len(names), _axes_for(len(rows)))
    if cloud.dim > most:
        before, shares = _principal(rows, most, seed)
        before = before[:, np.array(shares) > LITTLE**2]  # or rounding would tell classes apart
    reduced = (rows @ before).astype(np.float64)
    means = np.stack([reduced[own == one].mean(axis=0) for one in range(len(names))])
    if np.allclose(reduced, means[own], atol=1e-9 * np.abs(means).max(initial=0)):
        raise InvalidArgument(
            "LDA weighs how classes differ against how they scatter, but the vectors of each are "
            "all the same: draw them with --method pca."
        )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of dims that others contain, which change nothing
        fitted = LinearDiscriminantAnalysis().fit(reduced, own)
    if not fitted.scalings_.shape[1]:
        raise InvalidArgument(
            "LDA weighs how classes differ, but the means of all of them are the same: draw them "
            "with --method pca."
        )
    scalings = fitted.scalings_[:, : min(2, len(names) - 1, fitted.scalings_.shape[1])]
    directions = _upright(before @ scalings)
    explained = [float(share) for share in fitted.explained_variance_ratio_[: scalings.shape[1]]]
    if directions.shape[1] == 1:
        unit = directions / np.linalg.norm(directions)
        rest = rows - (rows @ unit.astype(np.float32)) @ unit.T.astype(np.float32)
        second = _principal(rest, 1, seed)[0]
        if _principal(rows, 2, seed)[1][1] <= LITTLE**2:
            second[:] = 0  # all lies on one line
        along, first = (rows @ second).ravel(), (reduced @ scalings).ravel()
        for one in range(len(names)):
            along[own == one] -= along[own == one].mean()
            first[own == one] -= first[own == one].mean()
        # In the unit of the first: in it, the variance within the classes is 1.
        scatter = np.sqrt(np.square(along).sum() / np.square(first).sum())
        directions = np.column_stack([directions, second / (scatter or 1.0)])
        explained.append(0.0)
    centre = mean + fitted.xbar_ @ before.T  # which is the mean, weighed as scikit-learn does
    return _Axes(centre, directions, tuple(explained), len(rows)).apply(cloud)


def _axes_for(vectors: int) -> int:
    """How many axes LDA may choose from, so that it does not tear noise apart."""
    return max(2, min(10, vectors // 4), vectors // VECTORS_AN_AXIS)


def _check_classes(classes: int, vectors: int) -> None:
    if classes < 2:
        found = "no item has a label" if not classes else "all labels are the same"
        raise InvalidArgument(
            f"LDA shows what tells classes apart, but {found}: draw them with --method pca."
        )
    if vectors <= classes:
        raise InvalidArgument(
            f"LDA needs to know how a class scatters, but {vectors} items are of {classes} "
            "classes, one each: draw them with --method pca."
        )


def _principal(
    rows: Vectors, count: int, seed: int
) -> tuple[NDArray[np.float64], tuple[float, ...]]:
    """The principal axes of centred vectors, ``(dim, count)``, and their shares of the variance."""
    from sklearn.decomposition import PCA

    found = min(count, *rows.shape)
    with np.errstate(invalid="ignore", divide="ignore"):
        fitted = PCA(found, random_state=seed).fit(rows)
    directions = np.zeros((rows.shape[1], count))
    directions[:, :found] = _upright(fitted.components_.T.astype(np.float64))
    # Where all vectors are the same there is no variance to explain.
    ratios = np.nan_to_num(fitted.explained_variance_ratio_)
    return directions, tuple(float(share) for share in [*ratios, *[0.0] * (count - found)])


def _upright(directions: NDArray[np.float64]) -> NDArray[np.float64]:
    """The same axes, each pointing to where its largest number is positive."""
    largest = np.abs(directions).argmax(axis=0)
    signs = np.sign(directions[largest, np.arange(directions.shape[1])])
    return directions * np.where(signs == 0, 1, signs)


def _most(cloud: Cloud) -> int:
    return max(2, FIT_BYTES // (4 * cloud.dim))
