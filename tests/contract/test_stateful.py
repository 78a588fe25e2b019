"""Whatever is done to a collection, in whatever order: it holds what a plain dict holds."""

import os
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from brute_force import Values, check, search
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from painting import PIXELS, paint, touch, vector

from vecsearch import Collection, CollectionReplaced, InvalidArgument, verify
from vecsearch.types import Metric

# Small enough that most writes make a few segments, and that these are merged.
SEGMENT_ITEMS = 7
FILES = [f"{folder}{number}.png" for folder in ("a/", "b/", "b/deep/", "") for number in range(4)]
# The first two have one CRC-32, by which items are found.
NAMES = ["plumless", "buckeroo", "é", "v/3", "v/4", "v/5"]
LABELS = [None, "a", "x"]

names = st.sampled_from(NAMES)
files = st.sampled_from(FILES)
seeds = st.integers(0, 60)  # few, so that some images are copies of others
labels = st.sampled_from(LABELS)
prices = st.sampled_from([{}, {"price": 1}, {"price": 2.5}, {"price": 30, "tags": ["é", "z"]}])

steps: Counter[str] = Counter()


class Crash(Exception):
    """What stands in for a full disk or a lost connection."""


@contextmanager
def crashing(where: str) -> Iterator[None]:
    """The first call of a function fails."""
    with pytest.MonkeyPatch.context() as patch:

        def crash(*_: object, **__: object) -> None:
            raise Crash(where)

        patch.setattr(where, crash)
        yield


