"""``vecsearch serve`` as its users start it, and ``Client`` as they ask it."""

import ast
import gc
import os
import pickle
import re
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import PHOTOS
from serving import Server, serving

from vecsearch import (
    Client,
    Collection,
    CollectionNotFound,
    Condition,
    ImageError,
    InvalidArgument,
    ServerError,
    classify,
    cluster,
    find_duplicates,
    keep_clustering,
    parse_condition,
    project,
    recommend,
)

Command = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def index(small: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("serve") / "clothes"
    clothes = Collection.build(small / "train", folder, dim=4, size=(28, 28), color="grey")
    keep_clustering(clothes, "three", cluster(clothes, 3))
    return folder


@pytest.fixture(scope="module")
def server(index: Path) -> Iterator[Server]:
    with serving(index) as running:
        yield running


@pytest.fixture(scope="module")
def client(server: Server) -> Client:
    return Client(server.url)


def test_the_same_answers_as_the_collection(client: Client, index: Path, small: Path) -> None:
    clothes = Collection.open(index)
    queries = sorted((small / "test").glob("*/*.png"))[:4]
    assert client.name == "clothes"
    assert (len(client), client.dim, client.metric) == (30, 4, clothes.metric)
    assert client.encoder_name == "pca"
    assert [item.id for item in client] == [item.id for item in clothes]
    name = "bag/" + sorted((small / "train" / "bag").iterdir())[0].name
    assert name in client
    assert "bag/none.png" not in client
    assert client.get(name).label == "bag"
    assert str(client.get(name).path) == name
    options = {"k": 5, "where": "label!=trouser"}
    for ours, theirs in (
        (client.query(queries, **options), clothes.query(queries, **options)),
        (
            client.query_vectors(clothes.vectors([name]), metric="cosine"),
            clothes.query_vectors(clothes.vectors([name]), metric="cosine"),
        ),
        (client.query_ids([name], 7), clothes.query_vectors(clothes.vectors([name]), 7)),
        ([client.recommend([name], k=3)], [recommend(clothes, [name], k=3)]),
        (
            [client.recommend([name], k=3, max_per=None, collapse=None, boost=None)],
            [recommend(clothes, [name], k=3)],
        ),
    ):
        for one, other in zip(ours, theirs, strict=True):
            assert [hit.item.id for hit in one] == [hit.item.id for hit in other]
            assert [hit.distance for hit in one] == pytest.approx(
                [hit.distance for hit in other], abs=1e-5
            )
    assert client.query_one(queries[0], 3) == client.query([queries[0].read_bytes()], 3)[0]
    for one, two in zip(
        client.classify(queries, k=3), classify(clothes, queries, k=3), strict=True
    ):
        assert (one.label, one.nearest, one.confidence) == (two.label, two.nearest, two.confidence)


def test_pages_and_groups(client: Client, index: Path) -> None:
    clothes = Collection.open(index)
    found, total = client.items("label=bag", limit=4, offset=8)
    assert total == 10
    assert client.items({"label": "bag"}, limit=4, offset=8) == (found, total)
    assert client.items(None)[1] == 30
    with pytest.raises(InvalidArgument, match="cannot say that label = None"):
        client.items({"label": None})
    assert [item.id for item in found] == [one.id for one in clothes if one.label == "bag"][8:]
    drawn = project(clothes)
    shown = client.project()
    assert shown["ids"] == list(drawn.ids)
    assert np.array(shown["points"]) == pytest.approx(drawn.points, abs=1e-4)
    saved = client.clusters("three")
    assert [one["size"] for one in saved] == clothes.clustering("three").sizes.tolist()
    members, count = client.cluster_items(0, "three", limit=2)
    assert count == saved[0]["size"]
    assert members[0].id == saved[0]["medoid"]
    assert [one["size"] for one in client.clusters(k=2)] == cluster(clothes, 2).sizes.tolist()
    groups = find_duplicates(clothes, 3.0).groups
    assert [one["ids"] for one in client.duplicates(3.0)] == [group.ids for group in groups]


def test_what_the_server_is(client: Client) -> None:
    health = client.health()
    assert (health["status"], health["collections"], health["writable"]) == (
        "ok", ["clothes"], False,
    )  # fmt: skip
    (summary,) = client.collections()
    assert summary == client.info()
    assert summary["labels"] == {"bag": 10, "sneaker": 10, "trouser": 10}
    assert summary["clusterings"] == ["three"]
    assert (summary["images"], summary["text"], summary["calibrated"]) == (True, False, False)
    paths = client.openapi()["paths"]
    assert isinstance(paths, dict)
    assert "/api/v1/collections/{name}/query" in paths
    assert 'route="/health"' in client.metrics()
    assert 'vecsearch_items{collection="clothes"} 30.0' in client.metrics()


def test_the_client_covers_every_endpoint(client: Client) -> None:
    """Each operation of the OpenAPI document was asked by a method of the client's."""
    called = {
        node.func.attr
        for node in ast.walk(ast.parse(Path(__file__).read_text()))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and isinstance(node.func.value, ast.Name)
        and "client" in node.func.value.id
    }
    methods = {
        "/health get": "health", "/collections get": "collections",
        "/collections/{name} get": "info", "/collections/{name}/items get": "items",
        "/collections/{name}/items/{id} get": "get",
        "/collections/{name}/thumbnails/{id} get": "thumbnail",
        "/collections/{name}/query post": "query",
        "/collections/{name}/recommend post": "recommend",
        "/collections/{name}/classify post": "classify",
        "/collections/{name}/map get": "project",
        "/collections/{name}/clusters get": "clusters",
        "/collections/{name}/clusters/{number} get": "cluster_items",
        "/collections/{name}/duplicates get": "duplicates",
        "/collections/{name}/items post": "add",
        "/collections/{name}/items/{id} patch": "relabel",
        "/collections/{name}/items/{id} delete": "remove",
    }  # fmt: skip
    paths = client.openapi()["paths"]
    assert isinstance(paths, dict)
    operations = {
        f"{path.removeprefix('/api/v1')} {method}" for path, one in paths.items() for method in one
    }
    assert operations == methods.keys()
    assert set(methods.values()) <= called


def test_errors_of_the_client(client: Client, server: Server, tmp_path: Path) -> None:
    with pytest.raises(InvalidArgument, match="no item 'nobody'"):
        client.get("nobody")
    with pytest.raises(ImageError, match="not an image"):
        client.query_one(b"no image at all")
    with pytest.raises(InvalidArgument, match="3 numbers, and those here have 4"):
        client.query_vectors([[1, 2, 3]])
    with pytest.raises(InvalidArgument, match="knows no words"):
        client.query_text(["a red shoe"])
    with pytest.raises(InvalidArgument, match="no condition"):
        client.items("price")
    with pytest.raises(InvalidArgument, match="No clustering was saved as 'none'"):
        client.clusters("none")
    with pytest.raises(CollectionNotFound, match="there are: clothes"):
        Client(server.url, "shoes").info()
    with pytest.raises(CollectionNotFound, match="there are: clothes"):
        assert "bag/1.png" in Client(server.url, "shoes")
    with pytest.raises(ServerError, match="without --writable"):
        client.remove(["bag/1.png"])
    with pytest.raises(InvalidArgument, match="no address"):
        Client("localhost:8000")
    with pytest.raises(ServerError, match="does not answer"):
        Client("http://127.0.0.1:9/").health()
    copy = pickle.loads(pickle.dumps(ServerError(503, "too many at once")))
    assert (copy.status, str(copy)) == (503, "too many at once")
    with pytest.raises(InvalidArgument, match="as a list"):
        client.query(str(tmp_path))
    with pytest.raises(InvalidArgument, match="no address"):
        Client("http://localhost:port/")
    with pytest.raises(InvalidArgument, match=r"asks for a token and not for a user: [^s]*$"):
        Client("https://me:secret@localhost/")
    # What would go unheard is refused, by the client and by the server.
    for ask in (
        lambda: client.query_ids(["x"], wheer="label=dress"),
        lambda: client.query_vectors([[1, 2, 3, 4]], encoder="pca"),
        lambda: client.classify([b""], centroids=3),
        lambda: client.recommend(["x"], seed=1),
    ):
        with pytest.raises(TypeError, match="is no option here; there are: "):
            ask()
    for path in ("query?wheer=label%3Ddress", "classify?centroids=3"):
        answer = server.json("POST", f"collections/clothes/{path}", {"vector": [1, 2, 3, 4]})
        assert answer.status == 422
        assert "Extra inputs are not permitted" in answer.json["detail"]


def test_conditions_of_the_client(client: Client, index: Path) -> None:
    clothes = Collection.open(index)
    vector = clothes.vectors()[:1]
    for where in (
        parse_condition("label!=bag"),
        [Condition("label", "in", ["bag", "dress"]), "id exists"],
        {"label": "bag"},
        Condition("label", "exists"),
    ):
        found = client.query_vectors(vector, 30, where=where)[0]
        expected = clothes.query_vectors(vector, 30, where=where)[0]
        assert [hit.item.id for hit in found] == [hit.item.id for hit in expected]
        assert client.items(where, limit=1)[1] == len(expected)
    assert client.items({"label": "<b>"})[1] == 0
    with pytest.raises(InvalidArgument, match="which cannot say that a=b exists"):
        client.items(Condition("a=b", "exists"))
    for value in (" bag", None, ["a", "b"]):
        with pytest.raises(InvalidArgument, match="which cannot say that label = "):
            client.items({"label": value})


def test_tokens_are_text_for_a_header(server: Server) -> None:
    assert Client(server.url, token="of no use\n").health()
    for token in ("two\nlines", "smörgås"):
        with pytest.raises(InvalidArgument, match="printable ASCII"):
            Client(server.url, token=token)


def test_an_interrupted_question_spoils_no_other(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert client.health()
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr("http.client.HTTPResponse.read", interrupted)
        client.info()
    assert client.health()["status"] == "ok"


def interrupted(*_: object) -> bytes:
    raise KeyboardInterrupt


def test_a_change_is_sent_once() -> None:
    """A server that goes away with it may have made it."""
    seen: list[str] = []

    class Fleeting(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"{}")

        def do_DELETE(self) -> None:
            seen.append(self.path)
            self.close_connection = True

    with ThreadingHTTPServer(("127.0.0.1", 0), Fleeting) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        client = Client(f"http://127.0.0.1:{server.server_port}/", "photos")
        client.info()
        with pytest.raises(ServerError, match="does not answer"):
            client.remove(["a"])
        assert seen == ["/api/v1/collections/photos/items/a"]
        client.info()
        client.close()
        server.shutdown()


def test_what_stands_before_a_server() -> None:
    """A proxy that leads elsewhere, or answers in its own way."""

    class Proxy(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            elsewhere = "health" in self.path
            self.send_response(404 if "items" in self.path else 301 if elsewhere else 200)
            if elsewhere:
                self.send_header("Location", "https://photos.example.org/")
            self.send_header("Content-Length", "6")
            self.end_headers()
            self.wfile.write(b"<html>")

    with ThreadingHTTPServer(("127.0.0.1", 0), Proxy) as proxy:
        threading.Thread(target=proxy.serve_forever, daemon=True).start()
        client_url = f"http://127.0.0.1:{proxy.server_port}/größe"
        client = Client(client_url)
        with pytest.raises(ServerError, match=r"ask at https://photos\.example\.org/"):
            client.health()
        with pytest.raises(ServerError, match="is not of vecsearch"):
            client.openapi()
        with pytest.raises(InvalidArgument, match="The server answered 404"):
            assert "x" in Client(client_url, "photos")
        client.close()
        proxy.shutdown()


def test_thumbnails(client: Client, server: Server, small: Path) -> None:
    path = sorted((small / "train" / "bag").iterdir())[0]
    made = client.thumbnail(f"bag/{path.name}", 64)
    assert made[8:12] == b"WEBP"
    url = f"/api/v1/collections/clothes/thumbnails/bag/{path.name}?size=64"
    answer = server.ask("GET", url)
    assert answer.data == made
    again = server.ask("GET", url, headers={"If-None-Match": answer.headers["etag"]})
    assert (again.status, again.data) == (304, b"")
    assert server.ask("GET", url.replace("64", "63")).status == 422


def test_changes(small: Path, tmp_path: Path) -> None:
    index = tmp_path / "mine"
    Collection.build(small / "train", index, dim=4, size=(28, 28), color="grey")
    new = sorted((small / "test" / "bag").iterdir())[0]
    with serving(index, "--writable") as server:
        assert server.token is not None
        with pytest.raises(ServerError, match="wants its token"):
            Client(server.url.partition("?")[0]).health()
        client = Client(server.url)
        name = client.add(new, id="new one/#1 %41.png", label="bag")
        assert name in client
        assert Collection.open(index).get(name).label == "bag"
        assert client.query_one(new, 1)[0].item.id == name
        assert client.thumbnail(name, 64)[8:12] == b"WEBP"
        with pytest.raises(InvalidArgument, match="already"):
            client.add(new, id=name)
        mistyped = server.ask("POST", f"/api/v1/collections/{index.name}/items?lable=bag")
        assert (mistyped.status, len(client)) == (422, 31), mistyped.data
        client.relabel(name, label="sneaker", metadata={"price": 3})
        item = client.get(name)
        assert (item.label, item.metadata) == ("sneaker", {"price": 3})
        client.relabel(name, label=None)
        assert Collection.open(index).get(name).label is None
        assert client.items("price<4")[1] == 1
        Collection.open(index).update()  # leaves alone what was uploaded
        Collection.open(index).update(refit=True)
        assert Collection.open(index).get(name).metadata == {"price": 3}
        kept = list((tmp_path / "mine.uploads").iterdir())
        assert [one.read_bytes() for one in kept] == [new.read_bytes()]
        client.remove([name])
        assert name not in client
        assert len(Collection.open(index)) == 30
        assert not list((tmp_path / "mine.uploads").iterdir())
        with pytest.raises(InvalidArgument, match="no item"):
            client.remove([name])
        with pytest.raises(ImageError, match="not an image"):
            client.add(b"no image")
        unnamed = client.add(new)
        assert re.fullmatch("uploads/[0-9a-f]{16}", unnamed)


def test_changes_while_looking_through(tmp_path: Path) -> None:
    """Each item comes once, whatever is done to those that came."""
    Collection.from_vectors(np.zeros((1500, 2)), path=tmp_path / "mine")
    with serving(tmp_path / "mine", "--writable") as server:
        client = Client(server.url)
        seen = []
        for item in client:
            if len(seen) < 5:
                client.remove([item.id])
            seen.append(item.id)
        assert seen == [str(number) for number in range(1500)]
        with pytest.raises(InvalidArgument, match="nested more than 100 levels deep"):
            client.relabel("7", metadata={"deep": nested(100)})
        client.relabel("7", metadata={"deep": nested(99)})
        assert client.get("7").metadata == {"deep": nested(99)}


def nested(levels: int) -> list[Any]:
    """A list in a list, and so on."""
    return [nested(levels - 1)] if levels > 1 else []


def test_uploads_move_with_their_collection(small: Path, tmp_path: Path) -> None:
    index = tmp_path / "before" / "mine"
    index.parent.mkdir()
    Collection.build(small / "train", index, dim=4, size=(28, 28), color="grey")
    new = sorted((small / "test" / "bag").iterdir())[0]
    with serving(index, "--writable") as server:
        Client(server.url).add(new, id="mine", label="bag")
    index.parent.rename(tmp_path / "after")
    index = tmp_path / "after" / "mine"
    moved = Collection.open(index)
    assert moved.get("mine").path == next((tmp_path / "after" / "mine.uploads").iterdir())
    moved.update(refit=True)
    assert Collection.open(index).get("mine").label == "bag"
    with serving(index, "--writable") as server:
        client = Client(server.url)
        assert client.thumbnail("mine", 64)[8:12] == b"WEBP"
        client.remove(["mine"])
    assert not list((tmp_path / "after" / "mine.uploads").iterdir())


def test_a_disk_that_cannot_be_written_is_told(small: Path, tmp_path: Path) -> None:
    index = tmp_path / "mine"
    Collection.build(small / "train", index, dim=4, size=(28, 28), color="grey")
    (tmp_path / "mine.uploads").write_text("in the way")
    with serving(index, "--writable") as server:
        client = Client(server.url)
        with pytest.raises(ServerError, match="The server's machine refuses") as caught:
            client.add(sorted((small / "test" / "bag").iterdir())[0])
        assert caught.value.status == 503
        assert str(tmp_path) not in str(caught.value)
        assert len(client) == 30


def test_any_token_and_any_other_cookie(index: Path) -> None:
    token = "a+b/c=&d#e%41 f"
    with serving(index, "--token", token) as server:
        assert len(Client(server.url)) == len(Client(server.url.split("?")[0], token=token))
        no_other = {"Authorization": "none"}
        told = server.ask("GET", "/" + server.url.split("/")[-1], headers=no_other)
        assert told.status == 303
        own = told.headers["set-cookie"].split(";")[0]
        for other in ("a=b c", 'a={"x":1}', "a"):
            known = {**no_other, "Cookie": f"{other}; {own}"}
            for route in ("", f"/{index.name}/items?token=an-older-one&limit=1"):
                answer = server.ask("GET", f"/api/v1/collections{route}", headers=known)
                assert answer.status == 200, (other, answer.data)


def test_items_beyond_a_hundred_thousand(tmp_path: Path) -> None:
    vectors = np.random.default_rng(0).normal(size=(101_500, 2))
    Collection.from_vectors(vectors, path=tmp_path / "many")
    with serving(tmp_path / "many") as server:
        client = Client(server.url)
        assert sum(1 for _ in client) == 101_500
        with pytest.raises(InvalidArgument, match="less than or equal to 1000"):
            client.query_ids(["0"], k=5000)


def test_connections_end_with_their_threads(client: Client) -> None:
    for _ in range(5):
        thread = threading.Thread(target=client.health)
        thread.start()
        thread.join()
    gc.collect()
    assert len(client._connection._opened) <= 1


def test_after_a_quiet_time_the_first_answer_is_new(small: Path, tmp_path: Path) -> None:
    index = tmp_path / "quiet"
    mine = Collection.build(small / "train", index, dim=4, size=(28, 28), color="grey")
    with serving(index) as server:
        client = Client(server.url)
        for removed in [item.id for item in mine][:3]:
            assert len(client) == len(mine)
            mine.remove([removed])
            time.sleep(0.7)
        assert len(client) == 27


def test_it_sees_what_others_commit(small: Path, tmp_path: Path) -> None:
    index = tmp_path / "shared"
    mine = Collection.build(small / "train", index, dim=4, size=(28, 28), color="grey")
    with serving(index) as server:
        client = Client(server.url)
        first = client.info()["generation"]
        removed = [item.id for item in mine][:3]
        mine.remove(removed)
        deadline = time.monotonic() + 5
        while client.info()["generation"] == first and time.monotonic() < deadline:
            time.sleep(0.05)
        assert len(client) == 27
        found = {hit.item.id for hit in client.query_ids([next(iter(mine)).id], 30)[0]}
        assert len(found) == 27
        assert not found & set(removed)


def test_one_that_is_damaged_takes_no_other_along(tmp_path: Path) -> None:
    for name in ("good", "bad"):
        Collection.from_vectors([[1, 2], [3, 4]], path=tmp_path / name)
    with serving(tmp_path / "good", tmp_path / "bad") as server:
        (tmp_path / "bad" / "manifest-000002.json").write_text("{}")
        deadline = time.monotonic() + 30
        while len(found := server.ask("GET", "/api/v1/collections").json["collections"]) == 2:
            assert time.monotonic() < deadline
            time.sleep(0.3)
        assert [one["name"] for one in found] == ["good"]
        assert server.ask("GET", "/").status == 200
        answer = server.ask("GET", "/api/v1/collections/bad")
        assert answer.status == 503
        assert answer.json["detail"] == "The collection is damaged. The server's log says more."
        assert [line for line in server.said if line.startswith("bad: ")]


def test_it_survives_its_terminal_under_nohup(index: Path) -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as nohup leaves it to who it starts
    try:
        with serving(index) as server:
            server.process.send_signal(signal.SIGHUP)
            time.sleep(0.3)
            assert len(Client(server.url)) == 30
    finally:
        signal.signal(signal.SIGHUP, before)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_stops_when_asked(index: Path, number: int) -> None:
    with serving(index) as server:
        Client(server.url).query_one(PHOTOS / "stray.png")
        started = time.monotonic()
        code = server.stop(number)
        assert time.monotonic() - started < 5
        assert code == {signal.SIGINT: 0, signal.SIGTERM: 143}[number]
        assert not [line for line in server.said if "Traceback" in line]


def test_workers_die_with_it(index: Path) -> None:
    with serving(index) as server:
        Client(server.url).query_one(PHOTOS / "stray.png")
        children = subprocess.run(
            ["ps", "--ppid", str(server.process.pid), "-o", "pid="],
            capture_output=True, text=True, check=True,
        ).stdout.split()  # fmt: skip
        assert children
        server.process.kill()
        server.process.wait()
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline and any(_runs(int(one)) for one in children):
            time.sleep(0.1)
        assert not [one for one in children if _runs(int(one))]


def _runs(process: int) -> bool:
    try:
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def test_what_it_cannot_do(vecsearch: Command, index: Path, tmp_path: Path) -> None:
    def said(code: int, *arguments: str | Path) -> str:
        run = vecsearch("serve", *arguments)
        assert run.returncode == code, run.stderr
        assert "Traceback" not in run.stderr
        return run.stderr

    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        assert "cannot listen on 127.0.0.1" in said(1, index, "--port", str(port))
    assert "There is no collection at" in said(1, tmp_path / "none")
    twin = tmp_path / "clothes"
    os.symlink(index, tmp_path / "link")
    assert "would both be called 'clothes'" in said(2, index, tmp_path / "link")
    assert "no address" in said(1, index, "--host", "no.such.host.invalid")
    assert "An empty token" in said(2, index, "--token", "")
    assert "An empty token" in said(2, index, "--host", "0.0.0.0", "--token", " ")
    assert "none of those served" in said(2, index, "--report", f"shoes={tmp_path}")
    assert "There is no folder" in said(2, index, "--report", twin)
    assert said(2)


def test_a_report(vecsearch: Command, index: Path, small: Path, tmp_path: Path) -> None:
    run = vecsearch("evaluate", index, small / "test", "--report", tmp_path / "report")
    assert run.returncode == 0, run.stderr
    (tmp_path / "report" / "secret.html").symlink_to("/etc/passwd")
    (tmp_path / "report" / "notes.txt").write_text("mine")
    with serving(index, "--report", tmp_path / "report") as server:
        assert Client(server.url).info()["reports"] is True
        assert server.ask("GET", "/reports/clothes").headers["location"] == "./clothes/"
        page = server.ask("GET", "/reports/clothes/")
        assert page.status == 200
        assert page.headers["content-security-policy"].startswith("sandbox allow-scripts")
        assert b"precision" in page.data.lower()
        for path in ("secret.html", "notes.txt", "../clothes", "%2e%2e/x.html", "none.html"):
            assert server.ask("GET", f"/reports/clothes/{path}").status == 404
        assert server.ask("GET", "/reports/shoes/").status == 404


def test_collections_of_all_kinds(tmp_path: Path) -> None:
    """Without images, labels, an encoder, or items: answers, never a failure."""
    vectors = np.eye(3, dtype=np.float32)
    Collection.from_vectors(vectors, path=tmp_path / "bare", metric="cosine")
    empty = Collection.from_vectors(vectors, path=tmp_path / "empty")
    empty.remove(["0", "1", "2"])
    with serving(tmp_path / "bare", tmp_path / "empty") as server:
        with pytest.raises(InvalidArgument, match="Say which collection: bare, empty"):
            len(Client(server.url))
        bare, none = Client(server.url, "bare"), Client(server.url, "empty")
        assert [hit.item.id for hit in bare.query_ids(["1"], 99)[0]] == ["1", "0", "2"]
        assert bare.query_ids(["1"], where="label=x")[0] == []
        assert bare.query_ids(["1"], 5, offset=50)[0] == []
        assert [(hit.item.id, hit.distance) for hit in bare.query_ids(["1"], 5, offset=1)[0]] == [
            ("0", 1.0), ("2", 1.0)
        ]  # fmt: skip
        asked = server.json("POST", "collections/bare/query?k=1&offset=1", {"id": "1"})
        assert [hit["rank"] for hit in asked.json["hits"]] == [2]
        assert none.query_vectors([[1, 2, 3]]) == [[]]
        assert len(none) == 0
        assert bare.info()["images"] is False
        for one in (bare, none):
            for path in ("map", "map?method=lda", "clusters", "clusters?k=200", "clusters/5",
                         "duplicates", "items", "thumbnails/1", "items?where=x=1"):  # fmt: skip
                answer = server.json("GET", f"collections/{one.name}/{path}")
                assert answer.status < 500, (path, answer.data)
            for verb in ("query", "classify", "recommend"):
                for body in ({"id": "1"}, {"vector": [0, 0, 0]}, {"vector": [1e300, 0, 0]},
                             {"text": "x"}, {}, {"like": ["1"]}, {"like": []}):  # fmt: skip
                    answer = server.json("POST", f"collections/{one.name}/{verb}", body)
                    assert answer.status < 500, (verb, body, answer.data)
                    if answer.status >= 400:
                        assert answer.headers["content-type"] == "application/problem+json"
                        assert set(answer.json) == {"type", "title", "status", "detail"}
            with pytest.raises(InvalidArgument, match="no encoder for images"):
                one.query_one(PHOTOS / "stray.png")
        with pytest.raises(InvalidArgument, match="No item of"):
            bare._ask("classify", {"id": "1"})


def test_strange_ids(tmp_path: Path) -> None:
    names = ["a/b c", "100%", "%2F", "#1", "ü/日本.png", "?x=1&y", "+", "a//b", "..", ".", "\\n"]
    names += ["a", "a\n", "a\nb"]
    Collection.from_vectors(
        np.random.default_rng(0).normal(size=(len(names), 3)), names, path=tmp_path / "x"
    )
    with serving(tmp_path / "x") as server:
        client = Client(server.url)
        for name in names:
            assert client.get(name).id == name
            assert client.query_ids([name], 1)[0][0].item.id == name
        assert "..\n" not in client


def test_a_name_for_the_json(server: Server, small: Path) -> None:
    """The keys of the command line, in their order."""
    data = sorted((small / "test" / "bag").iterdir())[0].read_bytes()
    base = "/api/v1/collections/clothes"
    answer = server.ask("POST", f"{base}/query?k=1", data, {"Content-Type": "image/png"})
    assert list(answer.json) == ["query", "hits", "vector"]
    assert list(answer.json["hits"][0]) == [
        "rank", "id", "label", "distance", "score", "path", "metadata",
    ]  # fmt: skip
    again = server.json("POST", "collections/clothes/query?k=1", {"vector": answer.json["vector"]})
    assert again.json["hits"] == answer.json["hits"]
    answer = server.ask("POST", f"{base}/classify", data, {"Content-Type": "image/png"})
    assert list(answer.json) == [
        "query", "label", "confidence", "distance", "method", "neighbours", "nearest",
    ]  # fmt: skip
    nobody = server.json("POST", "collections/clothes/query", {"id": "x"})
    assert (nobody.status, nobody.json["detail"]) == (404, "There is no item 'x'.")


def test_images_that_are_none(server: Server) -> None:
    base = "/api/v1/collections/clothes/query"
    for data, kind, status in (
        (b"", "image/png", 422),
        (b"\x89PNG\r\n\x1a\n", "image/png", 422),
        (b"<svg/>", "image/svg+xml", 422),
        (b"x=1", "application/x-www-form-urlencoded", 415),
        (b"{", "application/json", 422),
        (b"[1]", "application/json", 422),
        (b'{"id": "a", "text": "b"}', "application/json", 422),
        (b'{"vector": [NaN]}', "application/json", 422),
    ):
        answer = server.ask("POST", base, data, {"Content-Type": kind})
        assert answer.status == status, (data, answer.data)
        assert answer.json["detail"].endswith(".")


@pytest.mark.parametrize(
    ("method", "route", "said"),
    [
        (
            "GET",
            "items?limt=5",
            "There is no parameter 'limt' here; there are: where, limit, offset. "
            "Did you mean 'limit'?",
        ),
        ("GET", "map?k=3", "There is no parameter 'k' here; there are: method."),
        ("GET", "duplicates?threshhold=1", "Did you mean 'threshold'?"),
        ("GET", "clusters?k=2&K=3", "There is no parameter 'K' here; there are: name, k."),
        ("GET", "items/bag/1.png?size=64", "There is no parameter 'size' here."),
        ("POST", "recommend?k=5", "There is no parameter 'k' here."),
        ("POST", "query?kk=5", "kk: "),
    ],
)
def test_parameters_that_a_route_does_not_have(
    server: Server, method: str, route: str, said: str
) -> None:
    body = b'{"like": []}' if method == "POST" else b""
    kind = {"Content-Type": "application/json"}
    answer = server.ask(method, f"/api/v1/collections/clothes/{route}", body, kind)
    assert (answer.status, said in answer.json["detail"]) == (422, True), answer.data
