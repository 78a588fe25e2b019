"""Collections and their evaluation, from Python."""

import errno
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from conftest import PHOTOS
from PIL import Image

from vecsearch import (
    Collection,
    ImageError,
    InvalidArgument,
    Labelled,
    Metric,
    compare,
    evaluate,
    evaluate_vectors,
    make_encoder,
    measure_names,
    write_report,
)
from vecsearch.evaluation import hold_out
from vecsearch.images import Preprocess, scan

# Chapter and verse: how much crime and how much love there is in a book.
BOOKS = {
    "ids": ["Sherlock", "Poirot", "Emma", "Persuasion"],
    "labels": ["crime", "crime", "love", "love"],
    "metadata": [{"year": 1892}, {"year": 1920}, {"year": 1815}, {"year": 1817, "sea": True}],
}
GENRES = [[3.0, 4.0], [6.0, 8.0], [0.0, 5.0], [-4.0, 3.0]]


@pytest.fixture
def books() -> Collection:
    return Collection.from_vectors(GENRES, **BOOKS)  # type: ignore[arg-type]


def test_four_books_by_hand(books: Collection) -> None:
    assert len(books) == 4
    assert (books.dim, books.metric, books.root) == (2, Metric.EUCLIDEAN, None)
    (hits,) = books.query_vectors([[3, 4]], k=3)
    assert [hit.item.id for hit in hits] == ["Sherlock", "Emma", "Poirot"]
    assert [hit.distance for hit in hits] == [0, pytest.approx(10**0.5), 5]
    assert [hit.score for hit in hits] == [1, pytest.approx(1 / (1 + 10**0.5)), 1 / 6]
    (hits,) = books.query_vectors([[3, 4]], metric="cosine")
    assert [hit.item.id for hit in hits] == ["Sherlock", "Poirot", "Emma", "Persuasion"]
    assert [hit.distance for hit in hits] == pytest.approx([0, 0, 0.2, 1])
    assert [hit.score for hit in hits] == pytest.approx([1, 1, 0.9, 0.5])
    assert hits[3].item.metadata == {"year": 1817, "sea": True}
    assert [item.label for item in books] == BOOKS["labels"]
    np.testing.assert_array_equal(books.vectors(), GENRES)


@pytest.mark.parametrize(
    "how", [{}, {"metric": "cosine"}, {"where": {"label": "love"}}, {"exact": True}]
)
def test_nearest_is_what_a_query_finds_as_arrays(books: Collection, how: dict) -> None:
    """Positions count what there still is, and not what was removed."""
    books.remove(["Poirot"])
    (hits,) = books.query_vectors([[3, 4]], k=2, **how)
    distances, positions = books.nearest([[3, 4]], k=2, **how)
    assert (distances.dtype, positions.dtype) == (np.float64, np.int64)
    assert distances.tolist() == [[hit.distance for hit in hits]]
    items = list(books)
    assert [items[one] for one in positions[0]] == [hit.item for hit in hits]


def test_nearest_by_hand(books: Collection) -> None:
    distances, positions = books.nearest([[3, 4], [0, 0]], k=9)
    assert positions.tolist() == [[0, 2, 1, 3], [0, 2, 3, 1]]
    assert distances[1].tolist() == [5, 5, 5, 10]
    empty = books.nearest([[3, 4]], where={"sea": "no"})
    assert [one.shape for one in empty] == [(1, 0), (1, 0)]
    with pytest.raises(InvalidArgument, match="k is how many"):
        books.nearest([[3, 4]], k=0)


def test_where_keeps_k_full(books: Collection) -> None:
    (hits,) = books.query_vectors([[3, 4]], k=2, where={"label": "love"})
    assert [hit.item.id for hit in hits] == ["Emma", "Persuasion"]
    (hits,) = books.query_vectors([[3, 4]], where={"year": "1920", "label": "crime"})
    assert [hit.item.id for hit in hits] == ["Poirot"]
    assert books.query_vectors([[3, 4]], where={"sea": False}) == [[]]
    assert books.query_vectors([[3, 4]], where={"id": "nobody"}) == [[]]
    with pytest.raises(
        InvalidArgument, match=r"No item has 'colour'\. There are: id, label, path, sea"
    ):
        books.query_vectors([[3, 4]], where={"colour": "red"})


