"""What a server owes who attacks it: nothing. Promises 14, 15 and 16 of docs/reliability.md."""

import io
import os
import random
import socket
import struct
import subprocess
import sys
import threading
import time
import zlib
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import product
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import numpy as np
import pytest
from PIL import Image
from serving import Server, serving

from vecsearch import Collection, InvalidArgument
from vecsearch.server.problems import Problem
from vecsearch.server.settings import Settings
from vecsearch.server.shield import cookie_of
from vecsearch.server.state import MOST_HEAVY, HeavyPool

TOKEN = "the-token-of-this-test"
SECRET = b"nobody outside may read this"


@pytest.fixture(scope="module")
def index(small: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("attacked") / "clothes"
    Collection.build(small / "train", folder, dim=4, size=(28, 28), color="grey")
    return folder


@pytest.fixture(scope="module")
def server(index: Path) -> Iterator[Server]:
    with serving(index) as running:
        yield running


@pytest.fixture(scope="module")
def guarded(index: Path) -> Iterator[Server]:
    with serving(index, "--token", TOKEN) as running:
        yield running


def query(server: Server, data: bytes, kind: str = "application/octet-stream") -> int:
    path = "/api/v1/collections/clothes/query"
    return server.ask("POST", path, data, {"Content-Type": kind}).status


# 14: uploads are bounded


def test_bodies_that_are_too_large(server: Server) -> None:
    """60 MB with a length, and in chunks without one: 413, and memory stays where it was."""
    picture = io.BytesIO()
    Image.new("L", (28, 28)).save(picture, "PNG")
    routes = [
        ("POST", "query", "image/png"),
        ("POST", "query", "application/json"),
        ("POST", "classify", "image/png"),
        ("POST", "recommend", "application/json"),
        ("PATCH", "items/bag", "application/json"),  # though nothing can be changed here
    ]
    assert query(server, picture.getvalue()) == 200
    for method, route, kind in routes:  # what a first request loads, of each
        server.ask(method, f"/api/v1/collections/clothes/{route}", b"{", {"Content-Type": kind})
    before = server.memory()
    peak = [before]
    done = threading.Event()

    def watch() -> None:
        while not done.wait(0.005):
            peak.append(server.memory())

    watcher = threading.Thread(target=watch)
    watcher.start()
    statuses = []
    block = b"x" * (1 << 20)
    for chunked, (method, route, kind) in product((False, True), routes):
        with socket.create_connection(("127.0.0.1", server.port), timeout=30) as client:
            length = "Transfer-Encoding: chunked" if chunked else f"Content-Length: {60 << 20}"
            client.sendall(
                f"{method} /api/v1/collections/clothes/{route} HTTP/1.1\r\nHost: localhost\r\n"
                f"Content-Type: {kind}\r\n{length}\r\n\r\n".encode()
            )
            for _ in range(60):
                client.sendall(b"100000\r\n" + block + b"\r\n" if chunked else block)
            if chunked:
                client.sendall(b"0\r\n\r\n")
            statuses.append(client.recv(4096).split()[1])
    done.set()
    watcher.join()
    grown = (max(peak) - before) / 1e6
    print(f"60 MB with and without a length: {statuses}, memory +{grown:.1f} MB")
    assert statuses == [b"413"] * 2 * len(routes)
    assert grown <= 15
    assert query(server, b"x" * 100) == 422


def drip(port: int, stop: threading.Event, dropped: list[float], started: float) -> None:
    """300 connections, each of which sends a byte a second, half of them headers, half a body."""
    begin = (
        b"POST /api/v1/collections/clothes/query HTTP/1.1\r\nHost: localhost\r\n"
        b"Content-Type: image/png\r\nContent-Length: 100000\r\n"
    )
    alive = {}
    for number in range(300):
        client = socket.create_connection(("127.0.0.1", port))
        client.sendall(begin + (b"\r\n" if number % 2 else b"X-Slow: "))
        client.setblocking(False)
        alive[client] = True
    while alive and not stop.is_set():
        for client in list(alive):
            try:
                client.send(b"a")
                if client.recv(4096) == b"":
                    raise ConnectionError
            except BlockingIOError:
                continue
            except OSError:
                dropped.append(time.monotonic() - started)
                client.close()
                del alive[client]
        time.sleep(0.5)
    for client in alive:
        client.close()


def percentile(server: Server, seconds: float) -> float:
    """The 99th percentile of how long a healthy request takes."""
    took = []
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        started = time.perf_counter()
        assert server.json("GET", "collections/clothes/items?limit=5").status == 200
        took.append(time.perf_counter() - started)
    return float(np.percentile(took, 99))


@pytest.mark.slow
@pytest.mark.alone
def test_clients_that_drip(server: Server) -> None:
    """They are dropped, and the others do not notice."""
    percentile(server, 1)
    clean = percentile(server, 8)
    stop, dropped, started = threading.Event(), list[float](), time.monotonic()
    dripping = threading.Thread(target=drip, args=(server.port, stop, dropped, started))
    dripping.start()
    time.sleep(1)
    disturbed = percentile(server, 8)
    dripping.join(10)
    stop.set()
    dripping.join()
    print(
        f"300 dripping: {len(dropped)} dropped, the last after {max(dropped):.1f} s; "
        f"p99 {1000 * clean:.1f} ms alone, {1000 * disturbed:.1f} ms beside them"
    )
    assert len(dropped) == 300
    assert max(dropped) < 12
    # Up to 5 ms, what is measured is who else uses the processor.
    assert disturbed <= 2 * max(clean, 0.005)


@pytest.mark.slow
def test_connections_that_say_nothing_more(server: Server) -> None:
    """Also after a blank line, or the rest of a body that was refused, they are closed."""
    health = b"GET /api/v1/health HTTP/1.1\r\nHost: localhost\r\n\r\n"
    large = (
        b"POST /api/v1/collections/clothes/query HTTP/1.1\r\nHost: localhost\r\n"
        b"Content-Type: image/png\r\nContent-Length: %d\r\n\r\n"
    )
    with ExitStack() as stack:
        clients = []
        for asked, more in ((health, b"\r\n"), (large % (20 << 20), b"x" * (20 << 20))):
            client = stack.enter_context(
                socket.create_connection(("127.0.0.1", server.port), timeout=90)
            )
            client.sendall(asked)
            assert client.recv(1 << 16).split()[1] in (b"200", b"413")
            time.sleep(0.2)
            client.sendall(more)
            clients.append(client)
        for client in clients:
            while client.recv(1 << 16):  # or it would not be closed within the timeout
                pass


def bomb(width: int = 13_000, height: int = 13_000) -> bytes:
    """A PNG of 20 kB that says that it has 169 megapixels, and has them."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    rows = (b"\0" + bytes((width + 7) // 8)) * height
    head = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", head)
        + chunk(b"IDAT", zlib.compress(rows, 9))
        + chunk(b"IEND", b"")
    )


@pytest.mark.slow
@pytest.mark.alone
def test_bombs(server: Server) -> None:
    data = bomb()
    assert len(data) < 30_000
    query(server, data)
    before, started = server.memory(), time.perf_counter()
    statuses = [query(server, data, "image/png") for _ in range(50)]
    took = time.perf_counter() - started
    print(f"50 bombs refused in {took:.2f} s, memory +{(server.memory() - before) / 1e6:.1f} MB")
    assert statuses == [422] * 50
    assert took < 1


def test_a_decoder_that_wants_too_much(server: Server) -> None:
    """49 megapixels in 16 bits and colour, which one may decode: it may not, or it does."""
    picture = io.BytesIO()
    Image.new("RGBA", (7000, 7000)).save(picture, "PNG", compress_level=9)
    assert query(server, picture.getvalue(), "image/png") in (200, 422)
    picture = io.BytesIO()
    Image.new("L", (28, 28)).save(picture, "PNG")
    assert query(server, picture.getvalue()) == 200


def test_headers_without_end(server: Server) -> None:
    with socket.create_connection(("127.0.0.1", server.port), timeout=30) as client:
        client.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n")
        with pytest.raises(OSError):  # noqa: PT011 - reset or broken, as the system likes
            for _ in range(10_000):
                client.sendall(b"X-More: " + b"y" * 4000 + b"\r\n")
    assert server.json("GET", "health").status == 200


# 15: a web page elsewhere can't use it


@pytest.mark.parametrize(
    "host",
    ["evil.example", "localhost.evil.example", "127.0.0.1.nip.io", "", "8.8.8.8", "[", "a b"],
)
def test_hosts_that_are_not_ours(server: Server, host: str) -> None:
    for method, path in (("GET", "/"), ("GET", "/api/v1/health"), ("POST", "/metrics")):
        answer = server.ask(method, path, headers={"Host": host})
        assert answer.status == 400
        assert b"clothes" not in answer.data


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1:8000", "[::1]:8000", "LOCALHOST"])
def test_hosts_that_are_ours(server: Server, host: str) -> None:
    assert server.ask("GET", "/api/v1/health", headers={"Host": host}).status == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://["},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "http://localhost:1"},
    ],
)
def test_pages_of_other_sites(server: Server, headers: dict[str, str]) -> None:
    path = "/api/v1/collections/clothes/query"
    for method in ("POST", "PATCH", "DELETE", "PUT"):
        answer = server.ask(method, path, b"{}", {"Content-Type": "text/plain", **headers})
        assert answer.status == 403
        assert not [name for name in answer.headers if name.lower().startswith("access-control")]
    answer = server.ask(
        "OPTIONS", path, headers={**headers, "Access-Control-Request-Method": "POST"}
    )
    assert not [name for name in answer.headers if name.lower().startswith("access-control")]
    answer = server.ask("GET", "/api/v1/health", headers=headers)
    assert not [name for name in answer.headers if name.lower().startswith("access-control")]
    # A picture there with the address of our clusters is not for us to work out; a link is.
    assert answer.status == (403 if "Sec-Fetch-Site" in headers else 200)
    for where, status in (("iframe", 403), ("document", 200)):
        more = {"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": where}
        if "Sec-Fetch-Site" in headers:
            assert server.ask("GET", "/", headers={**headers, **more}).status in (status, 303)
    assert answer.headers["cross-origin-resource-policy"] == "same-origin"


def test_our_own_pages(server: Server) -> None:
    path, body = "/api/v1/collections/clothes/query", b'{"vector": [1, 2, 3, 4]}'
    for host in ("localhost", f"127.0.0.1:{server.port}"):
        headers = {"Host": host, "Origin": f"http://{host}", "Sec-Fetch-Site": "same-origin"}
        headers["Content-Type"] = "application/json"
        assert server.ask("POST", path, body, headers).status == 200


def test_tokens(guarded: Server) -> None:
    def status(path: str = "/api/v1/health", **headers: str) -> int:
        renamed = {name.replace("_", "-"): value for name, value in headers.items()}
        return guarded.ask("GET", path, headers={"Authorization": "", **renamed}).status

    assert guarded.ask("GET", "/api/v1/health").status == 200
    for path in ("/", "/api/v1/health", "/metrics", "/api/v1/openapi.json", "/reports/x/", "/none"):
        assert status(path) == 401
    for wrong in ("Bearer", "Bearer x", f"Basic {TOKEN}", f"Bearer {TOKEN}x", "Bearer \xff"):
        assert status(Authorization=wrong) == 401
    assert status(Authorization=f"bearer {TOKEN}") == 200
    assert status(f"/api/v1/health?token={TOKEN}x") == 401
    assert status(Cookie=f"vecsearch={TOKEN}") == 401
    assert status(f"/api/v1/health?token={TOKEN}") == 303
    answer = guarded.ask("GET", f"/c/x?a=1&token={TOKEN}&b=%20", headers={"Authorization": ""})
    assert (answer.status, answer.headers["location"]) == (303, "/c/x?a=1&b=+")
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    assert TOKEN not in cookie
    known = cookie.partition(";")[0]
    assert status(Cookie=known) == 200
    # Another server on this machine has a cookie of its own, or each would log the other out.
    assert known.partition("=")[0] not in (f"vecsearch-{cookie_of('other')[:8]}", "vecsearch")
    answer = guarded.ask("GET", f"/?token={TOKEN}", headers={"Authorization": "", "Cookie": known})
    assert (answer.status, answer.headers["location"]) == (303, "/")
    answer = guarded.ask("GET", f"//evil.example/?token={TOKEN}", headers={"Authorization": ""})
    assert not answer.headers["location"].startswith("//")
    path = f"/api/v1/collections/clothes/query?token={TOKEN}"
    assert guarded.ask("POST", path, b"{}", {"Authorization": ""}).status == 401


def test_beyond_this_machine(index: Path) -> None:
    with serving(index, "--host", "0.0.0.0") as server:
        assert server.token is not None
        assert len(server.token) >= 32
        assert server.ask("GET", "/api/v1/health").status == 200
        assert server.ask("GET", "/api/v1/health", headers={"Authorization": ""}).status == 401
        assert server.ask("GET", "/api/v1/health", headers={"Host": "192.168.1.7:80"}).status == 200
        assert server.ask("GET", "/api/v1/health", headers={"Host": "evil.example"}).status == 400
        told = urlsplit(server.url).netloc
        assert told.startswith(socket.gethostname())
        assert server.ask("GET", "/api/v1/health", headers={"Host": told}).status == 200


# 16: only indexed images are served, by id


def hostile_ids(outside: Path, seed: int = 0) -> list[str]:
    """500 ways to ask for a file that is none of the items."""
    draw = random.Random(seed)
    targets = [str(outside / "secret.png"), str(outside / "secret.txt"), "/etc/passwd", "manifest"]
    ups = ["../", "..%2f", "%2e%2e/", "..\\", "....//", "..;/", "%252e%252e%252f", "..%c0%af", "./"]
    heads = ["", "bag/", "/", "//", "file://", "bag/../", "\0", "bag/00.png\0", "~/", "C:\\"]
    tails = ["", "\0.png", "%00.png", "?x", "#", "/.", "/", ".png", ";.png"]
    found: list[str] = []
    while len(found) < 500:
        up = draw.choice(ups) * draw.randint(0, 12)
        target = draw.choice(targets)
        target = target.lstrip("/") if draw.random() < 0.7 else target
        found.append(draw.choice(heads) + up + target + draw.choice(tails))
    return found


def test_no_file_but_the_items(server: Server, tmp_path: Path) -> None:
    (tmp_path / "secret.txt").write_bytes(SECRET)
    Image.new("RGB", (50, 50), "red").save(tmp_path / "secret.png")
    outside = statuses = 0
    for name in hostile_ids(tmp_path):
        for sent in (quote(name, safe=""), quote(name, safe="/%.;\\")):
            for path in (
                f"/api/v1/collections/clothes/thumbnails/{sent}",
                f"/reports/{sent}",
                f"/reports/clothes/{sent}",
                f"/{sent}",
            ):
                answer = server.ask("GET", path)
                statuses += answer.status >= 500
                found = SECRET in answer.data or b"root:" in answer.data
                outside += found or answer.headers.get("content-type", "").startswith("image/")
        body = server.json("POST", "collections/clothes/recommend", {"like": [name]})
        assert body.status == 404
    print(f"500 traversal strings in 9 places: {outside} answers from outside, {statuses} of 5xx")
    assert (outside, statuses) == (0, 0)


def test_links_out_of_the_folder(small: Path, tmp_path: Path) -> None:
    """Of a file that was replaced by a link to another nothing is shown, nor of a pipe."""
    root, outside = tmp_path / "images", tmp_path / "outside"
    outside.mkdir()
    for number, path in enumerate(sorted((small / "train" / "bag").iterdir())[:6]):
        target = root / "bag" / f"{number}.png"
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(path.read_bytes())
    (outside / "same.png").write_bytes((root / "bag" / "5.png").read_bytes())
    Collection.build(root, tmp_path / "index", encoder="pixels")
    Image.new("RGB", (50, 50), "red").save(outside / "red.png")
    (root / "bag" / "0.png").unlink()
    (root / "bag" / "0.png").symlink_to(outside / "red.png")
    (root / "bag" / "1.png").unlink()
    (root / "bag" / "1.png").symlink_to("/etc/passwd")
    (root / "bag" / "2.png").unlink()
    os.mkfifo(root / "bag" / "2.png")
    (root / "bag" / "3.png").unlink()
    (root / "bag" / "5.png").unlink()
    (root / "bag" / "5.png").symlink_to(outside / "same.png")
    with serving(tmp_path / "index") as server:
        statuses = [
            server.json("GET", f"collections/index/thumbnails/bag/{number}.png").status
            for number in range(6)
        ]
    # The last leads to what was indexed, byte for byte.
    assert statuses == [404, 404, 404, 404, 200, 200]


def test_a_whole_folder_that_leads_elsewhere(small: Path, tmp_path: Path) -> None:
    root, outside = tmp_path / "images", tmp_path / "outside"
    for folder in (root / "bag", outside):
        folder.mkdir(parents=True)
    (root / "bag" / "0.png").write_bytes(
        sorted((small / "train" / "bag").iterdir())[0].read_bytes()
    )
    Collection.build(root, tmp_path / "index", encoder="pixels")
    Image.new("RGB", (50, 50), "red").save(outside / "0.png")
    (root / "bag" / "0.png").unlink()
    (root / "bag").rmdir()
    (root / "bag").symlink_to(outside)
    with serving(tmp_path / "index") as server:
        assert server.json("GET", "collections/index/thumbnails/bag/0.png").status == 404


def test_pictures_are_encoded_anew(tmp_path: Path) -> None:
    """Nothing that stood in the file beside its pixels comes out."""
    root = tmp_path / "images"
    root.mkdir()
    picture = io.BytesIO()
    exif = Image.Exif()
    exif[0x010E] = "taken at home"
    Image.new("RGB", (60, 30), "blue").save(picture, "JPEG", exif=exif, comment=b"<script>")
    (root / "a.jpg").write_bytes(picture.getvalue() + b"<script>alert(1)</script>")
    Collection.build(root, tmp_path / "index", encoder="pixels")
    with serving(tmp_path / "index") as server:
        answer = server.json("GET", "collections/index/thumbnails/a.jpg?size=64")
    assert answer.headers["content-type"] == "image/webp"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert b"script" not in answer.data
    assert b"home" not in answer.data
    shown = Image.open(io.BytesIO(answer.data))
    assert (shown.format, shown.size) == ("WEBP", (64, 32))


def test_headers_of_every_answer(server: Server) -> None:
    for path in ("/", "/api/v1/health", "/none", "/metrics", "/api/v1/collections/x"):
        headers = server.ask("GET", path).headers
        policy = headers["content-security-policy"]
        assert policy.startswith("default-src 'self'; img-src 'self' blob: data:")
        assert "unsafe" not in policy
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
        assert "server" not in headers


def test_long_questions_have_a_queue_with_an_end() -> None:
    """Too many at a time are refused, whoever asks; as these are answered, others have room."""
    pool, gate = HeavyPool(), threading.Event()
    waiting = [pool.submit(gate.wait, 60) for _ in range(MOST_HEAVY)]
    with pytest.raises(Problem, match="429: Too many long questions are waiting") as refused:
        pool.submit(gate.wait, 60)
    assert refused.value.status_code == 429
    waiting.pop().cancel()
    waiting.append(pool.submit(gate.wait, 60))
    gate.set()
    assert all(one.result(60) for one in waiting)
    assert pool.submit(len, "abc").result(60) == 3
    with pytest.raises(TypeError):
        pool.submit(len, 3).result(60)
    pool.shutdown()


def test_a_long_question_holds_up_no_end() -> None:
    code = (
        "import threading, time; from vecsearch.server.state import HeavyPool\n"
        "pool, begun = HeavyPool(), threading.Event()\n"
        "pool.submit(lambda: (begun.set(), time.sleep(60)))\n"
        "waiting = [pool.submit(time.sleep, 60) for _ in range(5)]\n"
        "begun.wait(); pool.shutdown(wait=False, cancel_futures=True)\n"
        "print(sum(one.cancelled() for one in waiting) >= 4)"
    )
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=40
    )
    assert (run.stdout, run.stderr) == ("True\n", "")


@pytest.mark.parametrize("number", ["1", True, None, [1]])
def test_a_vector_is_of_numbers(server: Server, number: object) -> None:
    answer = server.json("POST", "collections/clothes/query", {"vector": [number, 2, 3.5, 4]})
    assert answer.status == 422
    assert "valid number" in answer.json["detail"]


def test_where_files_lie_cannot_be_asked_for(server: Server) -> None:
    for method, path, body in (
        ("POST", "query?where=path%3E%3D/home", {"vector": [1, 2, 3, 4]}),
        ("GET", "items?where=path!%3Dx", None),
        ("POST", "recommend", {"like_vectors": [[1, 2, 3, 4]], "where": ["path exists"]}),
        ("POST", "recommend", {"like_vectors": [[1, 2, 3, 4]], "boost": {"path": 1}}),
        ("POST", "recommend", {"like_vectors": [[1, 2, 3, 4]], "max_per": {"path": 1}}),
    ):
        answer = server.json(method, f"collections/clothes/{path}", body)
        assert answer.status == 400, path
        assert answer.json["detail"].startswith("Nobody can ask a server by path")


@pytest.mark.parametrize("options", [{"host": "0.0.0.0"}, {"host": "::"}, {"writable": True}])
def test_without_a_token_nothing_starts_that_others_could_use(
    tmp_path: Path, options: dict[str, Any]
) -> None:
    """The command makes one up for them, and prints it."""
    with pytest.raises(InvalidArgument, match=r"give it a token|must know a token"):
        Settings([tmp_path], **options)
