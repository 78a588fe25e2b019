"""Which items are nearest to something, what else is like it, and what it is."""

from concurrent.futures import Executor
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from starlette.responses import Response

from vecsearch.answers import classified
from vecsearch.classification import Classifier
from vecsearch.clustering import Assigner
from vecsearch.errors import InvalidArgument
from vecsearch.index import as_metric
from vecsearch.recommendation import recommend as recommend_items
from vecsearch.recommendation.examples import ItemId
from vecsearch.server.api.bodies import BODY, Subject, as_vector, subject_of
from vecsearch.server.api.known import only_known
from vecsearch.server.api.quick import QuickRoute
from vecsearch.server.api.responses import as_json
from vecsearch.server.generation import Generation, How, below, conditions_of, refuse_paths
from vecsearch.server.models import Assigned, Classified, Hits, Judge, Recommend, Search
from vecsearch.server.served import in_pool, ready
from vecsearch.server.state import Name, State, TheGeneration, TheState, state_of

router = APIRouter(prefix="/collections/{name}", tags=["questions"])


async def query(request: Request, name: Name, asked: Annotated[Search, Query()]) -> Response:
    """The items nearest to a picture, an item, a vector or some words.

    The body is the bytes of an image, or JSON with one of id, vector and text. An item that is
    asked about is its own nearest.
    """
    if asked.exact and asked.recall is not None:
        raise InvalidArgument("exact finds all of the nearest: leave out recall.")
    state = state_of(request)
    served = state.collection(name)
    generation = await served.now()
    wanted = generation.collection.metric if asked.metric is None else as_metric(asked.metric)
    conditions = conditions_of(asked.where)
    how = How(asked.k, wanted, conditions, asked.exact, asked.recall, asked.offset)
    subject = await subject_of(request, generation, state)
    if conditions:
        await in_pool(generation.light, generation.look_at, conditions)
    hits = await served.searcher.search(generation, subject.what, how)
    answer: dict[str, Any] = {"query": subject.name, "hits": hits}
    if subject.encoded and not isinstance(subject.what, str):
        answer["vector"] = subject.what.tolist()
    return as_json(answer)


router.add_api_route(
    "/query",
    query,
    methods=["POST"],
    response_model=Hits,
    openapi_extra=BODY,
    route_class_override=QuickRoute,
)


@router.post("/recommend", response_model=Hits, dependencies=[Depends(only_known)])
async def recommend(asked: Recommend, generation: TheGeneration, state: TheState) -> Response:
    """Items that are like some examples and unlike others, which never come back themselves."""
    pool = _pool(generation, state, _looks_at_many(asked))
    return as_json(await in_pool(pool, _recommended, generation, asked))


def _looks_at_many(asked: Recommend) -> bool:
    """Whether all items may have to be looked at, and not the nearest few alone."""
    chosen = asked.diversity or asked.max_per or asked.collapse is not None or asked.boost
    return bool(chosen) or asked.strategy != "mean"


def _pool(generation: Generation, state: State, heavy: bool) -> Executor:
    """The threads for a question; those of a collection on another server are its own."""
    return state.heavy if heavy and generation.light is state.light else generation.light


def _recommended(generation: Generation, asked: Recommend) -> dict[str, Any]:
    refuse_paths([*(asked.boost or {}), *(asked.max_per or {})])
    generation.vectors([*asked.like, *asked.unlike])  # or there is no such item
    like: list[Any] = [
        *map(ItemId, asked.like),
        *(as_vector(one, generation) for one in asked.like_vectors),
    ]
    unlike: list[Any] = [
        *map(ItemId, asked.unlike),
        *(as_vector(one, generation) for one in asked.unlike_vectors),
    ]
    hits = recommend_items(
        generation.collection,
        like,
        unlike,
        asked.k,
        strategy=asked.strategy,
        diversity=asked.diversity,
        max_per=asked.max_per,
        collapse=asked.collapse,
        boost=asked.boost,
        offset=asked.offset,
        where=conditions_of(asked.where),
        metric=asked.metric,
        exact=asked.exact,
    )
    vectors = (["vector"] * len(asked.like_vectors), ["not vector"] * len(asked.unlike_vectors))
    names = [*asked.like, *vectors[0], *(f"not {one}" for one in asked.unlike), *vectors[1]]
    return {
        "query": ", ".join(names),
        "hits": below(hits, generation.collection.root, asked.offset + 1),
    }


@router.post("/classify", response_model=Classified | Assigned, openapi_extra=BODY)
async def classify(
    request: Request,
    generation: TheGeneration,
    state: TheState,
    asked: Annotated[Judge, Query()],
) -> Response:
    """What a picture, an item, a vector or some words are, by the labelled items.

    reject is none, auto (as calibrated) or a distance; with clusters, the answer is the cluster
    of a saved clustering that it belongs to.
    """
    subject = await subject_of(request, generation, state)
    options = {
        "method": asked.method,
        "k": asked.k,
        "weights": asked.weights,
        "reject": _as_reject(asked.reject),
        "metric": asked.metric,
    }

    def judge() -> Classifier | Assigner:
        if asked.clusters is not None:
            return Assigner(generation.collection, asked.clusters)
        return Classifier(generation.collection, **options)  # type: ignore[arg-type]

    key = ("judge", asked.clusters, *options.values())
    pool = _pool(generation, state, asked.method == "centroid")
    known = await ready(generation.once(pool, key, judge))
    return as_json(await in_pool(generation.light, _judged, generation, known, subject))


def _judged(generation: Generation, judge: Classifier | Assigner, subject: Subject) -> Any:
    what = subject.what
    vector = generation.vectors([what]) if isinstance(what, str) else what[None]
    if isinstance(judge, Assigner):
        return classified(subject.name, judge.assign_vectors(vector)[0])
    found = judge.classify_vectors(vector)[0]
    answer = classified(subject.name, found)
    return {**answer, "neighbours": below(found.neighbours, generation.collection.root)}


def _as_reject(given: str | None) -> float | str | None:
    if given in (None, "none", "auto"):
        return None if given == "none" else given
    try:
        return float(str(given))
    except ValueError:
        raise InvalidArgument(f"reject is none, auto or a distance, not {given!r}.") from None