def test_vectors_have_no_encoder(books: Collection) -> None:
    with pytest.raises(InvalidArgument, match="has no encoder for images: ask it by vectors"):
        books.query([PHOTOS / "stray.png"])
    assert books.info()["encoder"] is None


def test_a_temporary_collection_goes_with_its_object() -> None:
    books = Collection.from_vectors(GENRES)
    folder = books.path
    assert [item.id for item in books] == ["0", "1", "2", "3"]
    assert folder.exists()
    snapshot = books.snapshot()
    del books
    assert snapshot.query_vectors([GENRES[0]], 1)[0][0].item.id == "0"
    del snapshot
    assert not folder.exists()


def test_a_change_stands_though_its_index_cannot_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    books = Collection.from_vectors(GENRES, path=tmp_path / "books")

    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("vecsearch.ann.reindex", full)
    books.add_vectors([GENRES[0]], ["again"])
    assert "again" in Collection.open(tmp_path / "books")
    assert "No space left on device" in caplog.text


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"vectors": []}, "at least one vector"),
        ({"vectors": 3}, "at least one vector"),
        ({"vectors": [[1, float("inf")]]}, "Vector 0 holds NaN, infinity"),
        ({"vectors": [[1, 2], [0, 0]], "metric": "cosine"}, "Vector 1 is zero"),
        ({"vectors": GENRES, "ids": ["a", "b", "c", "a"]}, "The id 'a' is given twice"),
        ({"vectors": GENRES, "ids": ["a"]}, "There are 4 vectors, but 1 ids"),
        ({"vectors": GENRES, "labels": ["a"]}, "There are 4 vectors, but 1 labels"),
        ({"vectors": GENRES, "labels": [1, 2, 3, 4]}, "Labels are strings, not 1"),
        ({"vectors": GENRES, "labels": ["", "a", "b", None]}, "A label is not empty"),
        ({"vectors": GENRES, "metadata": [{}] * 5}, "There are 4 vectors, but 5 metadata"),
        ({"vectors": GENRES, "metadata": [{"x": {1}}] * 4}, "'0' cannot be written as JSON"),
        ({"vectors": GENRES, "ids": ["a", "b", "c", "\udcff"]}, "cannot be written as UTF-8"),
        ({"vectors": GENRES, "metric": "manhattan"}, "No metric is called 'manhattan'; there are"),
    ],
)
def test_all_or_nothing(values: dict[str, object], message: str, tmp_path: Path) -> None:
    with pytest.raises(InvalidArgument, match=message):
        Collection.from_vectors(path=tmp_path / "index", **values)  # type: ignore[arg-type]
    assert not (tmp_path / "index").exists()


