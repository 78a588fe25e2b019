"""What a collection owes to the clusters that it keeps: whole, or an error that names the file."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load, save
from test_hostile import crafted
from test_repair import HOWS, How

from vecsearch import (
    Assigner,
    Collection,
    DamagedCollection,
    assign_clusters,
    cluster,
    keep_clustering,
    repair,
    verify,
)
from vecsearch.errors import VecsearchError
from vecsearch.store import Manifest, generations, manifest_name
from vecsearch.store.durable import stamp_of
from vecsearch.store.manifest import _sealed

Arrays = dict[str, np.ndarray[Any, Any]]


@pytest.fixture
def canary(tmp_path: Path) -> Path:
    """A file that is made by whoever runs what is stored."""
    return tmp_path / "canary"


@pytest.fixture
def index(tmp_path: Path) -> Path:
    """Twelve vectors in three and in four clusters."""
    vectors = np.random.default_rng(0).normal(size=(12, 5))
    labels = ["a", "b", None] * 4
    collection = Collection.from_vectors(vectors, labels=labels, path=tmp_path / "index")
    keep_clustering(collection, "three", cluster(collection, 3))
    keep_clustering(collection, "four", cluster(collection, 4, metric="cosine"))
    return tmp_path / "index"


def file_of(index: Path, name: str) -> Path:
    return index / Manifest.read(index / manifest_name(generations(index)[-1])).clusterings[name]


@HOWS
def test_damage_is_named_and_repair_keeps_the_others(index: Path, how: How) -> None:
    path = file_of(index, "three")
    how(path)
    collection = Collection.open(index)
    for ask in (
        lambda: collection.clustering("three"),
        lambda: collection.clusterings,
        lambda: Assigner(collection, "three"),
        lambda: assign_clusters(collection, "three"),
    ):
        with pytest.raises(DamagedCollection, match=path.name):
            ask()
    # Whatever does not ask for it works.
    assert collection.clustering("four").k == 4
    assert collection.info()["clusterings"] == ["four", "three"]
    assert len(collection.query_vectors(np.ones((1, 5)), k=12)[0]) == 12
    assert [one.file for one in verify(index).damages] == [path.name]
    result = repair(index)
    assert (result.items, result.lost) == (12, 0)
    assert path.name in result.notes[0]
    assert "vecsearch cluster --save 'three'" in result.notes[0]
    assert verify(index).damages == []
    collection.refresh()
    assert list(collection.clusterings) == ["four"]
    keep_clustering(collection, "three", cluster(collection, 3))
    assert sorted(collection.clusterings) == ["four", "three"]


def put(index: Path, name: str, content: bytes) -> None:
    """Replace a clustering as an attacker does: the manifest names its new hash."""
    path = file_of(index, name)
    path.write_bytes(content)
    manifest = index / manifest_name(generations(index)[-1])
    body = json.loads(manifest.read_text())["manifest"]
    body["files"][path.name] = vars(stamp_of(path))
    manifest.write_bytes(_sealed(body))


def test_crafted_files_run_nothing(
    index: Path, canary: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for what, content in crafted(canary).items():
        put(index, "three", content)
        with pytest.raises(DamagedCollection, match="is no clustering of ours"):
            Collection.open(index).clustering("three")
        assert not canary.exists(), what


def facts(**changes: object) -> Callable[[Arrays], Arrays]:
    def change(arrays: Arrays) -> Arrays:
        body = json.loads(arrays["facts"].tobytes()) | changes
        text = json.dumps({key: value for key, value in body.items() if value != "gone"})
        return arrays | {"facts": np.frombuffer(text.encode(), np.uint8)}

    return change


def array(name: str, change: Callable[[Any], Any]) -> Callable[[Arrays], Arrays]:
    return lambda arrays: arrays | {name: change(arrays[name].copy())}


def put_at(at: Any, value: float) -> Callable[[Any], Any]:
    def change(values: Any) -> Any:
        values[at] = value
        return values

    return change


CRAFTED: dict[str, Callable[[Arrays], Arrays]] = {
    "centres of another dim": array("centers", lambda one: one[:, :4].copy()),
    "no centres": array("centers", lambda one: one[:0]),
    "centres without shape": array("centers", lambda one: one.ravel()),
    "centres of doubles": array("centers", lambda one: one.astype(np.float64)),
    "a centre that is no number": array("centers", put_at((0, 0), np.nan)),
    "a centre beyond all": array("centers", put_at((0, 0), np.inf)),
    "a code below": array("codes", put_at(0, -1)),
    "a code above": array("codes", put_at(0, 3)),
    "codes of another kind": array("codes", lambda one: one.astype(np.int32)),
    "too few codes": array("codes", lambda one: one[:-1]),
    "a cluster without items": array("codes", np.zeros_like),
    "a distance below": array("distances", put_at(0, -0.1)),
    "a distance that is no number": array("distances", put_at(0, np.nan)),
    "too many distances": array("distances", lambda one: np.append(one, 0)),
    "a medoid beyond": array("medoids", put_at(0, 12)),
    "a medoid far below": array("medoids", put_at(0, -9)),
    "a medoid of another cluster": array("medoids", lambda one: one[::-1].copy()),
    "no medoid of a cluster with items": array("medoids", put_at(0, -1)),
    "too few medoids": array("medoids", lambda one: one[:-1]),
    "ids that end beyond": array("ends", put_at(-1, 10**6)),
    "ids that end before they begin": array("ends", put_at(3, 0)),
    "ids that begin below": array("ends", put_at(0, -5)),
    "too few ids": array("ends", lambda one: one[:-1]),
    "ids that are no text": array("ids", lambda one: np.full_like(one, 255)),
    "an inertia that is none": facts(inertia="much"),
    "an inertia below": facts(inertia=-1.0),
    "an inertia beyond all": facts(inertia=float("inf")),
    "an inertia that is no number": facts(inertia=float("nan")),
    "no inertia": facts(inertia="gone"),
    "a metric that is none": facts(metric="manhattan"),
    "settings that are none": facts(settings=5),
    "steps that are none": facts(iterations=[1]),
    "facts in lists": lambda arrays: arrays | {"facts": np.frombuffer(b"[" * 100_000, np.uint8)},
    "a missing array": lambda arrays: {name: arrays[name] for name in arrays if name != "codes"},
}


@pytest.mark.parametrize("what", CRAFTED)
def test_what_does_not_fit_is_refused(index: Path, what: str) -> None:
    whole = load(file_of(index, "three").read_bytes())
    put(index, "three", save(CRAFTED[what](dict(whole))))
    path = file_of(index, "three")
    with pytest.raises(DamagedCollection, match=f"{path.name} is no clustering of ours"):
        Collection.open(index).clustering("three")
    put(index, "three", save(whole))
    assert Collection.open(index).clustering("three").k == 3


def test_a_centre_without_direction_is_refused_under_cosine(index: Path) -> None:
    whole = load(file_of(index, "four").read_bytes())
    put(index, "four", save(whole | {"centers": np.zeros_like(whole["centers"])}))
    with pytest.raises(DamagedCollection, match="a centre has no direction"):
        Collection.open(index).clustering("four")


@pytest.mark.parametrize(
    "clusterings",
    [
        {"three": "../secret"}, {"three": "/etc/passwd"}, {"three": 5}, {"three": None}, ["three"],
        "three", None, {"three": "clustering-" + "0" * 32 + ".safetensors"},
    ],
)  # fmt: skip
def test_a_manifest_names_clusterings_of_its_own(index: Path, clusterings: Any) -> None:
    manifest = index / manifest_name(generations(index)[-1])
    body = json.loads(manifest.read_text())["manifest"] | {"clusterings": clusterings}
    manifest.write_bytes(_sealed(body))
    with pytest.raises(DamagedCollection, match=manifest.name):
        Collection.open(index)


def test_another_file_in_its_place_is_no_clustering(index: Path) -> None:
    manifest = index / manifest_name(generations(index)[-1])
    body = json.loads(manifest.read_text())["manifest"]
    body["clusterings"]["three"] = body["segments"][0]["columns"]
    manifest.write_bytes(_sealed(body))
    with pytest.raises(DamagedCollection, match="is no clustering of ours"):
        Collection.open(index).clustering("three")


def test_early_manifests_have_no_such_key(index: Path, tmp_path: Path) -> None:
    manifest = index / manifest_name(1)
    body = json.loads(manifest.read_text())["manifest"]
    del body["clusterings"]
    shutil.copytree(index, tmp_path / "early")
    for path in (tmp_path / "early").glob("manifest-*.json"):
        path.unlink()
    (tmp_path / "early" / manifest.name).write_bytes(_sealed(body))
    early = Collection.open(tmp_path / "early")
    assert early.clusterings == {}
    keep_clustering(early, "one", cluster(early, 1))
    assert list(early.clusterings) == ["one"]


def test_forgotten_files_are_cleared_away(index: Path) -> None:
    collection = Collection.open(index)
    path = file_of(index, "three")
    keep_clustering(collection, "three", cluster(collection, 2))
    assert path.exists()  # for who reads the generations before
    for turn in range(3):
        collection.add_vectors([[turn] * 5], [f"new {turn}"])
    assert not path.exists()
    assert len(list(index.glob("clustering-*"))) == 2
    assert collection.clustering("three").k == 2
    assert verify(index).damages == []


def test_a_link_is_not_followed(index: Path, tmp_path: Path) -> None:
    path = file_of(index, "three")
    path.rename(tmp_path / "elsewhere")
    path.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(VecsearchError, match="is a link"):
        Collection.open(index).clustering("three")
