"""Show more like these, less like those."""

from collections.abc import Mapping, Sequence

import numpy as np

from vecsearch.attributes import OWN
from vecsearch.collection import Collection
from vecsearch.errors import InvalidArgument
from vecsearch.index import as_metric
from vecsearch.recommendation.boosts import Boosts
from vecsearch.recommendation.choosing import Wishes, choose
from vecsearch.recommendation.examples import Example, resolve
from vecsearch.recommendation.nearby import growing
from vecsearch.recommendation.strategies import Strategy, pools
from vecsearch.types import Hit, Metric
from vecsearch.view import View, as_count
from vecsearch.where import Where, as_conditions


def recommend(
    collection: Collection,
    like: Sequence[Example] = (),
    unlike: Sequence[Example] = (),
    k: int = 10,
    *,
    strategy: Strategy = "mean",
    diversity: float = 0.0,
    max_per: Mapping[str, int] | None = None,
    collapse: float | None = None,
    boost: Mapping[str, float] | None = None,
    offset: int = 0,
    where: Where = None,
    metric: Metric | str | None = None,
    exact: bool = False,
) -> list[Hit]:
    """Find items that are like some examples, and unlike others.

    Items that are given as examples never come back. What follows is chosen from the best
    candidates, a thousand at a time; see ``docs/recommendations.md`` for the formulas.

    Args:
        collection: What is searched.
        like: Ids of items, image files, ``.npy`` files, Pillow images, uint8 arrays, or vectors
            ``(dim,)``.
        unlike: The same.
        k: How many; all there are, if they are fewer.
        strategy: ``mean``: near the mean of what is liked, and away from the mean of what is not.
            ``best``: near any one of the liked examples. ``sum``: near all of them.
        diversity: From 0 to 1: how much it counts that an item is unlike those before it.
        max_per: How many items may have the same label, or the same value of a key:
            ``{"label": 2}``.
        collapse: As near as this to one before it, or to an example, an item is left out.
        boost: How much keys with numbers or dates count beside likeness:
            ``{"sold": 0.2, "price": -0.1}``.
        offset: How many to pass over: those of the pages before.
        where: Only items of which all of this holds, as for ``Collection.query``.
        metric: Another metric than the collection's own.
        exact: Compare with every item, whatever index there is; so do ``best`` and ``sum`` always.

    Returns:
        The items, in the order in which they were chosen. ``score`` is what the strategy gives,
        before boosts and diversity. ``distance`` is that from the mean, or for ``best`` and
        ``sum`` from the nearest example that is liked; or not liked, where none is.

    Raises:
        InvalidArgument: A value makes no sense, or there is no example; ``mean`` needs one that is
            liked.
        ImageError: An image cannot be read.

    Example:
        >>> books = Collection.from_vectors(
        ...     [[5, 1], [4, 2], [1, 5], [0, 4]],
        ...     ids=["Emma", "Persuasion", "Dracula", "Carmilla"],
        ... )
        >>> [hit.item.id for hit in recommend(books, ["Emma"], unlike=["Dracula"], k=1)]
        ['Persuasion']
    """
    wanted = collection.metric if metric is None else as_metric(metric)
    count, passed = as_count(k), as_count(offset)
    if count < 1 or passed < 0:
        raise InvalidArgument(f"k is 1 or more and offset 0 or more, not {count} and {passed}.")
    wishes = Wishes(diversity, max_per or {}, collapse)
    conditions = as_conditions(where)

    def among(view: View) -> list[Hit]:
        for key in wishes.max_per:
            if key != "label":
                # Or else a mistaken key would limit nothing, without a word.
                view.attributes.column(key)
        boosts = Boosts(view, boost or {})
        liked, unliked = resolve(view, like, wanted), resolve(view, unlike, wanted)
        if len(both := np.intersect1d(liked.rows, unliked.rows)):
            name = view.store.record(int(both[0])).id
            raise InvalidArgument(f"{name!r} is both liked and not.")
        alive = view.attributes.allowed(conditions)
        allowed = np.ones(view.store.starts[-1], np.bool_) if alive is None else alive.copy()
        allowed[liked.rows] = allowed[unliked.rows] = False
        narrowed = exact or alive is not view.store.alive()
        candidates = pools(
            view, liked.vectors, unliked.vectors, strategy, allowed, wanted, narrowed
        )
        examples = np.concatenate([liked.vectors, unliked.vectors])
        chosen = choose(view, candidates, examples, passed + count, wishes, boosts, wanted)
        shown = slice(passed, None)
        return view.hits(chosen.rows[shown], chosen.distances[shown], chosen.scores[shown])

    if collection.at_hand or strategy != "mean" or boost:
        return among(collection.view)
    named = (*wishes.max_per, *(one.key for one in conditions))
    keys = [key for key in dict.fromkeys(named) if key not in OWN]
    for near, view in growing(collection, like, unlike, conditions, keys, wanted, exact):
        hits = among(view)
        if len(hits) == count and all(hit.item.id in near for hit in hits):
            break
    return hits