def test_a_bad_vector_far_on_is_counted_from_the_start(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("vecsearch.own_vectors.BLOCK_BYTES", 4 * 2 * 3)
    vectors = np.ones((10, 2))
    vectors[8, 1] = np.nan
    with pytest.raises(InvalidArgument, match="Vector 8 holds NaN"):
        Collection.from_vectors(vectors, path=tmp_path / "index")
    vectors[8, 1] = 7
    np.testing.assert_array_equal(
        Collection.from_vectors(vectors, path=tmp_path / "index").vectors(), vectors
    )


def test_images_find_themselves(tmp_path: Path) -> None:
    photos = Collection.build(PHOTOS, tmp_path / "index", encoder="pixels", metric="cosine")
    paths = [item.path for item in photos]
    assert [item.id for item in photos][:2] == ["cat/alpha.png", "cat/deep/er/plain.png"]
    answers = photos.query([path for path in paths if path], k=1)
    assert [hits[0].item.path for hits in answers] == paths
    assert max(hits[0].distance for hits in answers) < 1e-12
    with Image.open(PHOTOS / "cat" / "plain.jpg") as image:
        hit = photos.query_one(image, k=1)[0]
    assert (hit.item.id, hit.item.label) == ("cat/plain.jpg", "cat")
    assert photos.skipped == []
    assert photos.encoder.dim == photos.dim == 64 * 64 * 3


def test_an_image_that_is_none(tmp_path: Path) -> None:
    photos = Collection.build(PHOTOS, tmp_path / "index", encoder="pixels", size=(4, 4))
    with pytest.raises(ImageError, match=r"make\.py: not an image in one of the formats"):
        photos.query([PHOTOS.parent / "make.py"])
    with pytest.raises(InvalidArgument, match="Images come as a list"):
        photos.query(str(PHOTOS / "stray.png"))  # type: ignore[arg-type]
    assert photos.query([]) == []


def test_an_encoder_that_is_fitted_is_used_as_it_is(tmp_path: Path) -> None:
    first = Collection.build(PHOTOS, tmp_path / "first", dim=2, size=(8, 8))
    second = Collection.build(PHOTOS / "cat", tmp_path / "second", encoder=first.encoder)
    assert second.encoder.fingerprint == first.encoder.fingerprint
    np.testing.assert_allclose(second.vectors(), first.vectors()[:5], atol=1e-6)
    fresh = make_encoder("pca", dim=2, preprocess=Preprocess((8, 8)))
    third = Collection.build(PHOTOS, tmp_path / "third", encoder=fresh)
    assert third.encoder.fingerprint == first.encoder.fingerprint


def test_black_images_have_no_direction(tmp_path: Path) -> None:
    for name, value in (("black", 0), ("white", 255)):
        Image.new("L", (4, 4), value).save(tmp_path / f"{name}.png")
    cosine = Collection.build(tmp_path, tmp_path / "cosine", encoder="pixels", metric="cosine")
    assert [item.id for item in cosine] == ["white.png"]
    reasons = {one.path.name: one.reason for one in cosine.skipped}
    assert reasons == {
        "black.png": "its vector is zero: cosine cannot compare what has no direction"
    }
    euclidean = Collection.build(tmp_path, tmp_path / "euclidean", encoder="pixels")
    assert len(euclidean) == 2
    assert {one.path.name for one in euclidean.skipped} == {"cosine"}
    hits = euclidean.query_one(tmp_path / "white.png", metric="cosine")
    assert [(hit.item.id, hit.distance) for hit in hits] == [
        ("white.png", pytest.approx(0, abs=1e-12)),
        ("black.png", 1),
    ]


@pytest.mark.parametrize("encoder", ["pixels", "pca"])
def test_nothing_to_index(tmp_path: Path, encoder: str) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(InvalidArgument, match=r"no images in .*empty, of the formats JPEG"):
        Collection.build(tmp_path / "empty", tmp_path / "index", encoder=encoder)
    (tmp_path / "empty" / "a.txt").write_text("x")
    with pytest.raises(InvalidArgument, match=r"1 were left out, as a\.txt \(not an"):
        Collection.build(tmp_path / "empty", tmp_path / "index", encoder=encoder)
    (tmp_path / "empty" / "b.png").write_text("x")
    with pytest.raises(
        InvalidArgument,
        match=r"None of the 1 image files in .*empty could be used; 1 were left out, as b",
    ):
        Collection.build(tmp_path / "empty", tmp_path / "index", encoder=encoder)
    assert not (tmp_path / "index").exists()


def test_progress_is_told(tmp_path: Path, small: Path) -> None:
    told: list[tuple[str, int, int]] = []

    def progress(what: str, done: int, total: int) -> None:
        told.append((what, done, total))

    gallery = Collection.build(small / "train", tmp_path / "i", size=(9, 9), progress=progress)
    assert told == [
        *(("reading", done, 30) for done in (8, 16, 24, 30)),
        ("fitting pca", 0, 0),
        ("encoding", 30, 30),
    ]
    evaluate(gallery, small / "test", progress=progress)
    assert told[6:] == [("reading", 8, 15), ("reading", 15, 15), ("evaluating", 15, 15)]


def test_evaluation_by_hand() -> None:
    gallery = Labelled(
        np.array([[0], [1], [2], [10], [11]], np.float32), list("abcde"), ["x", "y", "x", "y", None]
    )
    queries = Labelled(
        np.array([[0.4], [9], [5], [5]], np.float32), list("pqrs"), ["x", "y", "z", None]
    )
    result = evaluate_vectors(gallery, queries, ks=[1, 2], neighbours=3)
    assert (result.queries, result.gallery) == (3, 4)
    assert (result.unmatched, result.unlabelled_queries, result.unlabelled_gallery) == (1, 1, 1)
    # p sees x y x y, q sees y x y x; r, of a class that is not there, is left out of the means.
    second = 1 / np.log2(3)
    expected = {
        "precision@1": 1, "precision@2": 0.5,
        "recall@1": 0.5, "recall@2": 0.5,
        "hit@1": 1, "hit@2": 1,
        "map": (1 + 2 / 3) / 2, "map@r": 0.5, "r_precision": 0.5, "mrr": 1,
        "ndcg@1": 1, "ndcg@2": 1 / (1 + second),
        "accuracy": 2 / 3, "macro_precision": 0.5, "macro_recall": 2 / 3, "macro_f1": 5 / 9,
        "centroid_accuracy": 2 / 3, "centroid_macro_precision": 0.5,
        "centroid_macro_recall": 2 / 3, "centroid_macro_f1": 5 / 9,
    }  # fmt: skip
    assert list(result.measures) == list(expected)
    assert result.measures == pytest.approx(expected)
    assert result.knn is not None
    assert result.knn.labels == ["x", "y", "z"]
    assert result.knn.per_class["z"].fn == 1
    assert result.per_query["knn"] == ["x", "y", "x"]
    assert result.per_query["id"] == ["p", "q", "r"]


def test_leave_one_out_is_that_of_brute_force(small: Path, tmp_path: Path) -> None:
    gallery = Collection.build(small / "train", tmp_path / "index", encoder="pixels", size=(8, 8))
    vectors, labels = gallery.vectors(), np.array([item.label for item in gallery])
    result = evaluate(gallery, leave_one_out=True, ks=[3], neighbours=1)
    precisions, hits = [], []
    for row in range(30):
        apart = np.linalg.norm(vectors - vectors[row], axis=1)
        apart[row] = np.inf
        near = labels[np.argsort(apart)[:29]] == labels[row]
        hits.append(near[0])
        ranks = np.flatnonzero(near) + 1
        precisions.append((np.arange(1, 10) / ranks).mean())
    assert result.measures["map"] == pytest.approx(np.mean(precisions))
    assert result.measures["accuracy"] == pytest.approx(np.mean(hits))
    again = evaluate(gallery, small / "train", ks=[3], neighbours=1)
    assert again.measures == result.measures  # the same files are the same items


def test_equal_names_in_other_folders_are_other_images(small: Path, tmp_path: Path) -> None:
    """train/bag/1.png and test/bag/1.png are two images, though both are called bag/1.png."""
    for split in ("train", "test"):
        for name in ("bag", "trouser"):
            (tmp_path / split / name).mkdir(parents=True)
            for number, path in enumerate(sorted((small / split / name).iterdir())):
                (tmp_path / split / name / f"{number}.png").write_bytes(path.read_bytes())
    gallery = Collection.build(tmp_path / "train", tmp_path / "index", encoder="pixels")
    result = evaluate(gallery, tmp_path / "test", ks=[20])
    assert (result.queries, result.gallery) == (10, 20)
    assert result.measures["recall@20"] == 1  # nothing was taken for the query itself


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({}, "by leave-one-out: give one"),
        ({"leave_one_out": True, "queries": "x"}, "by leave-one-out: give one"),
        ({"leave_one_out": True, "ks": []}, "are whole numbers, 1 or more"),
        ({"leave_one_out": True, "ks": [0]}, "are whole numbers, 1 or more"),
        ({"leave_one_out": True, "neighbours": 0}, "are whole numbers, 1 or more"),
        ({"leave_one_out": True, "task": "both of them"}, "is no task"),
        ({"leave_one_out": True, "metric": "l1"}, "No metric is called 'l1'"),
    ],
)
def test_evaluations_that_make_no_sense(
    books: Collection, values: dict[str, object], message: str
) -> None:
    with pytest.raises(InvalidArgument, match=message):
        evaluate(books, **values)  # type: ignore[arg-type]


