"""docs/format.md is enough: a reader that knows nothing else reads what earlier versions wrote.

Nothing of vecsearch is imported here but to write a collection that has all there is.
"""

import hashlib
import json
import re
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import PHOTOS, PROJECT
from PIL import Image
from safetensors.numpy import load_file

GOLDEN = PROJECT / "tests" / "golden"
PAGE = (PROJECT / "docs" / "format.md").read_text()


def newest(folder: Path) -> dict[str, Any]:
    """The manifest of the highest number, which is as it was written."""
    path = max(folder.glob("manifest-*.json"), key=lambda one: int(one.stem.partition("-")[2]))
    text = path.read_text()
    told = json.loads(text)
    assert text == json.dumps(told, sort_keys=True, indent=1) + "\n"
    own = json.dumps(told["manifest"], sort_keys=True)
    assert told["sha256"] == hashlib.sha256(own.encode()).hexdigest()
    # The same without a JSON library that writes as Python's does.
    value = text[text.index("{", 1) : text.rindex("}", 0, text.rindex('"sha256"')) + 1]
    assert re.sub(r"\n *", "", re.sub(r",\n *", ", ", value)) == own
    manifest: dict[str, Any] = told["manifest"]
    assert manifest["generation"] == int(path.stem.partition("-")[2])
    for name, stamp in manifest["files"].items():
        data = (folder / name).read_bytes()
        assert stamp == {"size": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    return manifest


def rows(folder: Path, manifest: dict[str, Any]) -> Iterator[tuple[dict[str, Any], np.ndarray]]:
    """The living items, each with its vector, in order."""
    for segment in manifest["segments"]:
        count = segment["count"]
        vectors = np.load(folder / segment["vectors"])
        assert vectors.shape == (count, manifest["dim"])
        assert vectors.dtype == np.float32
        text = (folder / segment["items"]).read_bytes()
        offsets = np.load(folder / segment["offsets"])
        ends = [*offsets[1:, 0], len(text)]
        for (start, crc), end in zip(offsets, ends, strict=True):
            assert zlib.crc32(text[start:end]) == crc
            assert text[start:end].count(b"\n") <= 64
        items = [json.loads(line) for line in text.splitlines()]
        assert len(items) == count
        for item in items:
            assert list(item) == ["id", "path", "label", "metadata", "file"]
        columns(folder / segment["columns"], items)
        dead = np.zeros(count, bool)
        if segment["dead"] is not None:
            bits = np.load(folder / segment["dead"])
            dead = np.array([bits[row // 8] >> row % 8 & 1 for row in range(count)], bool)
        assert dead.sum() == segment["dead_count"]
        for row in np.flatnonzero(~dead):
            yield items[row], vectors[row]


def columns(path: Path, items: list[dict[str, Any]]) -> None:
    found = load_file(path)
    ids = [zlib.crc32(item["id"].encode()) for item in items]
    np.testing.assert_array_equal(found["id"], np.array(ids, np.uint32))
    names = [*json.loads(found["labels"].tobytes()), None]
    assert [names[code] for code in found["label"]] == [item["label"] for item in items]
    for name in ("size", "mtime_ns"):
        wanted = [item["file"][name] if item["file"] else -1 for item in items]
        np.testing.assert_array_equal(found[name], wanted)
    paths = json.loads(found["paths"].tobytes()) if "paths" in found else [None] * len(items)
    assert paths == [item["path"] for item in items]


def fingerprint(name: str, told: Any, tensors: dict[str, np.ndarray]) -> str:
    digest = hashlib.sha256(json.dumps([name, told], sort_keys=True).encode())
    for key in sorted(tensors):
        shape = tensors[key].shape or (1,)
        digest.update(f"{key} {tensors[key].dtype.str} {shape}".encode())
        digest.update(tensors[key].tobytes())
    return digest.hexdigest()


def encode(folder: Path, encoder: dict[str, Any], answers: dict[str, Any]) -> None:
    """What made the vectors is what it says, and makes the vector that it made."""
    place, params = folder / encoder["folder"], encoder["params"]
    settings = json.loads((place / "settings.json").read_text())
    assert (settings["encoder"], settings["params"]) == (encoder["name"], params)
    tensors = load_file(place / "weights.safetensors")
    told = params
    if encoder["name"] == "siamese":
        told = {**params, "architecture": settings["architecture"]}
        for name in ("weights.safetensors", "network.onnx"):
            assert settings[name] == hashlib.sha256((place / name).read_bytes()).hexdigest()
    made = fingerprint(encoder["name"], told, tensors)
    assert made == encoder["fingerprint"] == answers["fingerprint"]
    with Image.open(PHOTOS / "stray.png") as image:
        mode = {"rgb": "RGB", "grey": "L"}[params["color"]]
        small = image.convert(mode).resize(tuple(params["size"]), Image.Resampling.LANCZOS)
    pixels = np.asarray(small).reshape(params["size"][1], params["size"][0], -1)
    if encoder["name"] == "pca":
        vector = (pixels.ravel() / 255 - tensors["mean"]) @ tensors["components"]
    else:
        vector = small_network(pixels, tensors, settings["architecture"])
    np.testing.assert_allclose(vector, answers["encoded"][0], atol=1e-4)


def small_network(
    pixels: np.ndarray, weights: dict[str, np.ndarray], architecture: dict[str, Any]
) -> np.ndarray:
    """The vector of an image by the backbone ``small``."""

    def layer(name: str, values: np.ndarray) -> np.ndarray:
        kernel = weights[f"{name}.0.weight"]
        height, width = values.shape[1:]
        padded = np.pad(values, ((0, 0), (1, 1), (1, 1)))
        summed = sum(
            np.einsum(
                "oi,ihw->ohw",
                kernel[:, :, down, right],
                padded[:, down : down + height, right : right + width],
            )
            for down in range(3)
            for right in range(3)
        )
        mean, var, scale, bias = (
            weights[f"{name}.1.{part}"][:, None, None]
            for part in ("running_mean", "running_var", "weight", "bias")
        )
        return np.maximum((summed - mean) / np.sqrt(var + 1e-5) * scale + bias, 0)

    def halved(values: np.ndarray) -> np.ndarray:
        channels, height, width = values.shape
        padded = np.pad(values, ((0, 0), (0, height % 2), (0, width % 2)), constant_values=-np.inf)
        return padded.reshape(channels, -(-height // 2), 2, -(-width // 2), 2).max((2, 4))

    def residual(name: str, values: np.ndarray) -> np.ndarray:
        return values + layer(f"{name}.inner.1", layer(f"{name}.inner.0", values))

    assert architecture["backbone"] == "small"
    assert not architecture["mirrored"]
    looked = (pixels / 255 - weights["mean"]) / weights["std"]
    values = layer("backbone.1", layer("backbone.0", looked.transpose(2, 0, 1)))
    values = layer("backbone.4", residual("backbone.3", halved(values)))
    features = residual("backbone.6", halved(values)).max((1, 2))
    vector: np.ndarray = weights["head.weight"] @ features + weights["head.bias"]
    return vector / np.linalg.norm(vector) if architecture["unit"] else vector


def clusters(folder: Path, files: dict[str, str], answers: dict[str, Any]) -> None:
    assert files.keys() == answers.keys()
    for name, file in files.items():
        found = load_file(folder / file)
        codes, distances = answers[name]
        assert found["codes"].tolist() == codes
        assert found["distances"].tolist() == distances
        ids = np.split(found["ids"], found["ends"][:-1])
        assert [one.tobytes().decode() for one in ids] == [str(row) for row in range(len(codes))]
        facts = json.loads(found["facts"].tobytes())
        assert len(found["centers"]) == len(found["medoids"]) == facts["settings"]["k"]


@pytest.mark.parametrize("version", sorted(path.name for path in GOLDEN.glob("v*/")))
def test_a_reader_of_the_page_alone(version: str) -> None:
    folder = GOLDEN / version
    answers = json.loads((GOLDEN / f"{version}.answers.json").read_text())
    manifest = newest(folder)
    assert manifest["format"] == 1
    found = list(rows(folder, manifest))
    assert len(found) == manifest["count"]
    told = [[one["id"], one["label"], one["metadata"], vector.tolist()] for one, vector in found]
    assert told == answers["items"]
    skipped = []
    if manifest["skipped"] is not None:
        lines = (folder / manifest["skipped"]).read_text().splitlines()
        skipped = [json.loads(line) for line in lines]
    assert [[Path(one["path"]).name, one["reason"]] for one in skipped] == answers["skipped"]
    if manifest["encoder"] is not None:
        encode(folder, manifest["encoder"], answers)
    if manifest.get("clusterings"):
        clusters(folder, manifest["clusterings"], answers["clusterings"])
    vectors = np.stack([vector for _, vector in found]).astype(np.float64)
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    queries = (vectors.astype(np.float32) + np.float32(0.25)).astype(np.float64)
    asked = queries / np.linalg.norm(queries, axis=1, keepdims=True)
    apart = {
        "euclidean": np.linalg.norm(queries[:, None] - vectors[None], axis=2),
        "cosine": 1 - asked @ unit.T,
    }
    for metric, distances in apart.items():
        for own, hits in zip(distances, answers[metric], strict=True):
            order = np.argsort(own)[: len(hits)]
            assert [found[row][0]["id"] for row in order] == [name for name, _ in hits]
            np.testing.assert_allclose(own[order], [far for _, far in hits], atol=1e-6)


def keys_of(value: Any) -> Iterator[str]:
    """All keys of a JSON value, but of what users name."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield key.rpartition(": ")[2]  # of facts, behind the part that they are of
            if key not in ("files", "clusterings", "per_class", "metadata"):
                yield from keys_of(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from keys_of(inner)


def test_the_page_names_every_key_and_tensor(tmp_path: Path) -> None:
    from vecsearch import Collection, calibrate, cluster, keep_clustering, tune

    rng = np.random.default_rng(0)
    vectors = np.repeat(np.eye(3), 100, axis=0) + 0.1 * rng.normal(size=(300, 3))
    labels = sorted(["crime", "love", "war"] * 100)
    folder = tmp_path / "books"
    books = Collection.from_vectors(
        vectors, labels=labels, path=folder, index="hnsw", memory_budget="1GB"
    )
    calibrate(books, far=0.05)
    for method in ("kmeans", "hierarchical"):
        keep_clustering(books, method, cluster(books, 3, method=method))
    tune(books, recall=0.5, kinds=["hnsw"])
    pictures = tmp_path / "pictures"
    Collection.build(PHOTOS, pictures, encoder="concat:chain:pca+lda,pixels", size=(8, 8))
    known = {
        name for word in re.findall(r"`([^`\n]+)`", PAGE) for name in (word, word.split(".")[-1])
    }
    for place in (folder, pictures):
        for path in place.rglob("*.json"):
            assert not set(keys_of(json.loads(path.read_text()))) - known, path
        for path in place.rglob("*.safetensors"):
            names = {re.sub(r"\d+$", "", name) for name in load_file(path)}
            assert not {name for name in names if f"`{name}" not in PAGE}, path
