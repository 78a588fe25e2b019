"""What is liked and what is not: items, images and vectors, as vectors."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from vecsearch.errors import InvalidArgument
from vecsearch.images import ImageLike
from vecsearch.index import check_vectors, zero_rows
from vecsearch.spelling import did_you_mean
from vecsearch.transfer import read_vectors
from vecsearch.types import Metric, Rows, Vectors
from vecsearch.view import View

Example: TypeAlias = "str | Path | Image.Image | NDArray[Any] | Sequence[float]"


class ItemId(str):
    """The id of an item, and never the name of a file."""

    __slots__ = ()


@dataclass(frozen=True)
class Examples:
    """What was given as an example.

    Attributes:
        vectors: Of all of them, ``(n, dim)``.
        rows: Of those that are items of the collection, ascending.
    """

    vectors: Vectors
    rows: Rows


def resolve(view: View, given: Sequence[Example], metric: Metric) -> Examples:
    """Find or make the vectors of examples.

    Text and paths are, in this order, the id of an item, the image file of an item, a ``.npy``
    file of one vector or several, and an image file; a one-dimensional array or list is a vector.

    Raises:
        InvalidArgument: An example is none of these, or not a vector of this dim; under cosine,
            also if its vector is zero.
        ImageError: An image cannot be read.
    """
    if isinstance(given, str | Path | Image.Image) or not isinstance(given, Sequence | np.ndarray):
        raise InvalidArgument(f"Examples come as a list: [{given!r}].")
    names = [names_of(view.root, one) if isinstance(one, str | Path) else None for one in given]
    found = view.store.find([name for pair in names if pair is not None for name in pair])
    rows: list[int] = []
    vectors: list[Vectors] = []
    at = 0
    for number, (one, pair) in enumerate(zip(given, names, strict=True), 1):
        row = -1
        if pair is not None:
            row = next((int(row) for row in found[at : at + len(pair)] if row >= 0), -1)
            at += len(pair)
        if row >= 0:
            rows.append(row)
            vectors.append(view.store.take(np.array([row])))
        else:
            vectors.append(_from_outside(view, one))
        if metric is Metric.COSINE and len(zero_rows(vectors[-1])):
            name = f"Example {number}" if pair is None else f"The example {str(one)!r}"
            raise InvalidArgument(
                f"{name} has a zero vector: cosine cannot compare what has no direction. Leave it "
                "out, or ask for the Euclidean metric."
            )
    empty = np.empty((0, view.store.manifest.dim), np.float32)
    return Examples(np.concatenate([empty, *vectors]), np.unique(np.array(rows, np.int64)))


def names_of(root: Path | None, given: str | Path) -> tuple[str, ...]:
    """The ids that an example may be: what it says, and those of the file that it names."""
    if isinstance(given, ItemId):
        return (given,)
    path = Path(given).parent.resolve() / Path(given).name
    names = [str(given), path.as_posix()]
    if root is not None and path.is_relative_to(root):
        names.insert(1, path.relative_to(root).as_posix())
    return tuple(names)


def _from_outside(view: View, given: Any) -> Vectors:
    dim = view.store.manifest.dim
    if isinstance(given, ItemId):
        raise InvalidArgument(f"There is no item {str(given)!r}.")
    if isinstance(given, str | Path):
        if not Path(given).is_file():
            raise InvalidArgument(
                f"{str(given)!r} is neither an item of {view.store.folder} nor a file."
                f"{did_you_mean(str(given), view.store.ids())}"
            )
        if Path(given).suffix == ".npy":
            return check_vectors(np.atleast_2d(read_vectors(Path(given))), dim)
        return view.encode([given])
    if not isinstance(given, Image.Image) and np.ndim(given) == 1:
        return check_vectors([given], dim)
    image: ImageLike = given
    return view.encode([image])