def test_nothing_to_evaluate() -> None:
    with pytest.raises(InvalidArgument, match="Nothing in the gallery has a label"):
        evaluate(Collection.from_vectors(GENRES), leave_one_out=True)
    with pytest.raises(InvalidArgument, match="One item alone"):
        evaluate(Collection.from_vectors([[1.0]], labels=["a"]), leave_one_out=True)
    with pytest.raises(InvalidArgument, match="have the label 'a' and so on, the gallery 'a'"):
        evaluate(Collection.from_vectors([[1], [2]], labels=["a", "b"]), leave_one_out=True)


def test_tasks_apart(books: Collection) -> None:
    retrieval = evaluate(books, leave_one_out=True, ks=[1], task="retrieval")
    assert retrieval.knn is None
    assert "accuracy" not in retrieval.measures
    counting = evaluate(books, leave_one_out=True, ks=[1], neighbours=1, task="classification")
    assert next(iter(counting.measures)) == "accuracy"
    both = evaluate(books, leave_one_out=True, ks=[1], neighbours=1)
    assert both.measures == {**retrieval.measures, **counting.measures}
    assert evaluate(books, leave_one_out=True, neighbours=99).measures["accuracy"] == 0


def test_a_report_in_files(books: Collection, tmp_path: Path) -> None:
    result = evaluate(books, leave_one_out=True, ks=[1], neighbours=1)
    names = [path.name for path in write_report(result, tmp_path / "report")]
    assert names == [
        "report.json", "queries.csv", "knn_per_class.csv", "knn_confusion.csv",
        "centroid_per_class.csv", "centroid_confusion.csv",
    ]  # fmt: skip
    lines = (tmp_path / "report" / "queries.csv").read_text().splitlines()
    assert lines[0].startswith("id,label,relevant,precision@1,")
    assert len(lines) == 5
    lines = (tmp_path / "report" / "knn_confusion.csv").read_text().splitlines()
    assert lines[0] == ",crime,love"
    assert result.knn is not None
    assert lines[1] == f"crime,{result.knn.confusion[0, 0]},{result.knn.confusion[0, 1]}"
    retrieval = evaluate(books, leave_one_out=True, task="retrieval")
    assert len(write_report(retrieval, tmp_path / "other")) == 2
    (tmp_path / "file").write_text("x")
    with pytest.raises(InvalidArgument, match="Cannot make the folder"):
        write_report(result, tmp_path / "file")


