"""What the making of an index may take in memory is what it takes."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from vecsearch import Collection, InvalidArgument
from vecsearch.index import as_bytes
from vecsearch.index.budget import needed

# Anonymous memory, which is what no file stands behind, looked at every two milliseconds.
MEASURED = """
import re, sys, threading, time
from vecsearch import import_vectors
import vecsearch.index, sklearn  # loaded before memory is looked at

def anonymous():
    return int(re.search(r"RssAnon:\\s+(\\d+)", open("/proc/self/status").read())[1]) * 1024

begun, peak, going = anonymous(), [0], True

def watch():
    while going:
        peak[0] = max(peak[0], anonymous())
        time.sleep(0.002)

thread = threading.Thread(target=watch)
thread.start()
made, _ = import_vectors(
    sys.argv[1], sys.argv[2], memory_budget=sys.argv[3], metric=sys.argv[4], index="ivfpqfs"
)
going = False
thread.join()
print(peak[0] - begun, made.info()["index_now"])
"""


@pytest.mark.skipif(sys.platform != "linux", reason="memory is told by Linux")
@pytest.mark.slow
@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
def test_the_budget_bounds_the_peak(tmp_path: Path, metric: str) -> None:
    """Of vectors that take more than the budget, 205 MB in 200; cosine has copies of some."""
    rng = np.random.default_rng(0)
    middles = 4 * rng.standard_normal((200, 128)).astype("f4")
    vectors = middles[rng.integers(0, 200, 400_000)]
    vectors += rng.standard_normal(vectors.shape, np.float32)
    np.save(tmp_path / "vectors.npy", vectors)
    command = [sys.executable, "-c", MEASURED, str(tmp_path / "vectors.npy")]
    command += [str(tmp_path / "index"), "200MB", metric]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    peak, kind = done.stdout.split()
    assert int(peak) <= 200e6
    assert kind.startswith("IVF")
    own = Collection.open(tmp_path / "index")
    assert own.info()["index"] == "ivfpqfs"
    (hits,) = own.query_vectors(vectors[123:124], 1)
    assert (hits[0].item.id, hits[0].distance) == ("123", pytest.approx(0, abs=1e-9))


def test_what_does_not_fit_is_refused(tmp_path: Path) -> None:
    vectors = np.random.default_rng(0).standard_normal((60_000, 512), np.float32)
    message = r"takes up to \d+ MB while it is made, more than the memory budget of 200 MB: .* fits"
    with pytest.raises(InvalidArgument, match=message):
        Collection.from_vectors(vectors, index="hnsw", memory_budget="200MB")


def test_what_faiss_cannot_make_is_said_with_a_budget_too(tmp_path: Path) -> None:
    vectors = np.random.default_rng(0).standard_normal((6000, 30), np.float32)
    for budget in (None, "500MB"):
        with pytest.raises(InvalidArgument, match="cannot make the index 'IVF16,PQ16'"):
            Collection.from_vectors(
                vectors, path=tmp_path / str(budget), index="IVF16,PQ16", memory_budget=budget
            )
        Collection.open(tmp_path / str(budget)).remove(["0"])


def test_vectors_beside_codes_count() -> None:
    assert needed("IVF64,PQ4,RFlat", 100_000, 784) >= 4 * 784 * 100_000
    assert needed("PCA32,IVF64,Flat,RFlat", 100_000, 784) >= 4 * (784 + 32) * 100_000
    assert needed("IVF64,PQ4", 100_000, 784) < 200e6


def test_sizes() -> None:
    assert [as_bytes(one) for one in ("500MB", "2GB", "2GiB", "1.5 gb", 10**9)] == [
        500_000_000,
        2_000_000_000,
        2**31,
        1_500_000_000,
        10**9,
    ]
    for wrong in ("much", "-1GB", "", "5 apples"):
        with pytest.raises(InvalidArgument, match="is no size"):
            as_bytes(wrong)
    with pytest.raises(InvalidArgument, match="too little"):
        as_bytes("1MB")
