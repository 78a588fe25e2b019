"""Many readers, and one writer at a time: nothing is lost, torn, or older than what was seen."""

import json
import random
import re
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from test_faults import operations, process, result_of

from vecsearch import Collection, verify
from vecsearch.errors import CollectionLocked, CollectionReplaced


def vector_of(name: str) -> list[int]:
    """The vector that an item of this name has, and no other."""
    writer, number = map(int, name.split("-"))
    return [writer, number, (7 * number) % 97, 1]


def write_and_tell(folder: str, number: str, seconds: str) -> None:
    """Add and remove items; prints what was acknowledged, and what was said when it was locked."""
    rng = random.Random(int(number))
    until = time.monotonic() + float(seconds)
    collection = Collection.open(folder)
    mine: list[str] = []
    made = acknowledged = 0
    locked = []
    while time.monotonic() < until:
        try:
            if len(mine) > 60 or (mine and rng.random() < 0.3):
                gone = rng.sample(mine, rng.randint(1, len(mine)))
                collection.remove(gone)
                mine = sorted({*mine} - {*gone})
            else:
                new = [f"{number}-{made + step}" for step in range(rng.randint(1, 5))]
                collection.add_vectors([vector_of(name) for name in new], new)
                made += len(new)
                mine += new
            acknowledged += 1
        except CollectionLocked as error:
            locked.append(str(error))
        time.sleep(0.005 * rng.random())  # the other one looks every 0.05 s whether it is its turn
    print(json.dumps({"mine": mine, "acknowledged": acknowledged, "locked": locked}))


def read_and_compare(folder: str, number: str, seconds: str) -> None:
    """Open, refresh, read and query; prints how often, and whatever did not fit."""
    rng = random.Random(int(number))
    until = time.monotonic() + float(seconds)
    collection = Collection.open(folder)
    last = reads = replaced = 0
    torn: list[str] = []
    while time.monotonic() < until and len(torn) < 10:
        try:
            if rng.random() < 0.5:
                collection.refresh()
            else:
                collection.close()
                collection = Collection.open(folder)
            generation = int(str(collection.info()["generation"]))
            if generation < last:
                torn.append(f"generation {generation} after {last}")
            last = generation
            torn += misfits(collection, rng)
            reads += 1
        except CollectionReplaced:  # three commits since it was opened: it is told to open again
            collection = Collection.open(folder)
            replaced += 1
        except Exception as error:
            torn.append(repr(error))
    print(json.dumps({"reads": reads, "replaced": replaced, "torn": torn, "last": last}))


def misfits(collection: Collection, rng: random.Random) -> Iterator[str]:
    """What does not fit together in what a reader sees."""
    names = [item.id for item in collection]
    vectors = collection.vectors()
    if not len(names) == len({*names}) == len(vectors) == len(collection):
        yield f"{len(names)} items, {len(vectors)} vectors, {len(collection)} by its length"
    elif not np.array_equal(vectors, [vector_of(name) for name in names]):
        yield "vectors of other items"
    asked = rng.choice(names)
    (hits,) = collection.query_vectors([vector_of(asked)], k=3)
    if (hits[0].item.id, hits[0].distance) != (asked, 0) or len(hits) != min(3, len(names)):
        yield f"{hits} for {asked}"


def check_many_at_once(seconds: int, folder: Path) -> None:
    """Two writers and four readers: nothing is lost or torn, and no reader goes back in time."""
    Collection.from_vectors([vector_of("9-0")], ["9-0"], path=folder / "index")
    writers = [process(write_and_tell, folder / "index", one, seconds) for one in (1, 2)]
    readers = [process(read_and_compare, folder / "index", one, seconds) for one in range(4)]
    wrote: Sequence[dict[str, Any]] = [result_of(one) for one in writers]
    read: Sequence[dict[str, Any]] = [result_of(one) for one in readers]
    collection = Collection.open(folder / "index")
    there = {item.id for item in collection}
    lost = {"9-0"}.union(*(one["mine"] for one in wrote)) ^ there
    torn = [text for one in read for text in one["torn"]]
    locked = [text for one in wrote for text in one["locked"]]
    print(
        f"{seconds} s: {sum(one['acknowledged'] for one in wrote)} changes, {len(lost)} lost; "
        f"{sum(one['reads'] for one in read)} reads, {len(torn)} torn, "
        f"{sum(one['replaced'] for one in read)} told to open again; {len(locked)} times locked"
    )
    assert torn == []
    assert lost == set()
    assert verify(folder / "index").damages == []
    assert collection.info()["generation"] == 1 + sum(one["acknowledged"] for one in wrote)
    assert max(one["last"] for one in read) <= int(str(collection.info()["generation"]))
    assert min(one["acknowledged"] for one in wrote) > 0
    assert min(one["reads"] for one in read) > 0
    pids = {str(one.pid) for one in writers}
    for text in locked:
        named = re.match(r"Process (\d+) ", text)
        assert named is not None, text
        assert named[1] in pids


def test_two_writers_and_four_readers(tmp_path: Path) -> None:
    check_many_at_once(4, tmp_path)


@pytest.mark.slow
def test_two_writers_and_four_readers_for_a_minute(tmp_path: Path) -> None:
    check_many_at_once(60, tmp_path)


_at_open: Callable[[str], None] | None = None
_hooks: list[object] = []


def _audit(event: str, arguments: tuple[Any, ...]) -> None:
    if _at_open is not None and event == "open":
        _at_open(str(arguments[0]))


def check_overtaken(step: int, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Commits delete the very file that it is about to open: it is told to open again, no more.

    Args:
        step: One of so many files has its turn.
        folder: Where to do it.
        monkeypatch: Takes the watch off again.
    """
    here = sys.modules[__name__]
    monkeypatch.setattr(here, "_at_open", None)
    if not _hooks:
        sys.addaudithook(_audit)
        _hooks.append(_audit)
    overwrite = next(one for one in operations(folder) if one.name == "overwrite")
    place = folder / "place"
    image = folder / "before" / "9.png"
    readers: dict[str, Callable[[Collection], object]] = {
        "iterate": list,
        "vectors": Collection.vectors,
        "query": lambda reader: reader.query([image]),
        "get": lambda reader: reader.get("v1"),
        "skipped": lambda reader: reader.skipped,
        "info": Collection.info,
        "refresh": Collection.refresh,
        "open": lambda _: list(Collection.open(place)),
    }
    faults = []
    count = 0
    for name, read in readers.items():
        turn, overtaken = 1 - step, True
        while overtaken:  # at one file after the other, until there are no more
            turn, overtaken = turn + step, False
            overwrite.begin(place)
            reader = Collection.open(place)
            left = turn

            def overtake(path: str) -> None:
                nonlocal left, overtaken
                left -= path.startswith(str(place))
                if not left:
                    overtaken = True
                    monkeypatch.setattr(here, "_at_open", None)
                    for _ in range(3):
                        Collection.from_vectors([[1]], path=place, overwrite=True)

            monkeypatch.setattr(here, "_at_open", overtake)
            try:
                read(reader)
            except CollectionReplaced:
                pass
            except Exception as error:
                faults.append(f"{name}, file {turn}: {error!r}")
            monkeypatch.setattr(here, "_at_open", None)
            reader.close()
            count += overtaken
    print(f"overtaken {count} times: {len(faults)} times not told to open again")
    assert count > 0
    assert faults == []


def test_a_reader_overtaken_where_it_opens_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    check_overtaken(4, tmp_path, monkeypatch)


@pytest.mark.slow
def test_a_reader_overtaken_wherever_it_opens_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    check_overtaken(1, tmp_path, monkeypatch)