def test_holding_out(small: Path) -> None:
    folder = scan(small / "train")
    gallery, asked = hold_out(folder, 0.25, seed=1)
    assert sorted([*gallery.paths, *asked.paths]) == list(folder.paths)
    counts = [sum(path.startswith(name) for path in asked.paths) for name in ("bag", "sneaker")]
    assert counts == [2, 2]
    assert hold_out(folder, 0.25, seed=1) == (gallery, asked)
    assert hold_out(folder, 0.25, seed=2) != (gallery, asked)
    most, _ = hold_out(folder, 0.99, seed=1)
    assert len(most.paths) == 3  # one of each class always stays
    with pytest.raises(InvalidArgument, match="between 0 and 1, not 1"):
        hold_out(folder, 1.0, seed=1)


def test_compare_is_evaluation_of_each(small: Path, tmp_path: Path) -> None:
    lines = compare(
        small / "train", small / "test", encoders=["pixels", "pca=2", "lda"], size=(8, 8), jobs=1
    )
    assert [(line.encoder, line.metric.value, line.dim) for line in lines] == [
        ("pixels", "euclidean", 192), ("pixels", "cosine", 192),
        ("pca", "euclidean", 2), ("pca", "cosine", 2),
        ("lda", "euclidean", 2), ("lda", "cosine", 2),
    ]  # fmt: skip
    assert [line.bytes_per_item for line in lines] == [768, 768, 8, 8, 8, 8]
    for number, line in enumerate(lines):
        assert 0 < line.ms_per_image < 1000
        gallery = Collection.build(
            small / "train",
            tmp_path / str(number),
            encoder=line.encoder,
            dim=2 if line.encoder == "pca" else None,
            size=(8, 8),
            metric=line.metric,
        )
        expected = evaluate(gallery, small / "test").measures
        assert line.evaluation.measures == pytest.approx(expected, abs=1e-6)
    held = compare(small / "train", encoders=["lda"], metrics=["cosine"], size=(8, 8), holdout=0.3)
    assert (held[0].evaluation.queries, held[0].evaluation.gallery) == (9, 21)
    with pytest.raises(InvalidArgument, match="behind = stands a dim, as in pca=32"):
        compare(small / "train", encoders=["pca=two"])


