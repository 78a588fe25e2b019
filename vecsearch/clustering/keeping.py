"""Clusterings that a collection keeps under names."""

from vecsearch.collection import Collection
from vecsearch.keeping import keep_clustering as keep
from vecsearch.types import Clustering


def keep_clustering(collection: Collection, name: str, clustering: Clustering) -> None:
    """Store a clustering in a collection under a name, in the place of one that had it.

    It is committed as any change is. Items that come later are not in it: ``assign_clusters`` says
    where they belong. When the encoder is fitted anew, it is left behind.

    Args:
        collection: Where it goes.
        name: 1 to 100 printable characters.
        clustering: Of the items of this collection.

    Raises:
        InvalidArgument: The name cannot be taken, or the clustering was made of vectors of another
            encoder or with another dim.
        CollectionLocked: Another process is writing to the collection.

    Example:
        >>> from vecsearch import cluster
        >>> books = Collection.from_vectors([[5, 1], [4, 2], [1, 5], [0, 4]])
        >>> keep_clustering(books, "two", cluster(books, 2))
        >>> books.clustering("two").codes
        array([0, 0, 1, 1])
    """
    fingerprint = clustering.settings.get("fingerprint", collection.fingerprint)
    made_by = fingerprint if isinstance(fingerprint, str) else None
    keep(collection.path, name, clustering, made_by)
    collection.refresh()


def forget_clustering(collection: Collection, name: str) -> None:
    """Take out the clustering of that name.

    Raises:
        InvalidArgument: There is none.
        CollectionLocked: Another process is writing to the collection.

    Example:
        >>> from vecsearch import cluster
        >>> books = Collection.from_vectors([[5, 1], [4, 2], [1, 5], [0, 4]])
        >>> keep_clustering(books, "two", cluster(books, 2))
        >>> forget_clustering(books, "two")
        >>> books.clusterings
        {}
    """
    keep(collection.path, name, None, collection.fingerprint)
    collection.refresh()
