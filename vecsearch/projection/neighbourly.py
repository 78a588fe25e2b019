"""Maps that keep neighbours together, whatever becomes of far things: t-SNE and UMAP."""

import importlib.util
import warnings
from importlib.metadata import version

import numpy as np
from numpy.typing import NDArray

from vecsearch.errors import MissingPackage
from vecsearch.index import ExactIndex, nearest_others
from vecsearch.projection.cloud import Cloud
from vecsearch.projection.linear import Points, pca_plane
from vecsearch.types import JSON, Metric, Rows, Vectors

# As scikit-learn's documentation advises for t-SNE: more dims are mostly noise, and cost time.
DIMS = 50
PERPLEXITY = 30.0
UMAP_NEIGHBOURS = 15


def tsne_points(
    cloud: Cloud, neighbours: float | None, seed: int
) -> tuple[Points, dict[str, JSON]]:
    """Where t-SNE puts vectors, ``(n, 2)``, and how.

    van der Maaten and Hinton, Visualizing data using t-SNE, 2008. openTSNE computes it if it is
    installed, whose time grows with n, else scikit-learn, whose time grows with n log n and which
    takes longer. It begins at the principal plane, so that what is far apart has a chance to stay
    so (Kobak and Linderman, Initialization is critical, 2021).

    Args:
        cloud: Two vectors or more; beyond 50 dims they are reduced to so many by PCA.
        neighbours: The perplexity, 30 by default, and (n − 1) / 3 at most.
        seed: For everything random.
    """
    vectors, start = _reduced(cloud, seed)
    perplexity = min(neighbours or PERPLEXITY, (len(vectors) - 1) / 3)
    start *= 1e-4  # as the founding article has it: small enough for the first steps to be free
    if importlib.util.find_spec("openTSNE") is None:
        from sklearn.manifold import TSNE

        model = TSNE(
            perplexity=perplexity, init=start.astype(np.float32), random_state=seed, n_jobs=1
        )
        return model.fit_transform(vectors).astype(np.float64), _told(perplexity, "scikit-learn")
    from openTSNE import TSNE as OpenTSNE  # noqa: N811
    from openTSNE.affinity import PerplexityBasedNN
    from openTSNE.nearest_neighbors import PrecomputedNeighbors

    rows, apart = nearest(vectors, max(1, min(len(vectors) - 1, int(3 * perplexity))))
    affinities = PerplexityBasedNN(
        knn_index=PrecomputedNeighbors(rows, apart), perplexity=perplexity
    )
    # In one thread: in more, sums are taken in another order each time.
    found = OpenTSNE(random_state=seed, n_jobs=1).fit(affinities=affinities, initialization=start)
    return np.asarray(found, np.float64), _told(perplexity, "openTSNE")


def umap_points(
    cloud: Cloud, neighbours: float | None, seed: int
) -> tuple[Points, dict[str, JSON]]:
    """Where UMAP puts vectors, ``(n, 2)``, and how.

    McInnes, Healy and Melville, UMAP: Uniform manifold approximation and projection, 2018. It
    begins at the principal plane, as t-SNE does here.

    Args:
        cloud: Two vectors or more; beyond 50 dims they are reduced to so many by PCA.
        neighbours: How many a vector is seen with, itself included; 15 by default, n at most.
        seed: For everything random.

    Raises:
        MissingPackage: umap-learn is not installed.
    """
    check_umap()
    vectors, start = _reduced(cloud, seed)
    count = min(int(neighbours or UMAP_NEIGHBOURS), len(vectors))
    rows, apart = nearest(vectors, count - 1)
    itself = np.arange(len(vectors))[:, None]
    known = np.hstack([itself, rows]), np.hstack([np.zeros_like(itself, np.float32), apart])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of TensorFlow, which is not needed, and of transform
        from umap import UMAP

        model = UMAP(
            n_neighbors=count,
            init=start.astype(np.float32),
            random_state=seed,
            n_jobs=1,
            precomputed_knn=known,
        )
        points = model.fit_transform(vectors)
    return np.asarray(points, np.float64), _told(count, "umap-learn")


def check_umap() -> None:
    """See that UMAP is there, without importing it.

    Raises:
        MissingPackage: It is not.
    """
    if importlib.util.find_spec("umap") is None:
        raise MissingPackage("UMAP needs umap-learn: pip install 'vecsearch[maps]'")


def nearest(vectors: Vectors, k: int) -> tuple[Rows, NDArray[np.float32]]:
    """The k nearest others of each vector, exactly, and how far they are.

    Args:
        vectors: ``(n, dim)``.
        k: n − 1 at most.

    Returns:
        Twice ``(n, k)``, nearest first.
    """
    index = ExactIndex([vectors], Metric.EUCLIDEAN)
    apart, rows = nearest_others(index, vectors.__getitem__, np.arange(len(vectors)), k)
    return rows, apart.astype(np.float32)


def _reduced(cloud: Cloud, seed: int) -> tuple[Vectors, Points]:
    """The vectors to work with, and where their points begin."""
    if cloud.dim > DIMS:
        plane = pca_plane(cloud, DIMS, seed).points
        vectors = np.ascontiguousarray(plane, np.float32)
    else:
        plane = pca_plane(cloud, 2, seed).points
        vectors = np.ascontiguousarray(cloud.take(np.arange(cloud.count)))
    start = plane[:, :2] / max(1e-12, float(plane[:, 0].std()))
    # Things that are the same would stay in one place for ever.
    return vectors, start + np.random.default_rng(seed).normal(scale=0.01, size=start.shape)


def _told(neighbours: float, package: str) -> dict[str, JSON]:
    return {"neighbours": neighbours, "software": f"{package} {version(package)}"}