def test_real_photos_of_faces(data: Callable[[str], Path], tmp_path: Path) -> None:
    """Forty people, ten portraits each: each is told by the nine others."""
    folder = data("faces_orl") / "images"
    faces = Collection.build(folder, tmp_path / "faces", dim=40, size=(46, 56), color="grey")
    result = evaluate(faces, leave_one_out=True, ks=[1], neighbours=1)
    assert (result.gallery, len(result.per_query["id"])) == (400, 400)
    assert result.measures["precision@1"] > 0.95


def test_a_vote_does_not_depend_on_the_other_queries() -> None:
    gallery = Labelled(np.array([[0], [1], [1.1]], np.float32), ["a", "b", "c"], ["x", "x", "y"])
    stranger = Labelled(np.array([[0], [5]], np.float32), ["a", "q"], ["x", "y"])
    alone = Labelled(stranger.vectors[:1], ["a"], ["x"])
    for queries in (alone, stranger):
        found = evaluate_vectors(gallery, queries, neighbours=3).per_query["knn"]
        assert found[0] == "x"  # one vote each for b and c, and b is nearer
    pair = Labelled(np.array([[0], [1]], np.float32), ["b", "a"], ["y", "x"])
    queries = Labelled(np.array([[1], [5]], np.float32), ["a", "q"], ["x", "x"])
    result = evaluate_vectors(pair, queries, neighbours=3)
    assert result.per_query["knn"][0] == "y"  # there is nothing else
    assert result.own == 1
    single = Labelled(np.array([[0]], np.float32), ["a"], ["x"])
    with pytest.raises(InvalidArgument, match="One item alone"):
        evaluate_vectors(single, Labelled(queries.vectors[::-1].copy(), ["q", "a"], ["x", "x"]))


@pytest.mark.parametrize(
    ("gallery", "queries", "message"),
    [
        (([[float("nan")]], ["a"], ["x"]), ([[1]], ["b"], ["x"]), "Vector 0 holds NaN"),
        (([[1]], ["a"], ["x"]), ([[1, 2]], ["b"], ["x"]), "have 2 dims, not 1"),
        (([[1]], ["a", "b"], ["x"]), ([[1]], ["b"], ["x"]), "1 vectors, 2 ids and 1 labels"),
        (([[1], [2]], ["a", "a"], ["x", "x"]), ([[1]], ["b"], ["x"]), "is in the gallery twice"),
    ],
)
def test_vectors_that_cannot_be_evaluated(gallery: tuple, queries: tuple, message: str) -> None:
    with pytest.raises(InvalidArgument, match=message):
        evaluate_vectors(Labelled(*gallery), Labelled(*queries))


def test_names_of_measures_are_those_measured(books: Collection) -> None:
    for task in ("retrieval", "classification", "both"):
        result = evaluate(books, leave_one_out=True, ks=[3, 1], task=task)
        assert list(result.measures) == measure_names([3, 1], task)


