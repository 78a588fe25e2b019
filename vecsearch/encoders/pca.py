"""Principal component analysis: the few axes along which the images differ most."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from vecsearch.encoders.affine import AffineEncoder, as_rows
from vecsearch.errors import InvalidArgument
from vecsearch.images import Preprocess
from vecsearch.types import JSON, Pixels

DEFAULT_DIM = 64
# Up to this many pixels the eigenvectors of their covariance are found at once, exactly; past it
# (a 4096² matrix takes 8 s, four times as many pixels 64 times that) by random projections.
EXACT_UP_TO = 2048
# An axis whose length is a smaller part of the longest one's is noise of rounding.
SHORT = 1e-4
# So many images, if they are fewer than pixels, by their products with each other.
FEW = 1500
BLOCK_ROWS = 4096


class PCAEncoder(AffineEncoder):
    """Principal components of the pixels.

    From the covariance up to 2,048 pixels, by scikit-learn beyond.

    Args:
        dim: How many components (64, or fewer if there are fewer images or pixels), or the
            fraction of the variance that they keep together, as 0.95.
        preprocess: The size, fit and colour of the images.
        seed: For the choice of images when there are too many, and for random projections.

    Raises:
        InvalidArgument: ``dim`` is neither a count from 1 nor a fraction between 0 and 1.

    Example:
        >>> from vecsearch.images import Preprocess
        >>> rng = np.random.default_rng(0)
        >>> images = rng.integers(0, 256, (50, 8, 8, 1), np.uint8)
        >>> pca = PCAEncoder(dim=3, preprocess=Preprocess((8, 8), color="grey")).fit(images)
        >>> pca.encode(images).shape
        (50, 3)
    """

    name: ClassVar[str] = "pca"
    needs_labels: ClassVar[bool] = False

    def __init__(
        self, dim: float | None = None, preprocess: Preprocess | None = None, seed: int = 0
    ) -> None:
        if dim is not None and not (0 < dim < 1 or (dim >= 1 and dim % 1 == 0)):
            raise InvalidArgument(
                f"PCA's dim is a count from 1, or a fraction of the variance as 0.95, not {dim}."
            )
        super().__init__(dim, preprocess, seed)

    def fit(self, images: Pixels, labels: Sequence[str | None] | None = None) -> Self:
        """Find the components.

        Args:
            images: ``(n, height, width, channels)`` uint8, n ≥ 2; may be memory-mapped. Where they
                are more than 256 MiB as float32, a random choice of that size is used.
            labels: Not used.

        Returns:
            Itself.

        Raises:
            InvalidArgument: There are too few images, or fewer than ``dim``.
        """
        del labels
        chosen = self._sample(images, np.arange(len(images)))
        rows = as_rows(images[chosen])
        axes = principal_axes(rows, self.requested_dim, self.seed)
        facts: dict[str, JSON] = {
            "variance_kept": round(axes.variance_kept, 6),
            "fitted_on": len(rows),
            "pixels": rows.shape[1],
        }
        self._learned(axes.mean, axes.components, facts)
        return self


@dataclass(frozen=True)
class Axes:
    """Principal axes: ``components`` is ``(pixels, dim)``, the axes as columns, longest first."""

    mean: NDArray[Any]
    components: NDArray[Any]
    variance_kept: float


def principal_axes(rows: NDArray[np.float32], dim: float | None, seed: int) -> Axes:
    """The principal axes of ``(n, pixels)``: ``dim`` of them, or as many as keep that fraction.

    Raises:
        InvalidArgument: ``dim`` is more than there are images or pixels.
    """
    most = min(rows.shape[0] - 1, rows.shape[1])
    if dim is not None and dim > most:
        raise InvalidArgument(
            f"PCA finds at most {most} axes in {rows.shape[0]} images of {rows.shape[1]} numbers "
            f"each (as many as images less one, or as numbers): {int(dim)} are too many."
        )
    count = min(DEFAULT_DIM, most) if dim is None or dim < 1 else int(dim)
    wanted = dim if dim is not None and dim < 1 else 0.0
    while True:
        mean, components, ratios = _axes(rows, count, seed)
        enough = int(np.searchsorted(np.cumsum(ratios), wanted)) + 1 if wanted else count
        if enough <= count or count == most:
            enough = min(enough, count)
            kept = float(ratios[:enough].sum())
            return Axes(mean, components[:enough].T, kept)
        # The fraction wanted takes more axes. How many is not known without all of them, which
        # for thousands of pixels take minutes; twice as many each time take seconds.
        count = min(2 * count, most)


def _axes(
    rows: NDArray[np.float32], count: int, seed: int
) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    """The mean, ``count`` axes as rows, and the part of the variance along each."""
    if rows.shape[1] <= EXACT_UP_TO and rows.shape[1] <= len(rows):
        mean, components, ratios = _exact_axes(rows, count)
    elif len(rows) <= min(FEW, rows.shape[1]):
        mean, components, ratios = _axes_of_few(rows, count)
    else:
        from sklearn.decomposition import PCA

        solver = "full" if count > 0.8 * min(rows.shape) else "randomized"
        with np.errstate(invalid="ignore"):
            fitted = PCA(count, svd_solver=solver, random_state=seed).fit(rows)
        mean, components = fitted.mean_, fitted.components_
        ratios = fitted.explained_variance_ratio_
    # Where all images are the same there is no variance, and all of it is kept.
    return mean, components, np.nan_to_num(ratios, nan=1 / count)


def _exact_axes(
    rows: NDArray[np.float32], count: int
) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    """The eigenvectors of the covariance: what scikit-learn's solver ``covariance_eigh`` does.

    Written out, since the import of scikit-learn takes a fifth of the time that a build of 60,000
    small images does.
    """
    mean = rows.mean(axis=0, dtype=np.float64)
    covariance = np.zeros((rows.shape[1], rows.shape[1]))
    for start in range(0, len(rows), BLOCK_ROWS):
        block = rows[start : start + BLOCK_ROWS] - mean.astype(np.float32)
        covariance += block.T @ block
    values, vectors = np.linalg.eigh(covariance)
    return _finished(mean, vectors.T[::-1][:count], values[::-1])


@contextmanager
def one_thread() -> Iterator[None]:
    """Let one thread do the linear algebra while the block runs.

    On small matrices a second one gains nothing, and where another program wants its processor it
    costs eight times as long: each waits for the other by spinning.
    """
    from threadpoolctl import ThreadpoolController

    with ThreadpoolController().limit(limits=1, user_api="blas"):
        yield


@one_thread()
def _axes_of_few(
    rows: NDArray[np.float32], count: int
) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    """The same where images are fewer than pixels: by the products of images with each other.

    Of 64 × 64 pixels in colour, that is quicker than the randomized solver, which is not exact, up
    to between 1,300 and 2,000 images.
    """
    mean = rows.mean(axis=0, dtype=np.float64)
    parts = [slice(start, start + BLOCK_ROWS) for start in range(0, rows.shape[1], BLOCK_ROWS)]
    products = np.zeros((len(rows), len(rows)))
    axes = np.empty((rows.shape[1], count), np.float32)
    for part in parts:
        apart = rows[:, part] - mean[part]
        products += apart @ apart.T
    values, vectors = np.linalg.eigh(products)
    lengths = np.sqrt(np.maximum(values[::-1][:count], 0))
    longest = vectors[:, ::-1][:, :count] / np.maximum(lengths, np.finfo(np.float32).tiny)
    for part in parts:
        axes[part] = (rows[:, part] - mean[part]).T @ longest
    if lengths[-1] < SHORT * lengths[0] or not lengths[0]:
        # Along these nothing varies but by rounding: QR finds some at right angles.
        axes = np.linalg.qr(axes)[0]
    return _finished(mean, axes.T, values[::-1])


def _finished(
    mean: NDArray[Any], axes: NDArray[Any], values: NDArray[Any]
) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    """Mean and axes, longest first, as float32, and the part of the variance along each axis."""
    # An eigenvector may as well point the other way: its largest number is made positive.
    largest = np.abs(axes).argmax(axis=1)
    axes = axes * np.sign(axes[np.arange(len(axes)), largest])[:, None]
    values = np.maximum(values, 0)
    with np.errstate(invalid="ignore"):
        ratios = values[: len(axes)] / values.sum()
    return mean.astype(np.float32), axes.astype(np.float32), ratios
