"""Mixed queries from many clients for minutes: are there errors, and does memory stay flat?

    python benchmarks/server_soak.py [--minutes 10] [--clients 16] [INDEX IMAGES]

INDEX is a collection and IMAGES a folder of pictures to upload; by default both are made of the
demo's sample of Fashion-MNIST. The first eighth of the time is for warming up; memory is the mean
of the next eighth against that of the last.
"""

import argparse
import itertools
import os
import re
import subprocess
import sys
import tempfile
import threading
import time
import zipfile
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from vecsearch import Client, Collection

EVERY_SECONDS = 0.5


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("index", type=Path, nargs="?")
    parser.add_argument("images", type=Path, nargs="?")
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--clients", type=int, default=16)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        index, images = asked.index, asked.images
        if index is None:
            index, images = sample(Path(scratch))
        found = soak(index, images, 60 * asked.minutes, asked.clients)
    print(
        f"{asked.minutes:g} minutes, {asked.clients} clients: {found['requests']:,} requests, "
        f"{found['errors']} errors; memory {found['before'] / 1e6:.0f} MB, then "
        f"{found['after'] / 1e6:.0f} MB: {100 * found['growth']:+.1f} %"
    )
    for kind, count in sorted(found["kinds"].items()):
        print(f"  {kind:10} {count:,}")
    for error in found["said"]:
        print(f"  {error}")


def sample(scratch: Path) -> tuple[Path, Path]:
    """A collection of 2,000 product images, and 1,000 others."""
    import vecsearch.demo

    archive = Path(vecsearch.demo.__file__).with_name("fashion-mnist-sample.zip")
    with zipfile.ZipFile(archive) as file:
        file.extractall(scratch / "images")
    Collection.build(scratch / "images" / "train", scratch / "clothes", dim=32, size=(28, 28))
    return scratch / "clothes", scratch / "images" / "test"


def soak(index: Path, images: Path, seconds: float, clients: int) -> dict[str, Any]:
    """Ask for some time; what happened."""
    process, url = start(index)
    try:
        ids = Collection.open(index).view.store.ids()
        pictures = [path.read_bytes() for path in itertools.islice(images.rglob("*.png"), 200)]
        end = time.monotonic() + seconds
        kinds: Counter[str] = Counter()
        errors: list[str] = []
        threads = [
            threading.Thread(target=ask, args=(url, ids, pictures, end, number, kinds, errors))
            for number in range(clients)
        ]
        for thread in threads:
            thread.start()
        memory = []
        while time.monotonic() < end:
            memory.append(resident(process.pid))
            time.sleep(EVERY_SECONDS)
        for thread in threads:
            thread.join()
    finally:
        process.terminate()
        process.wait()
    eighth = max(1, len(memory) // 8)
    before, after = np.mean(memory[eighth : 2 * eighth]), np.mean(memory[-eighth:])
    return {
        "requests": sum(kinds.values()),
        "kinds": kinds,
        "errors": len(errors),
        "said": errors[:5],
        "before": float(before),
        "after": float(after),
        "growth": float(after / before - 1),
    }


def start(index: Path, *options: str) -> tuple[subprocess.Popen[str], str]:
    """A server of a collection on a free port."""
    process = subprocess.Popen(
        [sys.executable, "-m", "vecsearch_cli", "serve", str(index), "--port", "0", *options],
        stderr=subprocess.PIPE,
        text=True,
    )
    for line in process.stderr or ():
        if line.startswith("Listening on "):
            threading.Thread(target=drain, args=(process,), daemon=True).start()
            return process, line.split()[-1]
    raise SystemExit(f"The server of {index} did not start.")


def drain(process: subprocess.Popen[str]) -> None:
    for line in process.stderr or ():
        print(line, end="", file=sys.stderr)


def ask(
    url: str,
    ids: list[str],
    pictures: list[bytes],
    end: float,
    seed: int,
    kinds: Counter[str],
    errors: list[str],
) -> None:
    """One client: a query of some kind after the other."""
    draw = np.random.default_rng(seed)
    with Client(url) as client:
        dim = None
        while time.monotonic() < end:
            name = ids[draw.integers(len(ids))]
            kind = str(draw.choice(KINDS, p=SHARES))
            try:
                dim = dim or client.dim
                if kind == "id":
                    client.query_ids([name], k=10)
                elif kind == "upload":
                    client.query_one(pictures[draw.integers(len(pictures))])
                elif kind == "vector":
                    client.query_vectors(draw.normal(size=(1, dim)).tolist(), metric="cosine")
                elif kind == "filtered":
                    client.query_ids([name], where=f"label!={name.split('/')[0]}")
                elif kind == "recommend":
                    other = ids[draw.integers(len(ids))]
                    client.recommend([name], [other] if other != name else [], diversity=0.2)
                elif kind == "classify":
                    client.classify([pictures[draw.integers(len(pictures))]])
                elif kind == "thumbnail":
                    client.thumbnail(name)
                else:
                    client.items(limit=60, offset=int(draw.integers(len(ids))))
            except Exception as error:
                errors.append(f"{kind}: {error!r}")
                time.sleep(0.1)  # or a server that is gone is asked a million times
            kinds[kind] += 1


KINDS = ("id", "upload", "vector", "filtered", "recommend", "classify", "thumbnail", "page")
SHARES = (0.25, 0.15, 0.1, 0.1, 0.1, 0.1, 0.15, 0.05)


def resident(process: int) -> int:
    """The memory of a process and its children, in bytes."""
    total = 0
    for one in (process, *children(process)):
        try:
            status = Path(f"/proc/{one}/status").read_text()
        except OSError:
            continue
        if found := re.search(r"VmRSS:\s+(\d+)", status):
            total += 1024 * int(found[1])
    return total


def children(process: int) -> list[int]:
    found = []
    for name in os.listdir("/proc"):
        if name.isdecimal():
            try:
                stat = Path(f"/proc/{name}/stat").read_text()
            except OSError:
                continue
            if int(stat.rpartition(")")[2].split()[1]) == process:
                found.append(int(name))
    return found


if __name__ == "__main__":
    main()