def test_a_folder_by_a_relative_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name, value in (("a/good", 9), ("a/black", 0), ("b/good", 200)):
        Path(f"photos/{name}.png").parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (4, 4), value).save(f"photos/{name}.png")
    Path("photos/a/bad.png").write_text("bad")
    Path("photos/a/notes.txt").write_text("x")
    names = ["bad.png", "black.png", "notes.txt"]
    expected = [str(Path("photos/a").resolve() / name) for name in names]
    for encoder in ("pixels", make_encoder("pixels", preprocess=Preprocess((4, 4)))):
        built = Collection.build(
            "photos", "index", encoder=encoder, metric="cosine", overwrite=True
        )
        assert [str(one.path) for one in built.skipped] == expected
    fitted = Collection.build("photos", "other", dim=1, size=(4, 4))
    assert [str(one.path) for one in fitted.skipped] == [expected[0], expected[2]]
    inside = evaluate(fitted, "photos/a", ks=[1])  # known by the labels they have there
    assert (inside.queries, inside.own, inside.unlabelled_queries) == (2, 2, 0)


def test_a_table_says_what_items_are(tmp_path: Path) -> None:
    """It was named for that; what folders are called was not."""
    index = Collection.build(PHOTOS, tmp_path / "index", encoder="pixels", size=(8, 8))
    names = [path.relative_to(PHOTOS).as_posix() for path in sorted(PHOTOS.rglob("*.jpg"))]
    table = tmp_path / "labels.csv"
    table.write_text("path,label\n" + "".join(f"{name},thing\n" for name in names))
    found = evaluate(index, PHOTOS, labels=table).per_query
    known = dict(zip(found["id"], found["label"], strict=True))
    assert {known[name] for name in names if name in known} == {"thing"}


def test_items_behind_a_link_are_items(tmp_path: Path) -> None:
    for name, value in (("photos/a/x", 9), ("elsewhere/y", 99), ("elsewhere/z", 200)):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (4, 4), value).save(tmp_path / f"{name}.png")
    (tmp_path / "photos" / "more").symlink_to(tmp_path / "elsewhere")
    index = Collection.build(tmp_path / "photos", tmp_path / "index", encoder="pixels", size=(4, 4))
    assert "more/z.png" in index
    assert evaluate(index, tmp_path / "photos" / "more", ks=[1]).own == 2


def test_identical_images(tmp_path: Path) -> None:
    for number in range(3):
        Image.new("RGB", (4, 4), "red").save(tmp_path / f"{number}.png")
    copies = Collection.build(tmp_path, tmp_path / "index")
    assert copies.encoder.facts()["variance_kept"] == 1
    assert [hit.distance for hit in copies.query_one(tmp_path / "1.png")] == [0, 0, 0]


def test_values_that_are_none_of_ours(books: Collection, tmp_path: Path) -> None:
    calls: list[Callable[[], object]] = [
        lambda: Collection.build(PHOTOS, tmp_path / "x", size=20),  # type: ignore[arg-type]
        lambda: Collection.build(PHOTOS, tmp_path / "x", seed=-1),
        lambda: books.query_vectors([[1, 2]], k="3"),  # type: ignore[arg-type]
        lambda: Collection.from_vectors([[1], [1, 2]]),
        lambda: Collection.from_vectors([[1]], labels="a"),
        lambda: Collection.from_vectors([[1]], ids=5),  # type: ignore[arg-type]
        lambda: Collection.from_vectors([[1]], metadata=[None]),  # type: ignore[list-item]
    ]
    for call in calls:
        with pytest.raises(InvalidArgument):
            call()


def test_where_tells_none_from_its_name(tmp_path: Path) -> None:
    things = Collection.from_vectors(
        [[1], [2], [3]], labels=[None, "None", "x"], metadata=[{"p": 1}, {"p": 1.0}, {"p": True}]
    )

    def found(**where: object) -> list[str]:
        return [hit.item.id for hit in things.query_vectors([[0]], where=where)[0]]

    assert found(label=None) == ["0"]
    assert found(label="None") == ["1"]
    assert found(p=1) == ["0", "1"]
    assert found(p="1") == ["0", "1"]
    assert found(p=True) == ["2"]
