"""The vectors that are searched, made once and kept below benchmarks/results/sets.

python benchmarks/speed/sets.py [--quick]
"""

import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
from outcome import RESULTS, arguments
from recalled import K

sys.path.insert(0, str(Path(__file__).parents[1]))
import fashion_mnist

QUERIES, QUICK_QUERIES = 1000, 200
QUICK_BASE = 5000
SAMPLE = 20_000  # as vecsearch fits PCA to
ENCODED = 10_000
CLUSTERS = 1000
Made = tuple[np.ndarray, np.ndarray]


def pixels(quick: bool) -> Made:
    """Fashion-MNIST, 60,000 and the first of its 10,000 test images, from 0 to 1."""
    images = [fashion_mnist.read(fashion_mnist.IDX, split)[0] for split in ("train", "test")]
    base, queries = (one.reshape(len(one), -1).astype(np.float32) / 255 for one in images)
    return base[: QUICK_BASE if quick else None], queries


def reduced(made: Callable[[bool], Made], dim: int) -> Callable[[bool], Made]:
    """The same after a PCA, as ``--encoder pca`` makes it."""

    def make(quick: bool) -> Made:
        from sklearn.decomposition import PCA

        base, queries = made(quick)
        found = PCA(dim, svd_solver="randomized", random_state=0).fit(base[:SAMPLE])
        return found.transform(base), found.transform(queries)

    return make


def siamese(quick: bool) -> Made:
    """What ``vecsearch train --preset fast`` learns of the images in two minutes."""
    from vecsearch import Collection

    folder, model = fashion(), RESULTS / "siamese"
    command = str(Path(sys.executable).with_name("vecsearch"))
    if not (model / ".done").exists():
        options = ["-o", model, "--preset", "fast", "--time-budget", "2m", "--quiet"]
        subprocess.run([command, "train", folder / "train", *options], check=True)
        (model / ".done").touch()
    with tempfile.TemporaryDirectory() as scratch:
        options = ["-o", f"{scratch}/index", "--model", model, "--index", "exact", "--quiet"]
        subprocess.run([command, "build", folder / "train", *options], check=True)
        collection = Collection.open(f"{scratch}/index")
        from vecsearch.images import scan

        queries = collection.encode_folder(scan(folder / "test", "none")).vectors
        queries = queries[np.random.default_rng(0).permutation(len(queries))]
        return np.array(collection.vectors()), queries


def photos(quick: bool) -> Made:
    """EfficientNet-Lite0 of Fashion-MNIST's images, 1,280 dims."""
    from vecsearch.encoders import make_encoder

    encoder = make_encoder("efficientnet-lite0")
    parts = []
    for images, most in zip(
        (fashion_mnist.read(fashion_mnist.IDX, split)[0] for split in ("train", "test")),
        (ENCODED, QUERIES),
        strict=True,
    ):
        from PIL import Image

        height, width = encoder.preprocess.shape[:2]
        blocks = []
        for start in range(0, most, 64):
            some = [
                np.asarray(Image.fromarray(one).convert("RGB").resize((width, height)))
                for one in images[start : min(start + 64, most)]
            ]
            blocks.append(encoder.encode(np.array(some, np.uint8)))
        parts.append(np.concatenate(blocks))
    return parts[0], parts[1]


def clustered(count: int, dim: int) -> Callable[[bool], Made]:
    """Clouds of points around 1,000 middles, which overlap, as embeddings of classes do."""

    def make(quick: bool) -> Made:
        size = 2 * QUICK_BASE if quick else count
        rng = np.random.default_rng(0)
        # Clouds with their own 16 directions each: neighbours in truly many dims tell little apart.
        middles = rng.standard_normal((CLUSTERS, dim), dtype=np.float32)
        spread = rng.standard_normal((CLUSTERS, 16, dim), dtype=np.float32) / 4
        both = np.empty((size + QUERIES, dim), np.float32)
        for start in range(0, len(both), 50_000):
            part = both[start : start + 50_000]
            which = rng.integers(0, CLUSTERS, len(part))
            inside = rng.standard_normal((len(part), 16), dtype=np.float32)
            noise = rng.standard_normal(part.shape, dtype=np.float32) / 20
            part[:] = middles[which] + noise
            for cluster in np.unique(which).tolist():
                rows = which == cluster
                part[rows] += inside[rows] @ spread[cluster]
        return both[:size], both[size:]

    return make


# Runs that have it: all, all but the quick ones, those alone that name it.
ALWAYS, WHOLE, NAMED = range(3)
# Name: how it is made, whether it is compared by cosine, which runs have it.
SETS: dict[str, tuple[Callable[[bool], Made], bool, int]] = {
    "fashion-784": (pixels, False, WHOLE),
    "fashion-pca32": (reduced(pixels, 32), False, ALWAYS),
    "fashion-pca64": (reduced(pixels, 64), False, NAMED),
    "fashion-siamese32": (siamese, False, WHOLE),
    "efficientnet-1280": (photos, True, WHOLE),
    "efficientnet-pca128": (reduced(photos, 128), True, WHOLE),
    "clustered-1m-128": (clustered(1_000_000, 128), False, WHOLE),
}


def names(quick: bool) -> list[str]:
    """Which sets a run has."""
    return [name for name, (_, _, runs) in SETS.items() if runs <= (ALWAYS if quick else WHOLE)]


def fashion() -> Path:
    """Fashion-MNIST as PNGs, unpacked once."""
    folder = RESULTS / "fashion"
    if not (folder / ".done").exists():
        fashion_mnist.export(fashion_mnist.IDX, folder)
        (folder / ".done").touch()
    return folder


def ready(name: str, quick: bool) -> Path:
    """The folder of a set: base.npy, queries.npy, tenth.npy, and ``cosine`` if compared so."""
    make, cosine, _ = SETS[name]
    folder = RESULTS / ("quick/sets" if quick else "sets") / name
    if (folder / "tenth.npy").exists():
        return folder
    folder.mkdir(parents=True, exist_ok=True)
    # The network takes minutes: what follows it is made of what it made.
    if name == "efficientnet-pca128":
        place = ready("efficientnet-1280", quick)
        make = reduced(lambda _: (np.load(place / "base.npy"), np.load(place / "queries.npy")), 128)
    base, queries = (np.ascontiguousarray(part, np.float32) for part in make(quick))
    queries = queries[: QUICK_QUERIES if quick else QUERIES]
    if cosine:
        (folder / "cosine").touch()
    np.save(folder / "base.npy", base)
    np.save(folder / "queries.npy", queries)
    np.save(folder / "tenth.npy", _tenth(base, queries, cosine))
    return folder


def _tenth(base: np.ndarray, queries: np.ndarray, cosine: bool) -> np.ndarray:
    """The distance of each query's 10th nearest, by brute force in double precision."""
    best = np.full((len(queries), K), np.inf)
    double = queries.astype(np.float64)
    lengths = np.linalg.norm(double, axis=1)
    for start in range(0, len(base), 20_000):
        block = base[start : start + 20_000].astype(np.float64)
        squares = np.einsum("ij,ij->i", block, block)
        apart = double @ block.T
        if cosine:
            apart = 1 - apart / (lengths[:, None] * np.sqrt(squares))
        else:
            apart = np.sqrt(np.maximum(lengths[:, None] ** 2 + squares - 2 * apart, 0))
        best = np.sort(np.concatenate([best, np.partition(apart, K, axis=1)[:, :K]], axis=1))[:, :K]
    return best[:, -1]


if __name__ == "__main__":
    quick = arguments(__doc__).parse_args().quick
    for name in names(quick):
        print(ready(name, quick), flush=True)
