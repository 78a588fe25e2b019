"""What is done to a network that has learned: its nearest neighbours are right more often then."""

import numpy as np
import torch
from numpy.typing import NDArray

from vecsearch.training.loop import Loop
from vecsearch.training.split import some_of_each
from vecsearch.types import Rows, Vectors

SAMPLE = 5_000
# How much the directions are made alike before: little, since within classes there are many images.
SHRINKAGE = 0.1
# With fewer images than this for each number of an embedding, beside one a class, they tell little.
LEAST = 10


def whiten(loop: Loop, rows: Rows) -> bool:
    """Let the embeddings of a class differ by as much in every direction.

    Most of what they differ by lies in a few directions of the embedding, which then decide nearly
    alone which images are nearest. It goes into the head, so that the network is as it was
    otherwise.

    Args:
        loop: A training that is over, with a network of the epoch that is kept.
        rows: The images that were learned from.

    Returns:
        Whether there were enough of them.
    """
    chosen = some_of_each(loop.codes, rows, SAMPLE, loop.seed)
    found = whitening(loop.encode(chosen), loop.codes[chosen])
    if found is None:
        return False
    matrix = torch.from_numpy(found)
    head = loop.network.head
    with torch.no_grad():
        for weight in (head.weight, head.bias):
            weight.copy_(matrix.to(weight) @ weight)
    return True


def whitening(vectors: Vectors, codes: NDArray[np.int64]) -> Vectors | None:
    """What embeddings are multiplied by: the inverse square root of their covariance in a class.

    That is the mean over the classes, shrunk a little to a multiple of the identity: within-class
    covariance normalization, Hatch et al. 2006. It is in units of their mean variance.

    Args:
        vectors: ``(n, dim)``.
        codes: The class of each.

    Returns:
        ``(dim, dim)``, symmetric; None where too few images tell of it.

    Example:
        >>> corners = np.array([[2, 1], [2, -1], [-2, 1], [-2, -1]], np.float32)
        >>> found = whitening(np.tile(corners, (9, 1)), np.zeros(36, int))
        >>> np.round(found.astype(float), 2).tolist()  # 1.6 and 0.4 are shrunk to 1.54 and 0.46
        [[0.81, 0.0], [0.0, 1.47]]
    """
    dim = vectors.shape[1]
    classes, which = np.unique(codes, return_inverse=True)
    free = len(vectors) - len(classes)
    if free < LEAST * dim:
        return None
    counts = np.bincount(which)
    sums = np.zeros((len(classes), dim))
    np.add.at(sums, which, vectors)
    apart = vectors - (sums / counts[:, None])[which]
    covariance = apart.T @ apart / free
    mean = np.trace(covariance) / dim
    if not mean:
        return None
    shrunk = (1 - SHRINKAGE) * covariance + SHRINKAGE * mean * np.eye(dim)
    values, axes = np.linalg.eigh(shrunk)
    found: Vectors = (axes / np.sqrt(values / mean) @ axes.T).astype(np.float32)
    return found
