"""To which of the clusters that are known something belongs."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from numpy.typing import ArrayLike

from vecsearch.clustering.summary import summarize_clusters
from vecsearch.clustering.task import medoids_of
from vecsearch.collection import Collection
from vecsearch.errors import InvalidArgument
from vecsearch.images import ImageLike
from vecsearch.index import check_vectors, inertia_of, nearest_centers
from vecsearch.types import Clustering, Progress, Skipped


@dataclass(frozen=True)
class Assignment:
    """The cluster that something belongs to.

    Attributes:
        cluster: The one whose centre is nearest.
        distance: How far that is.
        label: The commonest label of its items that are still there; None if they have none.
        confidence: The share of those with a label that have it; 0 if none has one.
        medoid: The id of the item that stands for the cluster; empty if there is none.
        size: How many items it had.
    """

    cluster: int
    distance: float
    label: str | None
    confidence: float
    medoid: str
    size: int


class Assigner:
    """Puts images in the clusters that a collection keeps, each into that of the nearest centre.

    Args:
        collection: Where they are kept.
        name: What the clustering is called.

    Attributes:
        clustering: What is kept.

    Raises:
        InvalidArgument: There is no clustering of that name.
        DamagedCollection: A file is not as it was written.

    Example:
        >>> from vecsearch import cluster, keep_clustering
        >>> photos = Collection.build("tests/data/photos", tmp / "index", encoder="pixels")
        >>> keep_clustering(photos, "three", cluster(photos, 3))
        >>> Assigner(photos, "three").assign(["tests/data/photos/cat/alpha.png"])[0].medoid
        'cat/alpha.png'
    """

    def __init__(self, collection: Collection, name: str) -> None:
        self._collection = collection
        self.clustering: Clustering = collection.clustering(name)
        self._clusters = summarize_clusters(collection, self.clustering)

    def assign(self, images: Sequence[ImageLike]) -> list[Assignment]:
        """Where each of some images belongs.

        Args:
            images: Paths, Pillow images or uint8 arrays.

        Raises:
            ImageError: An image cannot be read; under cosine, also if its vector is zero.
            InvalidArgument: Something is not an image, or the collection has no encoder.
        """
        return self.assign_vectors(self._collection.encode(images, self.clustering.metric))

    def assign_folder(
        self,
        folder: str | Path,
        *,
        jobs: int | None = None,
        progress: Progress | None = None,
    ) -> tuple[dict[Path, Assignment], Sequence[Skipped]]:
        """Where each image below a folder belongs, and the files that were left out.

        Args:
            folder: Where they are, to any depth.
            jobs: How many processes decode.
            progress: Called as the work goes on.
        """
        return self._collection.ask_folder(
            folder, self.assign_vectors, jobs, progress, self.clustering.metric
        )

    def assign_vectors(self, vectors: ArrayLike) -> list[Assignment]:
        """Where each of some vectors belongs, ``(n, dim)``.

        Raises:
            InvalidArgument: They are not vectors of this dim; under cosine, also if one is zero.
        """
        known = self.clustering
        array = check_vectors(vectors, self._collection.dim, known.metric)
        codes, apart = nearest_centers(array, known.centers, known.metric)
        return [
            Assignment(code, distance, one.label, one.label_share, one.medoid, one.size)
            for code, distance in zip(codes.tolist(), apart.tolist(), strict=True)
            for one in [self._clusters[code]]
        ]


def assign_clusters(collection: Collection, name: str) -> Clustering:
    """All items of a collection in the clusters that it keeps, those that came later as well.

    Each goes to the nearest centre. The centres stay where they are, and clusters keep their
    numbers; one may be left without items, and then has no medoid (−1).

    Args:
        collection: The items.
        name: What the clustering is called.

    Raises:
        InvalidArgument: There is no clustering of that name, or no item.
        DamagedCollection: A file is not as it was written.

    Example:
        >>> from vecsearch import cluster, keep_clustering
        >>> books = Collection.from_vectors([[5, 1], [4, 2], [1, 5], [0, 4]])
        >>> keep_clustering(books, "two", cluster(books, 2))
        >>> _ = books.add_vectors([[1, 9]], ["later"])
        >>> assign_clusters(books, "two").codes
        array([0, 0, 1, 1, 1])
    """
    known, view = collection.clustering(name), collection.view
    if not len(view.store):
        raise InvalidArgument(f"{collection.place} has no items to put into clusters.")
    vectors = check_vectors(view.vectors(), None, known.metric)
    codes, apart = nearest_centers(vectors, known.centers, known.metric)
    return replace(
        known,
        ids=view.store.ids(),
        codes=codes,
        distances=apart,
        medoids=medoids_of(codes, apart, known.k),
        inertia=inertia_of(apart, known.metric),
    )
