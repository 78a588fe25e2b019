"""Build a collection on Ray."""

from collections.abc import Mapping
from pathlib import Path

from vecsearch.ann import make_index
from vecsearch.distributed.building import build_by_parts, lacks_its_index
from vecsearch.distributed.indexing import ShardedTraining
from vecsearch.distributed.listing import list_images
from vecsearch.distributed.on_ray import RayEngine
from vecsearch.encoders import Encoder
from vecsearch.types import JSON, Metric, Progress


def build_on_ray(
    what: str | Path,
    path: Path,
    encoder: Encoder,
    metric: Metric,
    index: Mapping[str, JSON],
    *,
    labels: str | Path,
    metadata: str | Path | None,
    address: str | None,
    workers: int | None,
    gpu: bool,
    overwrite: bool,
    progress: Progress | None,
) -> None:
    """Make a collection of images that many machines see.

    Args:
        what: As for ``list_images``, and so are ``labels`` and ``metadata``.
        path: Where the collection goes; all machines must see it.
        encoder: What makes the vectors; fitted to a sample, if it learns and is not fitted.
        metric: How they are compared.
        index: The kind of index and its parameters.
        labels: Where labels come from.
        metadata: A table of metadata.
        address: As for ``RayEngine``, and so are ``workers`` and ``gpu``.
        workers: How many there are.
        gpu: Whether each has a GPU.
        overwrite: Replace the collection that stands at ``path``.
        progress: Called as the work goes on.

    Raises:
        VecsearchError: As ``build_by_parts`` and ``RayEngine`` do.
    """
    listing = list_images(what, labels, metadata)
    with RayEngine(address, workers, gpu) as engine:
        if overwrite or not lacks_its_index(path, listing, encoder, metric, index):
            build_by_parts(listing, path, encoder, metric, index, engine, overwrite, progress)
        make_index(path, ShardedTraining(engine))
