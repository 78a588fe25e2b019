"""How many requests a server answers, and how long they take, beside the bare search.

    python benchmarks/server_load.py [--seconds 8] [--clients 16] [--items 60000] [--dims 32,1280]

For each dim a collection is made of random images' vectors: INDEX of real ones can be given
instead, with a folder of pictures to upload:

    python benchmarks/server_load.py INDEX IMAGES

The clients are wrk's, each of which asks again as soon as it is answered. The bare cost of a
request by id is that of FAISS alone, ``faiss.knn`` with one thread for one query; that of an upload
is ``decode`` and ``encode`` besides. It is measured before and after the server.

With so many clients each request waits for the others, so that the bare latency is the bare cost ×
clients, divided by the processors that work: one, as in a loop over the requests, or all of them.
The server is one process, of which Python lets one thread run at a time, and the clients take their
share of the processors too. The last figures are of processor time alone, which others on the
machine change less.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import faiss
import numpy as np

sys.path.insert(0, str(Path(__file__).parent))
from server_soak import children, start

from vecsearch import Collection
from vecsearch.images import decode

ROUNDS = 200
# Pictures that are uploaded, all as of the kind of the first; the server looks for itself.
KINDS = {".png": "image/png", ".jpg": "image/jpeg"}

SCRIPT = """
local bodies = {}
local file = io.open("%s", "rb")
for size in io.lines("%s") do bodies[#bodies + 1] = file:read(tonumber(size)) end
local at = 0
function setup(thread) at = at + 7919; thread:set("at", at) end
function request()
    at = at + 1
    return wrk.format("POST", "%s", {["Content-Type"] = "%s"}, bodies[at %% #bodies + 1])
end
local bad = 0
function response(status) if status ~= 200 then bad = bad + 1; print("status " .. status) end end
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("index", type=Path, nargs="?")
    parser.add_argument("images", type=Path, nargs="?")
    parser.add_argument("--seconds", type=int, default=8)
    parser.add_argument("--clients", type=int, default=16)
    parser.add_argument("--items", type=int, default=60_000)
    parser.add_argument("--dims", default="32,1280")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        if asked.index is not None:
            measure(asked.index, asked.images, asked)
            return
        for dim in map(int, asked.dims.split(",")):
            path = Path(scratch) / f"random{dim}"
            vectors = np.random.default_rng(0).normal(size=(asked.items, dim))
            Collection.from_vectors(vectors.astype(np.float32), path=path)
            measure(path, None, asked)


def measure(index: Path, images: Path | None, asked: argparse.Namespace) -> None:
    collection = Collection.open(index)
    ids = collection.view.store.ids()
    processors = len(os.sched_getaffinity(0))
    print(f"{index.name}: {len(ids):,} × {collection.dim}, {asked.clients} clients, ", end="")
    print(f"{processors} processors")
    drawn = np.random.default_rng(1).permutation(len(ids))[:1000]
    pictures = []
    if images is not None:
        files = sorted(one for one in images.rglob("*") if one.suffix in KINDS)
        if not files:
            sys.exit(f"{images} has no {' and no '.join(KINDS)}.")
        pictures = [one.read_bytes() for one in files[:: max(1, len(files) // 200)][:200]]
        kind = KINDS[files[0].suffix]
    before = bare_costs(collection, drawn, pictures)
    by_id = [json.dumps({"id": ids[row]}).encode() for row in drawn.tolist()]
    began = time.perf_counter()
    process, url = start(index)
    try:
        with urllib.request.urlopen(f"{url}api/v1/health") as answer:
            answer.read()
        print(f"  ready after {time.perf_counter() - began:.2f} s")
        path = f"{url}api/v1/collections/{index.name}/query?k=10"
        figures = {"by id": wrk(process.pid, path, by_id, "application/json", asked)}
        if pictures:
            figures["upload"] = wrk(process.pid, path, pictures, kind, asked)
    finally:
        process.terminate()
        process.wait()
    after = bare_costs(collection, drawn, pictures)
    for name, found in figures.items():
        cost = (before[name] + after[name]) / 2
        bare = cost * asked.clients
        print(
            f"  {name:7} {found['rate']:7.0f} requests a second, p50 {found['p50']:6.1f} ms, p99 "
            f"{found['p99']:6.1f} ms, {found['bad']} failed; bare: {cost:.2f} ms each, so "
            f"{bare:.1f} ms on one processor: ratio {found['p50'] / bare:.2f}, on {processors}: "
            f"ratio {found['p50'] / bare * processors:.2f}; of a processor "
            f"{found['processor']:.2f} ms each: ratio {found['processor'] / cost:.2f}"
        )


def wrk(
    server: int, url: str, bodies: list[bytes], kind: str, asked: argparse.Namespace
) -> dict[str, Any]:
    """What wrk measures, and how much of the processors a request takes."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        (folder / "bodies").write_bytes(b"".join(bodies))
        (folder / "sizes").write_text("\n".join(str(len(body)) for body in bodies))
        script = folder / "ask.lua"
        target = re.sub(r"^http://[^/]+", "", url)
        script.write_text(SCRIPT % (folder / "bodies", folder / "sizes", target, kind))
        command = ["wrk", "-t1", f"-c{asked.clients}", "--latency", "-s", str(script)]
        for seconds in (1, asked.seconds):
            before = processor_seconds(server)
            run = subprocess.run(
                [*command, f"-d{seconds}s", url], capture_output=True, text=True, check=True
            )
    spent = processor_seconds(server) - before
    said = run.stdout
    shares = dict(re.findall(r"(\d+)%\s+([\d.]+\w+)", said))
    bad = len(re.findall(r"^status", said, re.MULTILINE))
    rate = re.search(r"Requests/sec:\s+([\d.]+)", said)
    count = re.search(r"(\d+) requests in", said)
    return {
        "p50": milliseconds(shares["50"]),
        "p99": milliseconds(shares["99"]),
        "rate": float(rate[1]) if rate else 0.0,
        "processor": 1000 * spent / float(count[1]) if count else 0.0,
        "bad": bad + len(re.findall("Socket errors", said)),
    }


def processor_seconds(server: int) -> float:
    """What a process and its children have taken of the processors."""
    ticks = 0
    for one in (server, *children(server)):
        fields = Path(f"/proc/{one}/stat").read_text().rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def milliseconds(text: str) -> float:
    number, unit = re.fullmatch(r"([\d.]+)(us|ms|s)", text).groups()  # type: ignore[union-attr]
    return float(number) * {"us": 0.001, "ms": 1.0, "s": 1000.0}[unit]


def bare_costs(
    collection: Collection, rows: np.ndarray[Any, Any], pictures: list[bytes]
) -> dict[str, float]:
    """What a request costs without a server, in milliseconds."""
    costs = {"by id": bare_search(collection, rows)}
    if pictures:
        costs["upload"] = costs["by id"] + bare_encode(collection, pictures)
    return costs


def bare_search(collection: Collection, rows: np.ndarray[Any, Any]) -> float:
    """What FAISS alone takes for one query, in milliseconds."""
    vectors = np.ascontiguousarray(collection.vectors())
    faiss.omp_set_num_threads(1)
    return timed(lambda at: faiss.knn(vectors[rows[at]][None], vectors, 10))


def bare_encode(collection: Collection, pictures: list[bytes]) -> float:
    encoder = collection.encoder

    def encode(at: int) -> None:
        pixels, _ = decode(pictures[at % len(pictures)], encoder.preprocess)
        encoder.encode(pixels[None])

    return timed(encode)


def timed(work: Callable[[int], Any]) -> float:
    work(0)
    took = []
    for at in range(ROUNDS):
        started = time.process_time()  # of all its threads
        work(at)
        took.append(time.process_time() - started)
    return 1000 * float(np.median(took))


if __name__ == "__main__":
    main()
