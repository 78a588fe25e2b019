"""Which items are meant: the language of conditions, and what they hold of."""

import datetime as dt
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conditions import CONDITIONS, THING

from vecsearch import Collection, Condition, InvalidArgument, parse_condition
from vecsearch.where import as_conditions


@pytest.mark.parametrize(("text", "holds"), CONDITIONS)
def test_conditions(text: str, holds: bool) -> None:
    assert parse_condition(text).holds(THING) is holds


def test_nothing_in_a_list_is_in_no_order() -> None:
    condition = Condition("sizes", "<", 40)
    assert condition.holds({"sizes": [None, 38]})
    assert not condition.holds({"sizes": [None, 41]})


@pytest.mark.parametrize(
    ("text", "key", "operator", "value"),
    [
        ("a=b=c", "a", "=", "b=c"),
        ("a<=b", "a", "<=", "b"),
        ("a<b>c", "a", "<", "b>c"),
        ("a!=", "a", "!=", ""),
        ("a='b c'", "a", "=", "'b c'"),  # quotes are the shell's, and part of the value here
        ('a="b"', "a", "=", '"b"'),
        ("a=line\nbreak", "a", "=", "line\nbreak"),
        ("größe≥=3", "größe≥", "=", "3"),
        ("made in=China", "made in", "=", "China"),
        ("a in b=c,d", "a", "in", ("b=c", "d")),
        ("a in b", "a", "in", ("b",)),
        ("a in b,,c", "a", "in", ("b", "", "c")),
        ("index=3", "index", "=", "3"),
        ("a in b, exists", "a", "in", ("b", "exists")),
        ("a=it exists", "a", "=", "it exists"),
        ("inside exists", "inside", "exists", None),
    ],
)
def test_how_conditions_are_read(text: str, key: str, operator: str, value: object) -> None:
    found = parse_condition(text)
    assert (found.key, found.operator, found.value) == (key, operator, value)


@pytest.mark.parametrize(
    "text", ["", " ", "price", "=3", "<3", "!a=3", "exists", "in a", "a in ", "a!b"]
)
def test_what_is_no_condition(text: str) -> None:
    with pytest.raises(InvalidArgument, match="is no condition: write KEY=VALUE"):
        parse_condition(text)


@pytest.mark.parametrize(
    "where", [5, 2.5, [3], [None], {"": 1}, {3: 1}, [{"a": 1}], b"a=1", object()]
)
def test_what_cannot_be_meant(where: Any) -> None:
    with pytest.raises(InvalidArgument):
        as_conditions(where)


def test_conditions_made_in_python() -> None:
    for operator, value in (("~", 1), ("==", 1), ("in", "red"), ("in", 3), ("in", None)):
        with pytest.raises(InvalidArgument):
            Condition("a", operator, value)  # type: ignore[arg-type]
    assert Condition("price", "in", [30, 31]).holds(THING)
    assert Condition("price", "<", 30.5).holds(THING)
    assert Condition("tags", "=", 7).holds(THING)
    assert not Condition("code", "=", 7).holds(THING)  # text is not a number
    assert not Condition("code", "<", 8).holds(THING)
    assert not Condition("sold", "=", 1).holds(THING)
    assert Condition("nothing", "=", None).holds(THING)
    assert Condition("none", "=", None).holds(THING)
    assert not Condition("price", "=", None).holds(THING)
    assert Condition("price", "!=", None).holds(THING)
    assert as_conditions({"a": 1, "b": None}) == (Condition("a", "=", 1), Condition("b", "=", None))
    assert as_conditions(["a<1", Condition("b", "exists")]) == (
        Condition("a", "<", "1"), Condition("b", "exists"),
    )  # fmt: skip
    assert as_conditions(None) == as_conditions([]) == as_conditions({}) == ()


@pytest.mark.parametrize("value", [True, [1], {"a": 1}, (1,), dt.date(2026, 1, 1)])
def test_what_has_no_order_is_never_in_it(value: Any) -> None:
    """Refused or not fulfilled, but no error of Python's own."""
    for thing in (THING, {"price": 0}):
        try:
            condition = Condition("price", "<", value)
        except InvalidArgument:
            continue
        assert not condition.holds(thing)


def test_two_of_twenty_thousand(tmp_path: Path) -> None:
    """A filter that keeps 0.01 % fills k all the same, and finds no item that was removed."""
    count, dim = 20_000, 8
    rng = np.random.default_rng(0)
    vectors = rng.integers(-9, 10, (count, dim)).astype(np.float32)
    vectors[(vectors == 0).all(axis=1)] = 1
    more = [{"rare": row % 10_000 == 17, "n": row} for row in range(count)]
    labels = [str(row % 7) for row in range(count)]
    things = Collection.from_vectors(vectors, labels=labels, metadata=more, path=tmp_path / "index")
    queries = vectors[[5, 17, 19_999]] + np.float32(0.5)

    def check(kept: np.ndarray[Any, Any], where: Any, k: int, metric: str) -> None:
        answers = things.query_vectors(queries, k, where=where, metric=metric)
        for query, hits in zip(queries, answers, strict=True):
            one, others = query.astype(np.float64), vectors[kept].astype(np.float64)
            if metric == "euclidean":
                apart = np.sqrt(((others - one) ** 2).sum(axis=1))
            else:
                lengths = np.linalg.norm(others, axis=1) * np.linalg.norm(one)
                apart = 1 - (others @ one) / lengths
            nearest = np.argsort(apart.round(12), kind="stable")[:k]
            assert [hit.item.id for hit in hits] == [str(row) for row in kept[nearest]]
            np.testing.assert_allclose(
                [hit.distance for hit in hits], apart[nearest], rtol=0, atol=1e-9
            )

    everything = np.arange(count)
    for metric in ("euclidean", "cosine"):
        check(np.array([17, 10_017]), "rare=true", 2, metric)
        check(np.array([17, 10_017]), {"rare": True}, 50, metric)
        check(everything[100:103], ["n>=100", "n<103"], 3, metric)
        check(everything[everything % 7 == 3], {"label": "3"}, 20, metric)
    removed = [17, *range(0, 3000, 3), 101]
    things.remove([str(row) for row in removed])
    assert things.info()["dead"] == len(set(removed))
    living = np.setdiff1d(everything, removed)
    for metric in ("euclidean", "cosine"):
        check(np.array([10_017]), "rare=true", 2, metric)
        check(np.array([100, 103]), ["n>=100", "n<=103"], 9, metric)
        check(living[living % 7 == 3], {"label": "3"}, 20, metric)
        check(living, None, 20, metric)
    things.compact()
    check(living[living % 7 == 3], {"label": "3"}, 20, "euclidean")


def test_the_same_filter_after_a_change() -> None:
    """What a filter found before is not kept beyond the generation it was found in."""
    things = Collection.from_vectors([[1], [2], [3]], metadata=[{"p": 1}, {"p": 2}, {"p": 3}])

    def found(where: Any) -> list[str]:
        return [hit.item.id for hit in things.query_vectors([[0]], where=where)[0]]

    assert found("p>1") == ["1", "2"]
    things.remove(["1"])
    things.add_vectors([[0.5]], ["new"], metadata=[{"p": 9}])
    assert found("p>1") == ["new", "2"]
    things.add_vectors([[7]], ["2"], metadata=[{"p": 0}], replace=True)
    assert found("p>1") == ["new"]
    assert found(["p>1", "p<9"]) == []
    with pytest.raises(InvalidArgument, match=r"No item has 'q'\. There are: id, label, p, path"):
        found("q exists")
