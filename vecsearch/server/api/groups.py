"""A collection as a whole: its map, its clusters, and what is there more than once."""

from itertools import pairwise
from typing import Annotated, Any, Literal

import numpy as np
from fastapi import APIRouter, Depends, Path, Query
from starlette.responses import Response

from vecsearch.clustering import cluster, summarize_clusters
from vecsearch.duplicates import find_duplicates
from vecsearch.errors import InvalidArgument
from vecsearch.projection import project
from vecsearch.server.api.known import only_known
from vecsearch.server.api.responses import as_json
from vecsearch.server.generation import Generation
from vecsearch.server.models import Clusters, Groups, Limit, Map, Members, Place
from vecsearch.server.problems import Problem
from vecsearch.server.served import ready
from vecsearch.server.state import State, TheGeneration, TheState
from vecsearch.types import Clustering, Distances, Rows

router = APIRouter(
    prefix="/collections/{name}", tags=["collection"], dependencies=[Depends(only_known)]
)

# A map of more is drawn from a sample by label: a browser has to move them, and a thread to find
# them while others wait.
MAP_ITEMS = 60_000
TSNE_ITEMS = 2_000
MOST_CLUSTERS = 200
DEFAULT_K = 10


@router.get("/map", response_model=Map)
async def map_(
    generation: TheGeneration,
    state: TheState,
    method: Annotated[Literal["pca", "lda", "tsne", "umap"], Query()] = "pca",
) -> Response:
    """The items in two dimensions: 60,000 at most, and for tsne and umap 2,000."""
    key = ("map", method)
    answer = await ready(generation.once(state.heavy, key, lambda: _mapped(generation, method)))
    return as_json(answer)


def _mapped(generation: Generation, method: Any) -> dict[str, Any]:
    most = TSNE_ITEMS if method in ("tsne", "umap") else MAP_ITEMS
    found = project(generation.collection, method, sample=most)
    return {
        "method": method,
        "ids": found.ids,
        "labels": found.labels,
        "points": np.round(found.points.astype(np.float64), 5).tolist(),
        "total": found.total,
    }


@router.get("/clusters", response_model=Clusters)
async def clusters(
    generation: TheGeneration,
    state: TheState,
    saved: Annotated[str | None, Query(alias="name", max_length=100)] = None,
    k: Annotated[int | None, Query(ge=1, le=MOST_CLUSTERS)] = None,
) -> Response:
    """Clusters that were saved under a name, or those of k-means with k centres."""
    found = await _clustering(generation, state, saved, k)
    key = ("summary of clusters", saved, k)
    summaries = await ready(
        generation.once(state.heavy, key, lambda: summarize_clusters(generation.collection, found))
    )
    return as_json({"clusters": [vars(one) for one in summaries]})


@router.get("/clusters/{number}", response_model=Members)
async def members(
    number: Annotated[int, Path(ge=0, le=1_000_000)],
    generation: TheGeneration,
    state: TheState,
    saved: Annotated[str | None, Query(alias="name", max_length=100)] = None,
    k: Annotated[int | None, Query(ge=1, le=MOST_CLUSTERS)] = None,
    limit: Annotated[Limit, Query()] = 60,
    offset: Annotated[Place, Query()] = 0,
) -> Response:
    """The items of a cluster, its medoid first, then by distance from the centre."""
    found = await _clustering(generation, state, saved, k)
    if number >= found.k:
        raise Problem(404, f"There are clusters 0 to {found.k - 1}, and no {number}.")
    key = ("members", saved, k)
    parts = await ready(generation.once(state.heavy, key, lambda: _parts(generation, found)))
    rows, apart = parts[number]
    shown = slice(offset, offset + limit)
    items = [
        {**generation.item(row), "distance": distance}
        for row, distance in zip(rows[shown].tolist(), apart[shown].tolist(), strict=True)
    ]
    after = offset + len(items)
    return as_json(
        {
            "cluster": number,
            "items": items,
            "total": len(rows),
            "next": after if after < len(rows) else None,
        }
    )


def _parts(generation: Generation, found: Clustering) -> list[tuple[Rows, Distances]]:
    """The rows of each cluster, and how far they are from its centre."""
    store = generation.view.store
    here = dict(zip(store.ids(), store.rows().tolist(), strict=True))
    rows = np.array([here.get(name, -1) for name in found.ids], np.int64)
    order = np.lexsort((found.distances, found.codes))
    order = order[rows[order] >= 0]
    starts = np.searchsorted(found.codes[order], np.arange(found.k + 1)).tolist()
    return [
        (rows[some], found.distances[some])
        for some in (order[first:last] for first, last in pairwise(starts))
    ]


async def _clustering(
    generation: Generation, state: State, saved: str | None, k: int | None
) -> Clustering:
    if saved is not None and k is not None:
        raise InvalidArgument("A saved clustering has a k of its own: leave it out.")

    def make() -> Clustering:
        if saved is not None:
            return generation.collection.clustering(saved)
        count = min(DEFAULT_K, max(1, len(generation))) if k is None else k
        return cluster(generation.collection, count)

    if saved is not None and saved not in generation.clusterings:
        raise Problem(404, f"No clustering was saved as {saved!r}.")
    return await ready(generation.once(state.heavy, ("clustering", saved, k), make))


@router.get("/duplicates", response_model=Groups)
async def duplicates(
    generation: TheGeneration,
    state: TheState,
    threshold: Annotated[float | None, Query(ge=0, allow_inf_nan=False)] = None,
) -> Response:
    """What is there more than once; without a threshold, by one that is worked out."""

    def find() -> dict[str, Any]:
        wanted: Any = "auto" if threshold is None else threshold
        found = find_duplicates(generation.collection, wanted)
        return {
            "threshold": found.threshold,
            "groups": [
                {
                    "group": number,
                    "ids": group.ids,
                    "max_distance": group.max_distance,
                    "exact": group.exact,
                    "keep": group.keep,
                }
                for number, group in enumerate(found.groups)
            ],
        }

    return as_json(await ready(generation.once(state.heavy, ("duplicates", threshold), find)))
