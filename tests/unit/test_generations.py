"""What a server knows of a collection that others write to, and what it lets go of."""

import asyncio
import gc
import json
import shutil
import weakref
from collections.abc import Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("fastapi")

from vecsearch import Collection, CollectionNotFound, DamagedCollection
from vecsearch.server.generation import Generation, How
from vecsearch.server.served import Served, ready

VECTORS = np.random.default_rng(0).normal(size=(20, 3))


@pytest.fixture
def pool() -> Iterator[Executor]:
    with ThreadPoolExecutor(1) as threads:
        yield threads


@pytest.fixture
def index(tmp_path: Path) -> Path:
    Collection.from_vectors(VECTORS, path=tmp_path / "index")
    return tmp_path / "index"


async def soon(served: Served) -> Generation:
    """What it is after it has been looked at once more."""
    await asyncio.sleep(2.1 * served.LOOK_SECONDS)
    return await served.now()


def test_an_old_generation_is_let_go(index: Path, pool: Executor) -> None:
    served = Served(index, pool)

    async def ask(generation: Generation) -> int:
        one, two = (
            ready(generation.once(pool, "sum", lambda: len(generation.view.vectors())))
            for _ in range(2)
        )
        await served.searcher.search(generation, VECTORS[0], How(1, generation.collection.metric))
        return await one + await two

    assert asyncio.run(ask(served.generation)) == 40
    before = weakref.ref(served.generation)
    Collection.open(index).remove(["0"])
    gc.collect()
    gc.disable()  # garbage that a server is not looked through for is never garbage
    try:
        served.look()
        pool.submit(int).result()  # its thread holds on to what it did last until it does more
        assert served.generation.number == 2
        assert before() is None
    finally:
        gc.enable()
        served.close()


def test_a_collection_that_was_built_anew_is_another(index: Path, pool: Executor) -> None:
    served, mine = Served(index, pool), Collection.open(index)
    assert not mine.refresh()
    shutil.rmtree(index)
    Collection.from_vectors(2 * VECTORS, path=index)
    assert Collection.open(index).info()["generation"] == served.generation.number == 1
    assert mine.refresh()
    assert np.allclose(mine.vectors(), 2 * VECTORS)
    served.look()
    assert np.allclose(served.collection.vectors(), 2 * VECTORS)
    served.close()


def test_damage_and_absence_are_told(
    index: Path, pool: Executor, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    served = Served(index, pool)
    monkeypatch.setattr(Served, "PATIENCE_SECONDS", 60.0)
    away = index.with_name("away")

    async def ask() -> None:
        index.rename(away)
        assert await soon(served) is served.generation  # it may come back
        monkeypatch.setattr(Served, "FAULT_SECONDS", 0.0)
        with pytest.raises(CollectionNotFound):
            await soon(served)
        away.rename(index)
        assert await soon(served) is served.generation
        manifest = index / "manifest-000002.json"
        manifest.write_text(json.dumps({}))
        with pytest.raises(DamagedCollection):
            await soon(served)
        manifest.unlink()
        assert await soon(served) is served.generation

    asyncio.run(ask())
    assert [record.message.partition(":")[0] for record in caplog.records] == ["index"] * 2
    served.close()


def test_a_collection_whose_folder_is_gone_can_be_closed(index: Path) -> None:
    with Collection.open(index) as mine:
        shutil.rmtree(index)
    assert len(mine) == 20
