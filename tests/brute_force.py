"""What a collection must answer, worked out from a dict in plain Python."""

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
import pytest

from vecsearch import Collection, InvalidArgument
from vecsearch.types import Metric, Vectors

Values: TypeAlias = "tuple[Vectors, str | None, dict[str, Any]]"


def check(
    collection: Collection,
    items: dict[str, Values],
    order: list[str],
    strangers: Sequence[str] = ("nobody",),
) -> None:
    """Every way to read an item gives what the dict has; some strangers may be among them."""
    assert set(order) == items.keys()
    found = list(collection)
    assert [item.id for item in found] == order
    assert len(collection) == len(order) == len(set(order))
    vectors = collection.vectors()
    assert vectors.shape == (len(order), 16)
    np.testing.assert_array_equal(vectors, [items[name][0] for name in order] or vectors)
    for item in found:
        assert (item.label, dict(item.metadata)) == items[item.id][1:]
    for name in (*strangers, *order):
        assert (name in collection) == (name in items)
    back = order[::-1]
    np.testing.assert_array_equal(collection.vectors(back), vectors[::-1])
    if order:
        item = collection.get(back[0])
        assert (item.id, item.label, dict(item.metadata)) == (back[0], *items[back[0]][1:])


def search(
    collection: Collection,
    items: dict[str, Values],
    order: list[str],
    queries: list[Vectors],
    k: int,
    metric: Metric | None,
    where: str | None,
) -> None:
    """Hits are those of brute force in double precision; of equal vectors the earlier first."""
    conditions = {"price": "price>1"}.get(where or "", {"label": where} if where else None)
    rows = [row for row, name in enumerate(order) if matches(items[name], where)]
    if where == "price" and not any("price" in more for _, _, more in items.values()):
        with pytest.raises(InvalidArgument, match="No item has 'price'"):
            collection.query_vectors(queries, k, where=conditions, metric=metric)
        return
    answers = collection.query_vectors(queries, k, where=conditions, metric=metric)
    for query, hits in zip(queries, answers, strict=True):
        apart = {
            row: brute(query, items[order[row]][0], metric or collection.metric) for row in rows
        }
        expected = sorted(rows, key=lambda row: (apart[row], row))[:k]
        found = [order.index(hit.item.id) for hit in hits]
        assert len(found) == len(expected) == len(set(found))
        nearest = [apart[row] for row in expected]
        np.testing.assert_allclose([apart[row] for row in found], nearest, rtol=0, atol=1e-9)
        np.testing.assert_allclose([hit.distance for hit in hits], nearest, rtol=0, atol=1e-9)
        alike: dict[bytes, list[int]] = {}
        for row in rows:
            alike.setdefault(items[order[row]][0].tobytes(), []).append(row)
        for group in alike.values():
            chosen = [row for row in found if row in group]
            assert chosen == group[: len(chosen)]
        for hit in hits:
            assert (hit.item.label, dict(hit.item.metadata)) == items[hit.item.id][1:]


def matches(values: Values, where: str | None) -> bool:
    _, label, more = values
    return more.get("price", 0) > 1 if where == "price" else where is None or label == where


def brute(query: Vectors, other: Vectors, metric: Metric) -> float:
    """The distance, in plain Python."""
    pairs = [(float(one), float(two)) for one, two in zip(query, other, strict=True)]
    if metric is Metric.EUCLIDEAN:
        return sum((one - two) ** 2 for one, two in pairs) ** 0.5
    lengths = sum(one * one for one, _ in pairs) * sum(two * two for _, two in pairs)
    return float(1 - sum(one * two for one, two in pairs) / lengths**0.5)
