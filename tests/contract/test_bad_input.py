"""Bad vectors, ids and numbers: refused with an error of ours, and nothing is changed."""

import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from test_faults import leftovers, process, result_of
from test_power_loss import state

from vecsearch import Collection, verify
from vecsearch.errors import VecsearchError

GOOD = [[3.0, 4.0], [6.0, 8.0], [0.0, 5.0]]
IDS = ["a", "b", "c"]
METRICS = ("euclidean", "cosine")

BAD_VECTORS: Mapping[str, Any] = {
    "NaN": [[1, 2], [3, float("nan")], [5, 6]],
    "infinity": [[1, 2], [3, 4], [float("-inf"), 6]],
    "more than float32 holds": [[1e300, 2], [3, 4], [5, 6]],
    "a whole number without end": [[10**400, 2], [3, 4], [5, 6]],
    "strings": [["1", "2"], ["3", "4"], ["5", "6"]],
    "bytes": np.array([[b"1", b"2"]] * 3),
    "objects": np.array([[None, 2], [3, 4], [5, 6]], object),
    "numbers as objects": np.array([[1, 2], [3, 4], [5, 6]], object),
    "complex numbers": np.array([[1j, 2], [3, 4], [5, 6]]),
    "dates": np.zeros((3, 2), "datetime64[s]"),
    "spans of time": np.zeros((3, 2), "timedelta64[s]"),
    "rows with names": np.zeros((3, 2), [("x", "f4")]),
    "a mapping": {"a": [1, 2]},
    "sets": [{1, 2}, {3, 4}, {5, 6}],
    "one dimension": [1.0, 2.0, 3.0],
    "three dimensions": np.ones((3, 2, 1)),
    "no dims": np.empty((3, 0)),
    "unequal lengths": [[1, 2], [3], [5, 6]],
}
WITHOUT_DIRECTION: Mapping[str, Any] = {
    "zero": [[1, 2], [0, 0], [5, 6]],
    "minus zero": [[1, 2], [-0.0, 0.0], [5, 6]],
    "zero once it is float32": [[1, 2], [1e-60, 0], [5, 6]],
}
OTHER_DIMS: Mapping[str, Any] = {"one dim": [[1], [2], [3]], "three dims": [[1, 2, 3]] * 3}
BAD_IDS: Mapping[str, Any] = {
    "an id twice": ["x", "y", "x"],
    "too few ids": ["x", "y"],
    "too many ids": ["x", "y", "z", "w"],
    "no ids": [],
    "numbers": [1, 2, 3],
    "bytes": [b"x", b"y", b"z"],
    "None among them": ["x", None, "z"],
    "a string": "xyz",
    "a generator": (name for name in ["x", "y", "z"]),
    "half a character": ["x", "y", "\ud800"],
}
BAD_KS: Mapping[str, Any] = {"0": 0, "-1": -1, "1.5": 1.5, "a string": "3", "None": None}

Call = Callable[[Path, str], object]


def made_of(vectors: Any, ids: Any) -> Call:
    return lambda path, metric: Collection.from_vectors(vectors, ids, path=path, metric=metric)


def overwritten_by(vectors: Any, ids: Any) -> Call:
    def call(path: Path, metric: str) -> object:
        return Collection.from_vectors(vectors, ids, path=path, metric=metric, overwrite=True)

    return call


def added(vectors: Any, ids: Any, replace: bool = False) -> Call:
    return lambda path, _: Collection.open(path).add_vectors(vectors, ids, replace=replace)


def asked(vectors: Any, k: Any = 3) -> Call:
    return lambda path, _: Collection.open(path).query_vectors(vectors, k=k)


