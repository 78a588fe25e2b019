"""What a collection teaches: its labelled items."""

import shlex

import numpy as np
from numpy.typing import NDArray

from vecsearch.collection import Collection
from vecsearch.errors import InvalidArgument
from vecsearch.types import Vectors


def labelled(collection: Collection) -> tuple[Vectors, NDArray[np.str_]]:
    """The vectors of all labelled items of a collection, and their labels, of one generation.

    Raises:
        InvalidArgument: There are none.
    """
    now = collection.snapshot()
    labels = now.labels()
    rows = [row for row, label in enumerate(labels) if label is not None]
    if not rows:
        raise nothing_labelled(collection)
    return now.vectors()[rows], np.array([labels[row] for row in rows])


def nothing_labelled(collection: Collection) -> InvalidArgument:
    """That no item has a label, and how they get some."""
    place = collection.place
    how = "give its items labels where they are made (import --items, add --label)"
    if collection.root is not None and "://" not in place:
        how = f"vecsearch update {shlex.quote(place)} --labels FILE.csv takes them from a table"
    return InvalidArgument(f"No item of {place} has a label: {how}.")