class Machine(RuleBasedStateMachine):
    """A folder, a collection of it, one more reader, and what they must hold."""

    metric = Metric.EUCLIDEAN
    kind = "exact"

    def __init__(self) -> None:
        super().__init__()
        self.home = Path(tempfile.mkdtemp(prefix="stateful-"))
        self.root, self.outside = self.home / "photos", self.home / "outside"
        self.table = self.home / "labels.csv"
        self.on_disk: dict[str, int | None] = {}  # the seed of each file, None if it is broken
        self.labels: str | dict[str, str] = "folder"
        for number, path in enumerate(FILES[:3]):
            self.write(path, number)
        for number in range(3):
            paint(self.outside / f"{number}.png", 100 + number)
        self.index = self.home / "index"
        self.collection = Collection.build(
            self.root, self.index, metric=self.metric, index=self.kind, **PIXELS
        )
        self.items: dict[str, Values] = self.after_update({})
        self.reader = Collection.open(self.index)
        self.remembered = dict(self.items)
        self.reader_order = self.order = [item.id for item in self.collection]
        steps["taken"] -= 1  # what is built is looked at before the first step

    def teardown(self) -> None:
        for one in (self.collection, self.reader):
            one.close()
        shutil.rmtree(self.home)

    # The folder

    def write(self, path: str, seed: int) -> None:
        paint(self.root / path, seed)
        self.on_disk[path] = seed

    @rule(path=files, seed=seeds)
    def add_or_change_a_file(self, path: str, seed: int) -> None:
        self.write(path, seed)

    @rule(path=files)
    def break_a_file(self, path: str) -> None:
        self.write(path, 0)
        (self.root / path).write_bytes(b"bad")
        touch(self.root / path)
        self.on_disk[path] = None

    @precondition(lambda self: self.on_disk)
    @rule(data=st.data(), to=files)
    def rename_a_file(self, data: st.DataObject, to: str) -> None:
        path = data.draw(st.sampled_from(sorted(self.on_disk)))
        (self.root / to).parent.mkdir(parents=True, exist_ok=True)
        (self.root / path).rename(self.root / to)
        self.on_disk[to] = self.on_disk.pop(path)

    @precondition(lambda self: self.on_disk)
    @rule(data=st.data())
    def delete_a_file(self, data: st.DataObject) -> None:
        path = data.draw(st.sampled_from(sorted(self.on_disk)))
        (self.root / path).unlink()
        del self.on_disk[path]

    @precondition(lambda self: self.on_disk)
    @rule(data=st.data())
    def touch_a_file(self, data: st.DataObject) -> None:
        touch(self.root / data.draw(st.sampled_from(sorted(self.on_disk))))

    # Writes: what is expected is worked out first, and is true only once the call has returned

    def after_update(self, items: dict[str, Values]) -> dict[str, Values]:
        own = {path: one for path, one in items.items() if path[0] == "/" or path in NAMES}
        readable = {path: seed for path, seed in self.on_disk.items() if seed is not None}
        if isinstance(self.labels, dict):
            named: dict[str, str] = self.labels
        else:
            named = {path: path.split("/")[0] for path in readable if "/" in path}
        return own | {path: (vector(seed), named.get(path), {}) for path, seed in readable.items()}

    @rule(dry_run=st.booleans())
    def update(self, dry_run: bool = False) -> None:
        if not self.on_disk or (isinstance(self.labels, dict) and not self.speaks_of_some()):
            with pytest.raises(InvalidArgument):
                self.collection.update()
            return
        if dry_run:
            self.collection.update(dry_run=True)
            return
        expected = self.after_update(self.items)
        changes = self.collection.update(jobs=1)
        broken = {self.root / path for path, seed in self.on_disk.items() if seed is None}
        assert {one.path for one in changes.skipped} >= broken
        assert changes.indexed == len(expected)
        assert set(changes.removed) == self.items.keys() - expected.keys() - {
            old for old, _ in changes.renamed
        }
        assert {*changes.added, *(new for _, new in changes.renamed)} == (
            expected.keys() - self.items.keys()
        )
        self.items, self.order = expected, [item.id for item in self.collection]

    def speaks_of_some(self) -> bool:
        return isinstance(self.labels, dict) and not self.labels.keys().isdisjoint(self.on_disk)

    @precondition(lambda self: self.on_disk)
    @rule(data=st.data(), label=st.sampled_from(["x", "y"]))
    def relabel_by_a_table(self, data: st.DataObject, label: str) -> None:
        paths = data.draw(st.lists(st.sampled_from(sorted(self.on_disk)), min_size=1, unique=True))
        self.table.write_text("path,label\n" + "".join(f"{path},{label}\n" for path in paths))
        self.labels = dict.fromkeys(paths, label)
        expected = self.after_update(self.items)
        self.collection.update(labels=self.table, jobs=1)
        self.items, self.order = expected, [item.id for item in self.collection]

    @precondition(lambda self: self.on_disk and self.labels != "folder")
    @rule()
    def relabel_by_folder(self) -> None:
        self.labels = "folder"
        expected = self.after_update(self.items)
        self.collection.update(labels="folder", jobs=1)
        self.items, self.order = expected, [item.id for item in self.collection]

    def put(self, added: dict[str, Values]) -> None:
        """New items come last, in the place of those of their ids."""
        kept = [name for name in self.order if name not in added]
        self.items = {**self.items, **added}
        self.order = [*kept, *added]

    @rule(number=st.integers(0, 2), label=labels, price=prices, replace=st.booleans())
    def add_from_elsewhere(
        self, number: int, label: str | None, price: dict[str, Any], replace: bool
    ) -> None:
        path = self.outside / f"{number}.png"
        name = path.as_posix()

        def add() -> None:
            self.collection.add([path], label=label, metadata=price, replace=replace, jobs=1)

        if name in self.items and not replace:
            with pytest.raises(InvalidArgument, match="in the collection already"):
                add()
            return
        named = label
        if label is None and name in self.items:
            named = self.items[name][1]
        add()
        self.put({name: (vector(100 + number), named, price)})

    @rule(
        given=st.dictionaries(names, st.tuples(seeds, labels, prices), min_size=1, max_size=6),
        replace=st.booleans(),
    )
    def add_vectors(
        self, given: dict[str, tuple[int, str | None, dict[str, Any]]], replace: bool
    ) -> None:
        added = {name: (vector(seed), *rest) for name, (seed, *rest) in given.items()}
        vectors, named, more = zip(*added.values(), strict=True)

        def add() -> object:
            return self.collection.add_vectors(vectors, list(added), named, more, replace=replace)

        if added.keys() & self.items.keys() and not replace:
            with pytest.raises(InvalidArgument, match="in the collection already"):
                add()
            return
        add()
        self.put(added)

    @precondition(lambda self: self.items)
    @rule(data=st.data(), stranger=st.booleans())
    def remove(self, data: st.DataObject, stranger: bool = False) -> None:
        chosen = data.draw(st.lists(st.sampled_from(self.order), min_size=1, unique=True))
        if stranger:
            with pytest.raises(InvalidArgument, match="Nothing was removed"):
                self.collection.remove([*chosen, "nobody"])
            return
        self.collection.remove(chosen)
        self.order = [name for name in self.order if name not in chosen]
        self.items = {name: self.items[name] for name in self.order}

    @rule()
    def compact(self) -> None:
        self.collection.compact()
        assert self.collection.info()["dead"] == 0

    @rule(
        where=st.sampled_from(
            [
                "vecsearch.store.writer.put_if_absent",
                "vecsearch.store.gathering.write_segment",
                "vecsearch.store.manifest.Manifest.with_stamps",
                "vecsearch.store.draft.Draft.append",
                "vecsearch.encoding.encode",
            ]
        ),
        what=st.sampled_from(["update", "add_vectors", "compact", "remove"]),
        data=st.data(),
    )
    def crash(self, where: str, what: str, data: st.DataObject) -> None:
        todo: dict[str, Callable[[], object]] = {
            "update": lambda: self.update(dry_run=False),
            "add_vectors": lambda: self.add_vectors({"v/3": (61, None, {})}, replace=True),
            "compact": self.compact,
            "remove": lambda: self.remove(data) if self.items else None,
        }
        try:
            with crashing(where):
                todo[what]()
        except Crash:
            assert verify(self.index).damages == []
            assert not self.collection.refresh()

    # Reads

    @rule()
    def reopen(self) -> None:
        self.collection.close()
        self.collection = Collection.open(self.index)

    @rule()
    def refresh_the_other_reader(self) -> None:
        self.reader.refresh()
        self.remembered, self.reader_order = dict(self.items), list(self.order)
        check(self.reader, self.remembered, self.reader_order)

    @rule(seed=seeds, k=st.integers(1, 60))
    def ask_the_other_reader(self, seed: int, k: int) -> None:
        """What it has opened stays as it was; files that it has not yet opened may be gone."""
        try:
            search(self.reader, self.remembered, self.reader_order, [vector(seed)], k, None, None)
        except CollectionReplaced:
            self.refresh_the_other_reader()

    @rule(
        asked=st.lists(seeds, min_size=1, max_size=3),
        k=st.integers(1, 60),
        metric=st.sampled_from([None, *Metric]),
        where=st.sampled_from([None, "a", "x", "price"]),
    )
    def query(self, asked: list[int], k: int, metric: Metric | None, where: str | None) -> None:
        vectors = [vector(seed) for seed in asked]
        search(self.collection, self.items, self.order, vectors, k, metric, where)

    @invariant()
    def holds_what_it_must(self) -> None:
        steps["taken"] += 1
        check(self.collection, self.items, self.order, [*NAMES, *FILES, "nobody"])