def bad_calls(metric: str) -> dict[str, Call]:
    """Everything that must be refused, by what is wrong with it."""
    calls: dict[str, Call] = {}
    wrong = {**BAD_VECTORS, **(WITHOUT_DIRECTION if metric == "cosine" else {})}
    new = ["x", "y", "z"]
    for name, vectors in {**wrong, **OTHER_DIMS}.items():
        calls[f"add {name}"] = added(vectors, new)
        calls[f"replace by {name}"] = added(vectors, IDS, replace=True)
        calls[f"ask for {name}"] = asked(vectors)
    for name, vectors in wrong.items():
        calls[f"make of {name}"] = made_of(vectors, new)
        calls[f"overwrite by {name}"] = overwritten_by(vectors, new)
    for name, ids in BAD_IDS.items():
        calls[f"add with {name}"] = added(GOOD, ids)
        calls[f"make with {name}"] = made_of(GOOD, ids)
        calls[f"overwrite with {name}"] = overwritten_by(GOOD, ids)
    calls["add with an id that is there"] = added(GOOD, ["x", "b", "z"])
    calls |= {f"ask for k = {name}": asked(GOOD, k) for name, k in BAD_KS.items()}
    return calls


def faults_of(metric: str, folder: Path) -> list[str]:
    """How bad input is taken, where it is not refused or changes something."""
    place, new = folder / metric, folder / "new"
    faults = []
    for name, call in bad_calls(metric).items():
        if not place.exists():
            Collection.from_vectors(GOOD, IDS, path=place, metric=metric)
            before = state(place)
        fault = ""
        try:
            call(new if name.startswith("make") else place, metric)
        except VecsearchError:
            pass
        except Exception as error:
            fault = repr(error)
        else:
            fault = "taken"
        if new.exists() or state(place) != before or verify(place).damages or leftovers(place):
            fault += " and something is changed"
        if fault or Collection.open(place).info()["generation"] != 1:
            faults.append(f"{name}, {metric}: {fault}")
            for path in (place, new):
                shutil.rmtree(path, ignore_errors=True)
    return faults


def hits_that_are_none(folder: Path) -> list[str]:
    """What is wrong with the answers where k is more than there is; dead rows are there too."""
    faults = []
    for metric in METRICS:
        some = Collection.from_vectors(
            [*GOOD, [9, 9], [8, 1]],
            [*IDS, "d", "e"],
            ["even", "odd", "even", "odd", "even"],
            path=folder / metric,
            metric=metric,
        )
        for where, names in ((None, {*IDS, "d", "e"}), ({"label": "odd"}, {"b", "d"})):
            for removed in ((), ("d",), ("d", "b")):
                some.remove([name for name in removed if name in some])
                there = sorted(names - {*removed})
                for k in (len(there) + 1, 1000, 2**40):
                    for hits in some.query_vectors([[1, 1], [3, 4]], k=k, where=where):
                        if sorted(hit.item.id for hit in hits) != there:
                            faults.append(f"{metric}, {where}, k = {k}: {hits}")
            some.add_vectors([GOOD[1], [9, 9]], ["b", "d"], ["odd", "odd"])
    return faults


def try_all(folder: str) -> None:
    """All of it, with checks that ``python -O`` leaves in. Prints what is wrong."""
    place = Path(folder)
    faults = [one for metric in METRICS for one in faults_of(metric, place / "bad")]
    count = sum(len(bad_calls(metric)) for metric in METRICS)
    faults += hits_that_are_none(place)
    print(json.dumps({"faults": faults, "count": count, "debug": __debug__}))


@pytest.mark.parametrize("metric", METRICS)
def test_bad_input_is_refused_and_changes_nothing(tmp_path: Path, metric: str) -> None:
    assert faults_of(metric, tmp_path) == []
    assert len(bad_calls(metric)) > 100


def test_every_hit_is_an_item_where_k_is_more_than_there_is(tmp_path: Path) -> None:
    assert hits_that_are_none(tmp_path) == []


def test_all_that_under_python_o(tmp_path: Path) -> None:
    """FAISS checks dims by ``assert``, which ``-O`` takes out."""
    found = result_of(process(try_all, tmp_path, flags=["-O"]))
    print(f"{found['count']} bad inputs under python -O: {len(found['faults'])} faults")
    assert found["debug"] is False
    assert found["faults"] == []
    assert found["count"] > 200
