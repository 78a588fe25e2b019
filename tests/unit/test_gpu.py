"""FAISS on a GPU, by a stand-in for its functions: what goes there, and that answers stay."""

from collections.abc import Callable, Iterator
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import faiss
import numpy as np
import pytest

from vecsearch import Collection, InvalidArgument, use_device
from vecsearch.types import Vectors
from vecsearch_cli.main import vecsearch as command


class Gpu:
    """Computes on the processor what a GPU would, and notes what it was asked for."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def knn_gpu(self, _: Any, queries: Vectors, vectors: Vectors, k: int, metric: int) -> Any:
        self.asked.append("knn")
        return faiss.knn(queries, vectors, k, metric=metric)

    def index_cpu_to_gpu(self, _: Any, device: int, index: Any) -> Any:
        assert device == 0
        kind = type(faiss.downcast_index(index)).__name__
        self.asked.append(kind)
        if "HNSW" in kind:
            raise RuntimeError("This index type is not implemented on GPU.")
        return faiss.clone_index(index)


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch) -> Iterator[Gpu]:
    there = Gpu()
    monkeypatch.setattr(faiss, "get_num_gpus", lambda: 1)
    monkeypatch.setattr(faiss, "StandardGpuResources", object, raising=False)
    monkeypatch.setattr(faiss, "knn_gpu", there.knn_gpu)
    monkeypatch.setattr(faiss, "index_cpu_to_gpu", there.index_cpu_to_gpu, raising=False)
    yield there
    use_device("cpu")


@pytest.fixture(scope="module")
def vectors() -> Vectors:
    return np.random.default_rng(0).normal(size=(3000, 24)).astype(np.float32)


@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
@pytest.mark.parametrize(
    ("kind", "trained", "searched"),
    [
        ("exact", [], ["knn"]),
        ("IVF16,Flat", ["IndexFlat"], ["IndexIVFFlat"]),
        ("PCA8,IVF16,SQ8", ["IndexFlat"], ["IndexPreTransform"]),
        ("HNSW16,Flat", [], ["IndexHNSWFlat"]),
    ],
)
def test_what_goes_there(
    gpu: Gpu, vectors: Vectors, kind: str, trained: list[str], searched: list[str], metric: str
) -> None:
    queries = vectors[:5] + np.float32(0.1)
    use_device("cuda")
    collection = Collection.from_vectors(vectors, index=kind, metric=metric)
    assert [one for one in gpu.asked if one == "IndexFlat"] == trained
    gpu.asked.clear()
    found = collection.query_vectors(queries, 10)
    assert collection.query_vectors(queries, 10) == found
    assert [*dict.fromkeys(gpu.asked)] == searched
    assert gpu.asked.count(searched[0]) == (2 if kind == "exact" else 1)  # copied once
    use_device("cpu")
    gpu.asked.clear()
    assert collection.query_vectors(queries, 10) == found
    assert not gpu.asked


def test_conditions_and_many_neighbours_stay_on_the_processor(gpu: Gpu, vectors: Vectors) -> None:
    labels = [str(row % 2) for row in range(len(vectors))]
    collection = Collection.from_vectors(vectors, labels=labels, index="IVF4,Flat")
    wide = Collection.from_vectors(vectors, index="exact")
    expected = collection.query_vectors(vectors[:3], 5, where={"label": "1"})
    many = wide.query_vectors(vectors[:1], 2500)
    use_device("cuda")
    assert collection.query_vectors(vectors[:3], 5, where={"label": "1"}) == expected
    assert wide.query_vectors(vectors[:1], 2500) == many
    assert "knn" not in gpu.asked


def test_build_with_an_encoder_that_runs_on_no_gpu(gpu: Gpu, small: Path, tmp_path: Path) -> None:
    asked = ["build", str(small), "-o", str(tmp_path / "index"), "--device", "cuda"]
    command.main([*asked, "--index", "IVF4,Flat"], standalone_mode=False)
    assert gpu.asked == ["IndexFlat"]


def test_no_gpu_is_said(
    vecsearch: Callable[..., CompletedProcess[str]], vectors: Vectors, tmp_path: Path
) -> None:
    if faiss.get_num_gpus():
        pytest.skip("FAISS has a GPU here")
    with pytest.raises(InvalidArgument, match="FAISS has no GPU here"):
        use_device("cuda")
    with pytest.raises(InvalidArgument, match="'mps' is no device of FAISS: cpu, cuda"):
        use_device("mps")
    Collection.from_vectors(vectors, path=tmp_path / "index")
    run = vecsearch("compact", tmp_path / "index", "--device", "cuda")
    assert (run.returncode, run.stdout) == (2, "")
    assert run.stderr.startswith("Error: FAISS has no GPU here")
