"""A clustering as a file: arrays, and what it was made with."""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vecsearch.errors import DamagedCollection, InvalidArgument
from vecsearch.types import Clustering, Metric

KINDS = {
    "centers": np.float32,
    "codes": np.int64,
    "distances": np.float64,
    "medoids": np.int64,
    "ids": np.uint8,
    "ends": np.int64,
    "facts": np.uint8,
}


def clustering_bytes(clustering: Clustering) -> bytes:
    """What the file of a clustering holds.

    Raises:
        InvalidArgument: An id or a setting cannot be written.
    """
    from safetensors.numpy import save

    facts = {
        "method": clustering.method,
        "metric": clustering.metric.value,
        "inertia": clustering.inertia,
        "iterations": clustering.iterations,
        "settings": dict(clustering.settings),
    }
    try:
        names = [name.encode() for name in clustering.ids]
        text = json.dumps(facts, ensure_ascii=False, allow_nan=False).encode()
    except (TypeError, ValueError, AttributeError) as error:
        raise InvalidArgument(f"The clustering cannot be written: {error}.") from error
    arrays: dict[str, NDArray[Any]] = {
        "centers": clustering.centers,
        "codes": clustering.codes,
        "distances": clustering.distances,
        "medoids": clustering.medoids,
        "ids": np.frombuffer(b"".join(names), np.uint8),
        "ends": np.cumsum([len(name) for name in names]),
        "facts": np.frombuffer(text, np.uint8),
    }
    plain = {name: np.ascontiguousarray(arrays[name], kind) for name, kind in KINDS.items()}
    if not _fits(plain, clustering.centers.shape[-1]):
        raise InvalidArgument("The clustering cannot be written: its arrays do not fit each other.")
    return save(plain)


def parse_clustering(data: bytes, path: Path, dim: int) -> Clustering:
    """From what ``clustering_bytes`` gave.

    Args:
        data: The content of the file.
        path: What it is called.
        dim: How long the vectors of the collection are.

    Raises:
        DamagedCollection: It is something else; the text names ``path``.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load

    try:
        arrays = load(data)
        wrong = [name for name, kind in KINDS.items() if arrays[name].dtype != np.dtype(kind)]
        if wrong or not _fits(arrays, dim):
            raise ValueError("its arrays do not fit each other")
        facts = json.loads(arrays["facts"].tobytes())
        ends = arrays["ends"].tolist()
        text = arrays["ids"].tobytes()
        iterations = facts["iterations"]
        clustering = Clustering(
            ids=[text[a:b].decode() for a, b in zip([0, *ends[:-1]], ends, strict=True)],
            codes=arrays["codes"],
            distances=arrays["distances"],
            centers=arrays["centers"],
            medoids=arrays["medoids"],
            inertia=float(facts["inertia"]),
            method=str(facts["method"]),
            metric=Metric(facts["metric"]),
            settings=dict(facts["settings"]),
            iterations=None if iterations is None else int(iterations),
        )
        if not (math.isfinite(clustering.inertia) and clustering.inertia >= 0):
            raise ValueError("its inertia is no number")
        if clustering.metric is Metric.COSINE and not clustering.centers.any(axis=1).all():
            raise ValueError("a centre has no direction")
    except (
        KeyError,
        ValueError,
        TypeError,
        OverflowError,
        RecursionError,
        SafetensorError,
    ) as error:
        raise DamagedCollection(f"{path} is no clustering of ours: {error}.") from error
    return clustering


def _fits(arrays: dict[str, NDArray[Any]], dim: int) -> bool:
    centers, codes, apart, medoids = (
        arrays[name] for name in ("centers", "codes", "distances", "medoids")
    )
    ids, ends = arrays["ids"], arrays["ends"]
    if any(array.ndim != (2 if name == "centers" else 1) for name, array in arrays.items()):
        return False
    count, items = len(centers), len(codes)
    if not 1 <= count <= items or centers.shape[1] != dim or not np.isfinite(centers).all():
        return False
    if not len(apart) == len(ends) == items or len(medoids) != count:
        return False
    if codes.min() < 0 or codes.max() >= count or medoids.min() < -1 or medoids.max() >= items:
        return False
    # A cluster that has no items any more has no medoid.
    own = np.where(np.bincount(codes, minlength=count) > 0, np.arange(count), -1)
    if not np.array_equal(np.where(medoids < 0, -1, codes[medoids]), own):
        return False
    if not (np.isfinite(apart).all() and (apart >= 0).all()):
        return False
    return bool((np.diff(ends, prepend=0) >= 0).all() and ends[-1] == len(ids))