class CosineMachine(Machine):
    """The same under the other metric."""

    metric = Metric.COSINE


class HNSWMachine(Machine):
    """With an approximate index, which finds all there is among so few."""

    kind = "hnsw"


class IVFMachine(CosineMachine):
    """With another one, under the other metric."""

    kind = "ivf"


class AutoMachine(Machine):
    """With one that comes and goes with the count."""

    kind = "auto"


class SQ8Machine(CosineMachine):
    """With codes, which so few items are not made into."""

    kind = "sq8"


MACHINES = [Machine, CosineMachine, HNSWMachine, IVFMachine, AutoMachine, SQ8Machine]


def run(machine: type[Machine], examples: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vecsearch.store.gathering.SEGMENT_ITEMS", SEGMENT_ITEMS)
    monkeypatch.setattr("vecsearch.ann.FEW", 5)  # so that indexes are made anew now and then
    monkeypatch.setattr("vecsearch.index.kinds.EXACT_COUNT", 12)
    monkeypatch.setattr("vecsearch.index.kinds.EXACT_NUMBERS", 0)
    monkeypatch.setattr("vecsearch.index.partial.EXACT_NUMBERS", 0)
    monkeypatch.setattr(os, "fsync", lambda _: None)  # nobody turns the power off here
    chosen = settings(
        max_examples=examples,
        stateful_step_count=50,
        deadline=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
    )
    run_state_machine_as_test(machine, settings=chosen)  # type: ignore[no-untyped-call]


@pytest.mark.parametrize("machine", MACHINES)
def test_a_collection_is_a_dict(machine: type[Machine], monkeypatch: pytest.MonkeyPatch) -> None:
    run(machine, 5, monkeypatch)


@pytest.mark.slow
@pytest.mark.parametrize("machine", MACHINES)
def test_a_collection_is_a_dict_for_ten_thousand_steps(
    machine: type[Machine], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    steps.clear()
    run(machine, 46, monkeypatch)
    with capsys.disabled():
        print(f"\nstateful, {machine.__name__}: {steps['taken']} steps, 0 divergences")
    assert len(MACHINES) * steps["taken"] >= 10_000
