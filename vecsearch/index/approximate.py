"""Approximate nearest neighbours, by any index that FAISS can make."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import faiss
import numpy as np

from vecsearch.errors import DamagedCollection
from vecsearch.index.batches import in_few_threads
from vecsearch.index.budget import check_budget, sample_bytes
from vecsearch.index.exact import Allowed
from vecsearch.index.gpu import GpuCopy, teaching
from vecsearch.index.kinds import bare, factory_of, making
from vecsearch.index.metrics import normalized
from vecsearch.types import Metric, Rows, Vectors

# How many times as many an index of FAISS that measures anew itself (RFlat) takes from its base.
REFINED = 4.0
MOST_FACTOR = 32
PART_BYTES = 1 << 20
# So many vectors a list teach k-means as much as FAISS's own 256 do, in a quarter of the time; more
# than these of a PCA or of codes teach nothing. Without a budget the sample takes SAMPLE_BYTES.
TRAINED_A_LIST = 64
LEAST_TRAINED = 65_536
SAMPLE_BYTES = 1 << 30
ADDED_BYTES = 16 << 20
FACTORS = (1.0, 1.5, 2.0, 3.0, 4.0, 8.0, 16.0, float(MOST_FACTOR))
# What a walk through a graph reads for each candidate that it keeps: so many vectors, each of which
# takes as long to come to as this many bytes to read.
WALKED, WALKED_BYTES = 16, 256


@dataclass(frozen=True)
class SearchSettings:
    """How far a search goes, of which its recall and its time depend.

    Attributes:
        nprobe: How many lists of IVF are looked into.
        ef_search: How many candidates a walk through the graph of HNSW keeps (efSearch).
        k_factor: How many times k vectors are found, to be measured exactly.
    """

    nprobe: int = 1
    ef_search: int = 1
    k_factor: float = 1.0

    @classmethod
    def from_json(cls, body: Any) -> "SearchSettings":
        """Back from ``vars``.

        Raises:
            ValueError: They are none.
        """
        nprobe, ef_search, k_factor = body["nprobe"], body["ef_search"], float(body["k_factor"])
        whole = all(isinstance(one, int) and one >= 1 for one in (nprobe, ef_search))
        if not whole or not 1 <= k_factor <= MOST_FACTOR:
            raise ValueError("these are no settings")
        return cls(nprobe, ef_search, k_factor)

    def told(self, kind: str) -> str:
        """What of it matters for a kind of index, in a few words.

        Example:
            >>> SearchSettings(nprobe=8, k_factor=4).told("IVF256,PQ16x4fs")
            'nprobe 8, 4 k'
        """
        words = [f"nprobe {self.nprobe}"] if "IVF" in kind else []
        words += [f"efSearch {self.ef_search}"] if "HNSW" in kind else []
        words += [f"{self.k_factor:g} k"] if self.k_factor > 1 else []
        return ", ".join(words)

    def candidates(self, k: int) -> int:
        """How many vectors are found and measured exactly for k neighbours."""
        return math.ceil(self.k_factor * k)

    def wider(self, share: float) -> "SearchSettings":
        """Settings for a search in which only a share of what it comes across may be found."""
        nprobe, ef_search = (math.ceil(one / share) for one in (self.nprobe, self.ef_search))
        return SearchSettings(nprobe, ef_search, self.k_factor)

    def walks_farther(self, other: "SearchSettings") -> bool:
        """Whether a search with these walks farther through a graph than one with the others."""
        return self.ef_search > other.ef_search and self.goes_as_far_as(other)

    def goes_as_far_as(self, other: "SearchSettings") -> bool:
        """Whether a search with these finds what one with the others finds."""
        pairs = zip(vars(self).values(), vars(other).values(), strict=True)
        return all(mine >= theirs for mine, theirs in pairs)


def train_index(
    blocks: Sequence[Vectors], metric: Metric, kind: str, budget: int | None = None
) -> "ApproximateIndex":
    """Make an index of vectors: it learns from a sample, and takes them in a part at a time.

    Args:
        blocks: The vectors, as one or more ``(n, dim)`` float32 arrays, which may be on disk.
        metric: How to compare.
        kind: As for ``factory_of``.
        budget: How many bytes of memory this may take; as much as it needs by default.

    Raises:
        InvalidArgument: FAISS knows no such index, cannot make it of these vectors or in the
            budget, or could not leave out removed items with it.
    """
    with making(kind, sum(map(len, blocks)), blocks[0].shape[1]):
        made = trained(blocks, metric, kind, budget)
        add_to(made, blocks, metric)
        return finished(made, blocks, metric)


def trained(blocks: Sequence[Vectors], metric: Metric, kind: str, budget: int | None) -> Any:
    """An index of FAISS that has learned from a sample of vectors, and holds none yet."""
    count, dim = sum(map(len, blocks)), blocks[0].shape[1]
    factory = factory_of(kind, count, dim)
    check_budget(kind, count, dim, budget)
    # Under cosine, too: of vectors of length 1 the order is the same, and stays so after a PCA,
    # which moves the origin. By inner products a PCA of 128 dims found 0.77 of what it finds so.
    made: Any = faiss.index_factory(dim, factory, faiss.METRIC_L2)
    lists = bare.try_extract_index_ivf(made)
    if lists is not None:
        lists.cp.min_points_per_centroid = 1  # or else it tells stderr that they are few
        lists.cp.max_points_per_centroid = TRAINED_A_LIST
        if isinstance(coded := bare.downcast_index(lists), bare.IndexIVFPQ):
            # It orders the codes for a filter that no search here has, in most of the time.
            coded.do_polysemous_training = False
            # Nor tables of up to 2 GB, which a budget does not count, made at each opening.
            coded.use_precomputed_table = -1
    if not made.is_trained:
        wanted = max(LEAST_TRAINED, TRAINED_A_LIST * (lists.nlist if lists else 1))
        room = SAMPLE_BYTES if budget is None else sample_bytes(budget)
        sample = _sample(blocks, min(wanted, room // (4 * dim)), metric is Metric.COSINE)
        with teaching(lists):
            made.train(sample)
    return made


def add_to(made: Any, blocks: Sequence[Vectors], metric: Metric) -> None:
    """Let an index take in vectors, a part at a time."""
    for block in blocks:
        step = max(1, ADDED_BYTES // (4 * block.shape[1]))
        for start in range(0, len(block), step):
            part = block[start : start + step]
            cosine = metric is Metric.COSINE
            made.add(normalized(part) if cosine else np.ascontiguousarray(part))


def finished(made: Any, blocks: Sequence[Vectors], metric: Metric) -> "ApproximateIndex":
    """An index that was seen to find, and to leave out what it is told to."""
    index = ApproximateIndex(made, metric)
    allowed = np.ones(sum(map(len, blocks)), np.bool_)
    index.candidates(np.ascontiguousarray(blocks[0][:1]), 1, allowed)
    return index


class ApproximateIndex:
    """Finds rows that are probably the nearest; how near they are is measured elsewhere.

    Args:
        index: What FAISS made.
        metric: How to compare.
        settings: How far a search goes; no farther than it must, by default.
    """

    def __init__(self, index: Any, metric: Metric, settings: SearchSettings | None = None) -> None:
        self._index = index
        self._there = GpuCopy(index)
        self._metric = metric
        self.settings = settings or SearchSettings()
        self._parameters = _parameters(index, None, self.settings)
        inner = inner_of(index)
        # Panorama gives no more at once than it has in a batch.
        self._most = inner.batch_size if isinstance(inner, bare.IndexFlatPanorama) else len(self)

    def at(self, settings: SearchSettings) -> "ApproximateIndex":
        """The same index, searched in another way."""
        other = ApproximateIndex(self._index, self._metric, settings)
        other._there = self._there
        return other

    def __len__(self) -> int:
        return int(self._index.ntotal)

    @property
    def dim(self) -> int:
        """The length of the vectors."""
        return int(self._index.d)

    @classmethod
    def read(cls, path: Path, metric: Metric) -> "ApproximateIndex":
        """Open a file that has been checked against its stamp, memory-mapped where FAISS can.

        Raises:
            DamagedCollection: It is not an index.
        """
        try:
            flags = faiss.IO_FLAG_MMAP_IFC | faiss.IO_FLAG_SKIP_PRECOMPUTE_TABLE
            return cls(faiss.read_index(str(path), flags), metric)
        except RuntimeError as error:
            raise DamagedCollection(f"{path} is no index of FAISS.") from error

    def write(self, write: Callable[[bytes], Any]) -> None:
        """Hand on what its file holds, a part at a time, so that it is in memory only once."""
        failed: list[BaseException] = []

        def handed_on(part: bytes) -> None:
            try:
                write(part)
            except BaseException as error:
                failed.append(error)
                raise

        try:
            # FAISS itself says that it wrote a file when the disk was full, so others write for it.
            faiss.write_index(self._index, bare.PyCallbackIOWriter(handed_on, PART_BYTES))
        except RuntimeError:
            if failed:
                raise failed[0] from None
            raise

    @property
    def is_graph(self) -> bool:
        """Whether it walks through a graph, in which the vectors that it holds are easily found."""
        return isinstance(inner_of(self._index), bare.IndexHNSW)

    @property
    def refines(self) -> bool:
        """Whether it measures anew itself, the more of them the more it is asked for."""
        kind = bare.downcast_index(self._index)
        while isinstance(kind, bare.IndexPreTransform):
            kind = bare.downcast_index(kind.index)
        return isinstance(kind, bare.IndexRefine)

    @property
    def nbytes(self) -> int:
        """How many bytes its file has."""
        sizes: list[int] = []
        self.write(lambda part: sizes.append(len(part)))
        return sum(sizes)

    def ladder(self, k: int) -> list[SearchSettings]:
        """Settings worth trying for k neighbours, from the quickest search to the farthest.

        That is, by about how many bytes are read of the index, and of the vectors that are
        measured anew.
        """
        inner = inner_of(self._index)
        moved = inner.d < self._index.d
        factors = FACTORS[:1] if _measures_exactly(inner) and not moved else FACTORS
        measured = 8 * k * self._index.d
        if isinstance(inner, bare.IndexIVF):
            found = [
                SearchSettings(one, 1, each) for one in _steps(inner.nlist) for each in factors
            ]
            listed = len(self) / inner.nlist * inner.code_size
            return sorted(found, key=lambda one: one.nprobe * listed + one.k_factor * measured)
        if isinstance(inner, bare.IndexHNSW):
            kept = [round(k * 2 ** (step / 2)) for step in range(15)]
            found = [
                SearchSettings(1, one, each) for one in kept for each in factors if each * k <= one
            ]
            walked = WALKED * (bare.downcast_index(inner.storage).sa_code_size() + WALKED_BYTES)
            return sorted(found, key=lambda one: one.ef_search * walked + one.k_factor * measured)
        return [SearchSettings(1, 1, factor) for factor in factors]

    def candidates(self, queries: Vectors, k: int, allowed: Allowed | None = None) -> Rows:
        """Rows that are probably near, ``(n, at least k)``; −1 where there are fewer.

        Args:
            queries: ``(n, dim)``.
            k: How many.
            allowed: Which rows may be found, ``(len(self),)`` bool; all by default.
        """
        wanted = normalized(queries) if self._metric is Metric.COSINE else queries
        most = min(self.settings.candidates(k), len(self), self._most)
        parameters = self._parameters
        if allowed is not None:
            selector = bare.IDSelectorBitmap(np.packbits(allowed, bitorder="little"))
            parameters = _parameters(self._index, selector, self.settings)
        else:
            there = self._there.search(wanted, most, self.settings.nprobe, parameters)
            if there is not None:
                return there
        search = self._index.search
        return in_few_threads(len(queries), lambda: search(wanted, most, params=parameters)[1])


def _sample(blocks: Sequence[Vectors], most: int, cosine: bool) -> Vectors:
    """Vectors to train on, from everywhere."""
    step = max(1, -(-sum(map(len, blocks)) // max(1, most)))
    part = np.concatenate([block[::step] for block in blocks])
    return normalized(part) if cosine else part


def _steps(most: int) -> list[int]:
    """1, 2, 3, 4, 6, 8, 11 … and ``most``."""
    powers = (round(2 ** (step / 2)) for step in range(2 * most.bit_length()))
    return sorted({most, *(min(one, most) for one in powers)})


def inner_of(index: Any) -> Any:
    """What searches, behind what is done to vectors before."""
    inner = bare.downcast_index(index)
    while isinstance(inner, bare.IndexPreTransform | bare.IndexRefine):
        refined = isinstance(inner, bare.IndexRefine)
        inner = bare.downcast_index(inner.base_index if refined else inner.index)
    return inner


def _measures_exactly(index: Any) -> bool:
    """Whether an index keeps the vectors themselves."""
    kind = bare.downcast_index(index)
    return isinstance(kind, bare.IndexIVFFlat | bare.IndexHNSWFlat | bare.IndexFlat)


def _parameters(index: Any, selector: Any, settings: SearchSettings) -> Any:
    """How far to search, and what may be found, in the words of each kind of index."""
    kind = bare.downcast_index(index)
    if isinstance(kind, bare.IndexPreTransform):
        inner = _parameters(kind.index, selector, settings)
        return bare.SearchParametersPreTransform(index_params=inner)
    if isinstance(kind, bare.IndexRefine):
        inner = _parameters(kind.base_index, selector, settings)
        return bare.IndexRefineSearchParameters(k_factor=REFINED, base_index_params=inner)
    if isinstance(kind, bare.IndexIVF):
        return bare.SearchParametersIVF(sel=selector, nprobe=settings.nprobe)
    if isinstance(kind, bare.IndexHNSW):
        return bare.SearchParametersHNSW(sel=selector, efSearch=settings.ef_search)
    return None if selector is None else bare.SearchParameters(sel=selector)
