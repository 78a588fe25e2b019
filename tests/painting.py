"""Small images whose vectors are known, and what a collection reads of them."""

import itertools
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

import vecsearch.encoding
from vecsearch import Collection
from vecsearch.images import Batch, Preprocess
from vecsearch.types import Pixels, Vectors

SIZE = (4, 4)
# How collections of these images are built: a vector is the sixteen pixels.
PIXELS: Mapping[str, Any] = {"encoder": "pixels", "size": SIZE, "color": "grey", "jobs": 1}
_dates = itertools.count(1_700_000_000_000_000_000, 1_000_000_000)

Seeds: TypeAlias = dict[str, int]


def pixels(seed: int) -> Pixels:
    """What is painted with that seed; never black, so that cosine takes it."""
    return np.random.default_rng(seed).integers(1, 256, SIZE, dtype=np.uint8)


def vector(seed: int) -> Vectors:
    """What the encoder ``pixels`` makes of it."""
    flat: Vectors = pixels(seed).ravel() * np.float32(1 / 255)
    return flat


def paint(path: Path, seed: int) -> None:
    """A PNG that is as long as any other, so that only its content tells it from them."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels(seed)).save(path, compress_level=0)
    touch(path)


def touch(path: Path) -> None:
    """A date that no file had before: those written in one tick of the clock have the same one."""
    date = next(_dates)
    os.utime(path, ns=(date, date))


def painted(root: Path, seeds: Mapping[str, int]) -> Path:
    """A folder of such images."""
    for path, seed in seeds.items():
        paint(root / path, seed)
    return root


def seeds_of(count: int) -> Seeds:
    """The same number of images of the classes a and b; each seed is there once."""
    return {f"{'ab'[seed >= count]}/{seed % count}.png": seed for seed in range(2 * count)}


def held(collection: Collection) -> dict[str, tuple[str | None, dict[str, Any], list[float]]]:
    """Label, metadata and vector of each id; an id that is there twice fails."""
    items = list(collection)
    found = {
        item.id: (item.label, dict(item.metadata), row)
        for item, row in zip(items, collection.vectors().tolist(), strict=True)
    }
    assert len(found) == len(items) == len(collection)
    return found


def expected(
    seeds: Mapping[str, int], metadata: Mapping[str, dict[str, Any]] | None = None
) -> dict[str, tuple[str | None, dict[str, Any], list[float]]]:
    """What a collection of such a folder must hold, with labels by folder."""
    return {
        path: (
            path.split("/")[0] if "/" in path else None,
            (metadata or {}).get(path, {}),
            vector(seed).tolist(),
        )
        for path, seed in seeds.items()
    }


def watch(monkeypatch: pytest.MonkeyPatch, stop_after: int | None = None) -> list[str]:
    """The paths of all files that are decoded from now on, as they are.

    Args:
        monkeypatch: Takes it back.
        stop_after: After how many batches to be interrupted, as by Ctrl-C.
    """
    seen: list[str] = []
    read: Callable[..., Iterator[Batch]] = vecsearch.encoding.read

    def watched(
        folder: Path, paths: Sequence[str], preprocess: Preprocess, jobs: int | None = None
    ) -> Iterator[Batch]:
        for number, batch in enumerate(read(folder, paths, preprocess, jobs)):
            if number == stop_after:
                raise KeyboardInterrupt
            seen.extend(file.path for file in batch.files)
            seen.extend(one.path.relative_to(folder).as_posix() for one in batch.skipped)
            yield batch

    monkeypatch.setattr(vecsearch.encoding, "read", watched)
    return seen


def state(folder: Path) -> dict[str, bytes | None]:
    """Every file below a folder with its content, to see that nothing was written.

    The lock is left out: whoever asks for it touches it.
    """
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() if path.is_file() else None
        for path in sorted(folder.rglob("*"))
        if path.name != ".lock"
    }


def array(rows: Mapping[str, int]) -> NDArray[np.float32]:
    """The vectors of some images, one a row."""
    return np.array([vector(seed) for seed in rows.values()])
