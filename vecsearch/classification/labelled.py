"""What a collection teaches: its labelled items."""

import numpy as np
from numpy.typing import NDArray

from vecsearch.collection import Collection
from vecsearch.errors import LABEL_THEM, InvalidArgument
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
        raise InvalidArgument(f"No item of {collection.place} has a label: {LABEL_THEM}.")
    return now.vectors()[rows], np.array([labels[row] for row in rows])
