"""The surroundings of some examples, of a collection that is not at hand as a whole."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from vecsearch.collection import Collection
from vecsearch.recommendation.examples import Example, names_of, resolve
from vecsearch.recommendation.strategies import POOL, mean_of
from vecsearch.types import Metric
from vecsearch.view import View
from vecsearch.where import Condition

# So many are fetched at most, before all are.
MOST = 16 * POOL


def growing(
    collection: Collection,
    like: Sequence[Example],
    unlike: Sequence[Example],
    conditions: tuple[Condition, ...],
    keys: Sequence[str],
    metric: Metric,
    exact: bool,
) -> Iterator[tuple[set[str], View]]:
    """What is near the mean of some examples, fetched: a thousand items, then more, then all.

    What is chosen of it is what would be chosen of the whole, as long as all of it is among the
    nearest, since candidates are looked at in pools by their distance.

    Args:
        collection: What is searched.
        like: The examples.
        unlike: Those that are not liked.
        conditions: What holds of the items that may come.
        keys: Keys of the metadata, for each of which an item that has it is fetched too.
        metric: How to compare.
        exact: Compare with every item.

    Yields:
        The ids of the nearest, and those items by rows, with the examples among them.

    Raises:
        InvalidArgument: No item has one of the keys, or there is too much to be fetched.
    """
    given = [one for one in (*like, *unlike) if isinstance(one, str | Path)]
    names = [name for one in given for name in names_of(collection.root, one)]
    view = collection.part(names)
    liked, unliked = resolve(view, like, metric), resolve(view, unlike, metric)
    if not len(liked.vectors):
        yield set(), view  # of which it is said what is missing
        return
    query = mean_of(liked.vectors, unliked.vectors, metric)
    for key in keys:
        having = (Condition(key, "exists"),)
        found = collection.query_vectors(query, 1, where=having, metric=metric, exact=exact)[0]
        names += [hit.item.id for hit in found]
    size = POOL
    while size <= MOST:
        # The examples are near themselves, and do not count.
        wanted = size + len(liked.rows) + len(unliked.rows)
        found = collection.query_vectors(
            query, wanted, where=conditions, metric=metric, exact=exact
        )[0]
        near = {hit.item.id for hit in found}
        view = collection.part([*dict.fromkeys([*names, *near])])
        yield near, view
        if len(found) < wanted:
            return
        size *= 2
    view = collection.view
    yield set(view.store.ids()), view
