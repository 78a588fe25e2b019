"""How images are dealt, judged and compared; beside other programs and plain counts."""

import csv
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import pytrec_eval
from conftest import PHOTOS
from scipy import stats

from vecsearch import (
    Collection,
    InvalidArgument,
    Labelled,
    compare,
    evaluate,
    evaluate_vectors,
    measure_names,
)
from vecsearch.encoders.lda import LDAEncoder
from vecsearch.evaluation.intervals import class_intervals, mean_intervals
from vecsearch.evaluation.paired import corrected, difference
from vecsearch.evaluation.result import joined
from vecsearch.evaluation.splitting import deal
from vecsearch.evaluation.trec import in_one_word, read_qrels
from vecsearch.images import ImageFolder, scan


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(4)


def folder(*sizes: int) -> ImageFolder:
    """Made-up images: so many of each class, and two without a label."""
    names = [f"{chr(97 + at)}/{row}.png" for at, size in enumerate(sizes) for row in range(size)]
    labels = {name: name[0] for name in names}
    return ImageFolder(Path("/photos"), ["0.png", "1.png", *names], labels, ())


def test_folds_are_asked_about_once_each() -> None:
    images = folder(7, 10, 3)
    dealt = deal(images, "kfold", holdout=0.2, folds=5, seed=1)
    assert len(dealt.splits) == 5
    asked = [path for split in dealt.splits for path in split.queries]
    assert sorted(asked) == [f"/photos/{path}" for path in images.paths if path in images.labels]
    for split in dealt.splits:
        assert set(split.learned) == set(split.gallery)
        assert not set(split.gallery) & set(split.queries)
        assert len({*split.gallery, *split.queries}) == 22
        counts = [sum(f"/{name}/" in path for path in split.queries) for name in "abc"]
        assert all(
            abs(count - size / 5) < 1 for count, size in zip(counts, (7, 10, 3), strict=True)
        )
    assert dealt == deal(images, "kfold", holdout=0.2, folds=5, seed=1)
    assert dealt != deal(images, "kfold", holdout=0.2, folds=5, seed=2)


def test_nothing_is_learned_of_the_classes_that_are_asked_about() -> None:
    images = folder(3, 3, 3, 3, 3)
    dealt = deal(images, "unseen", holdout=0.2, folds=2, seed=1)
    assert sum(len(split.queries) for split in dealt.splits) == 15
    for split in dealt.splits:
        assert split.gallery == split.queries
        learned, asked = ({path[8] for path in part} for part in (split.learned, split.queries))
        assert not learned & asked
        assert len({*split.learned, *split.queries}) == 17
    with pytest.raises(InvalidArgument, match="5 classes cannot be dealt into 3 folds"):
        deal(images, "unseen", holdout=0.2, folds=3, seed=1)
    with pytest.raises(InvalidArgument, match="2 folds or more"):
        deal(images, "kfold", holdout=0.2, folds=1, seed=1)
    one = ImageFolder(Path("/photos"), ["a/0.png"], {"a/0.png": "a"}, ())
    with pytest.raises(InvalidArgument, match="The only image in /photos"):
        deal(one, "kfold", holdout=0.2, folds=5, seed=1)
    with pytest.raises(InvalidArgument, match="No class in /photos has two images"):
        deal(folder(1, 1), "holdout", holdout=0.2, folds=5, seed=1)


def table(path: Path, *rows: str) -> Path:
    path.write_text("path,label,split,is_query,is_gallery,category\n" + "\n".join(rows) + "\n")
    return path


def test_a_table_deals_as_it_says(tmp_path: Path) -> None:
    images = folder(4)
    given = table(
        tmp_path / "deal.csv",
        "a/0.png,x,train,,,one",
        "a/1.png,x,validation,True,True,one",
        "./a/2.png,y,validation,false,1,two",
        "0.png,y,validation,1,0,two",
    )
    dealt = deal(images, given, holdout=0.2, folds=5, seed=0)
    (split,) = dealt.splits
    assert split.learned == ["/photos/a/0.png"]
    assert split.gallery == ["/photos/a/1.png", "/photos/a/2.png"]
    assert split.queries == ["/photos/a/1.png", "/photos/0.png"]
    assert dealt.labels["/photos/0.png"] == "y"
    assert dealt.categories["/photos/0.png"] == "two"


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("b/0.png,x,train,,,", "line 2: there is no image 'b/0.png'"),
        ("a/0.png,,train,,,", "no label or no split"),
        ("a/0.png,x,validation,maybe,1,", "'maybe' is neither true nor false"),
        ("a/0.png,x,train,,,", "has no gallery"),
        ("a/0.png,x,trian,,,", "line 2: 'trian' is no split: train, validation, val, test"),
        ("a/0.png,x,test,1,0,", "has no gallery"),
        ("a/0.png,x,test,0,1,", "has no queries"),
    ],
)
def test_a_table_that_deals_nothing(tmp_path: Path, row: str, message: str) -> None:
    given = table(tmp_path / "deal.csv", row)
    with pytest.raises(InvalidArgument, match=message):
        deal(folder(2), given, holdout=0.2, folds=5, seed=0)


def test_a_table_names_each_image_once(tmp_path: Path) -> None:
    given = table(tmp_path / "deal.csv", "a/0.png,x,train,,,", "./a/0.png,y,test,1,1,")
    with pytest.raises(InvalidArgument, match=r"line 3: a/0\.png is there twice"):
        deal(folder(2), given, holdout=0.2, folds=5, seed=0)


def test_nothing_is_learned_from_what_is_asked_with(
    small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Queries may lie among the images of the gallery."""
    photos = shutil.copytree(small / "train", tmp_path / "photos")
    (photos / "bag" / "broken.png").write_bytes(b"nothing")
    learned: list[int] = []
    fit = LDAEncoder.fit

    def noted(self: Any, images: Any, labels: Any = None) -> Any:
        learned.append(len(images))
        return fit(self, images, labels)

    monkeypatch.setattr(LDAEncoder, "fit", noted)
    shutil.copytree(small / "test", photos / "asked")
    caplog.set_level("INFO")
    compare(photos, photos / "asked", encoders=["lda"], metrics=["cosine"], size=(8, 8), jobs=1)
    assert learned == [30]
    assert "broken.png" in caplog.text
    with pytest.raises(InvalidArgument, match="lda would have nothing to learn from: all images"):
        compare(photos, photos, encoders=["lda"], size=(8, 8), jobs=1)
    names = [f"bag/{path.name}" for path in (small / "train" / "bag").iterdir()]
    rows = [f"{name},bag,test,{at % 2},{1 - at % 2}," for at, name in enumerate(names)]
    dealt = table(tmp_path / "deal.csv", *rows)
    with pytest.raises(InvalidArgument, match=r"no row of .*deal\.csv is of the split train"):
        compare(small / "train", protocol=dealt, encoders=["lda"], size=(8, 8), jobs=1)


def test_a_ranking_that_is_refused_replaces_none(tmp_path: Path) -> None:
    vectors = np.eye(4, dtype=np.float32)
    gallery = Labelled(vectors, list("abcd"), list("xxyy"))
    queries = Labelled(vectors[:1], ["q"], ["z"])
    (tmp_path / "good.run").write_text("as it was")
    with pytest.raises(InvalidArgument, match="Nothing in the gallery is relevant"):
        evaluate_vectors(gallery, queries, run=tmp_path / "good.run")
    assert (tmp_path / "good.run").read_text() == "as it was"
    assert [path.name for path in tmp_path.iterdir()] == ["good.run"]
    # Labels are the reason only where they say what is relevant.
    with pytest.raises(
        InvalidArgument, match=r"Nothing in the gallery is relevant to any query\.$"
    ):
        evaluate_vectors(gallery, queries, qrels={"q": {"lost": 1}})


def test_what_there_is_not(sample: Path) -> None:
    with pytest.raises(InvalidArgument, match="'ranking' is no task"):
        measure_names(task="ranking")  # type: ignore[arg-type]
    some = Labelled(np.eye(2), ["a", "b"], ["x", "x"])
    for more in ({"names": ["a"]}, {"categories": ["small", "large", "huge"]}):
        with pytest.raises(InvalidArgument, match=r"There are 2 queries, but [13] names or"):
            evaluate_vectors(some, some, **more)  # type: ignore[arg-type]
    for none in ({"encoders": []}, {"metrics": []}):
        with pytest.raises(InvalidArgument, match="Name an encoder and a metric"):
            compare(sample / "test", **none)  # type: ignore[arg-type]


def test_no_such_protocol() -> None:
    with pytest.raises(InvalidArgument, match="'loo' is no protocol: holdout, kfold, unseen, or a"):
        deal(folder(2), "loo", holdout=0.2, folds=5, seed=0)


@pytest.mark.parametrize("protocol", ["kfold", "unseen"])
def test_folds_together_are_each_alone(sample: Path, protocol: str) -> None:
    """Each query's values are those of its own fold, worked out by hand with pixels."""
    (line,) = compare(
        sample / "test",
        encoders=["pixels"],
        metrics=["euclidean"],
        size=(8, 8),
        color="grey",
        protocol=protocol,
        folds=4,
        jobs=1,
    )
    dealt = deal(scan(sample / "test"), protocol, holdout=0.2, folds=4, seed=0)
    columns = line.evaluation.per_query
    assert line.evaluation.queries == 1000 == len(set(columns["id"]))
    whole = _pixels(sample / "test")
    for split in dealt.splits:
        part = evaluate_vectors(*(_part(whole, names) for names in (split.gallery, split.queries)))
        at = [columns["id"].index(name) for name in part.per_query["id"]]  # type: ignore[union-attr]
        for name in ("map", "precision@10", "ndcg@5"):
            np.testing.assert_allclose(
                np.asarray(columns[name])[at], part.per_query[name], rtol=1e-9
            )


def _pixels(path: Path) -> Labelled:
    from vecsearch.encoding import read_folder
    from vecsearch.images import Preprocess

    found = scan(path)
    look = Preprocess((8, 8), "stretch", "grey")
    batches = list(read_folder(found, found.paths, look, 1, None))
    pixels = np.concatenate([batch.pixels for batch in batches])
    names = [file.path for batch in batches for file in batch.files]
    vectors = pixels.reshape(len(pixels), -1).astype(np.float32) * np.float32(1 / 255)
    return Labelled(
        vectors, [str(path.resolve() / one) for one in names], [found.labels[one] for one in names]
    )


def _part(whole: Labelled, names: Any) -> Labelled:
    row_of = {name: row for row, name in enumerate(whole.ids)}
    return whole.part([row_of[name] for name in names])


def test_categories_have_figures_of_their_own(sample: Path, tmp_path: Path) -> None:
    kinds = {"bag": "things", "sneaker": "shoes", "sandal": "shoes"}
    rows = []
    for name, kind in kinds.items():
        for at, path in enumerate(sorted((sample / "test" / name).iterdir())[:20]):
            part = "train,," if at < 8 else f"validation,{at % 2},{1 - at % 2}"
            rows.append(f"{name}/{path.name},{name},{part},{kind}")
    given = table(tmp_path / "deal.csv", *rows)
    first, second = compare(
        sample / "test", encoders=["lda"], size=(8, 8), color="grey", protocol=given, jobs=1
    )
    found = first.evaluation
    assert (found.queries, found.gallery) == (18, 18)
    assert {name: row["queries"] for name, row in found.per_category.items()} == {
        "shoes": 12, "things": 6,
    }  # fmt: skip
    columns = found.per_query
    shoes = np.array(columns["category"]) == "shoes"
    assert found.per_category["shoes"]["map"] == pytest.approx(
        np.asarray(columns["map"])[shoes].mean()
    )
    right = np.array(columns["knn"]) == np.array(columns["label"])
    assert found.per_category["shoes"]["accuracy"] == pytest.approx(right[shoes].mean())
    assert {one.measure for line in (first, second) for one in line.differences} == {
        "map", "accuracy",
    }  # fmt: skip


def test_intervals_are_those_of_scipy(rng: np.random.Generator) -> None:
    values = rng.beta(2, 5, 300)
    low, high = mean_intervals({"map": values})["map"]
    theirs = stats.bootstrap(
        (values,), np.mean, method="percentile", n_resamples=9999, rng=np.random.default_rng(0)
    ).confidence_interval
    assert (low, high) == pytest.approx((theirs.low, theirs.high), abs=0.002)
    assert mean_intervals({}) == {}


def test_intervals_of_classes(rng: np.random.Generator) -> None:
    true = rng.choice(["a", "b", "c"], 200).tolist()
    said = [one if rng.random() < 0.8 else "a" for one in true]
    found = class_intervals(true, said)
    right = np.array([one == other for one, other in zip(true, said, strict=True)], float)
    assert found["accuracy"] == pytest.approx(mean_intervals({"x": right})["x"], abs=1e-12)
    from sklearn.metrics import f1_score

    drawn = []
    generator = np.random.default_rng(0)
    for _ in range(1000):
        rows = generator.integers(0, 200, 200)
        drawn.append(f1_score(np.array(true)[rows], np.array(said)[rows], average="macro"))
    assert found["macro_f1"] == pytest.approx(tuple(np.quantile(drawn, [0.025, 0.975])), abs=1e-9)


def test_differences_are_told_from_noise(rng: np.random.Generator) -> None:
    base = rng.random(40)
    better = difference("map", base + 0.1 + 0.01 * rng.random(40), base)
    assert better.value == pytest.approx(0.105, abs=0.003)
    # Smaller than 9,999 drawings can show; of 40 signs all alike it is 2 in 2⁴⁰ at least.
    assert better.p == 2.0**-39
    assert difference("map", base + 0.1, base).p == 2.0**-39
    assert corrected([better.p], 1000)[0] < 0.05
    some = rng.normal(0.06, 0.05, 40)
    assert difference("map", some, np.zeros(40)).p == stats.ttest_1samp(some, 0).pvalue
    noise = rng.normal(size=40) / 100
    same = difference("map", base + noise, base)
    theirs = stats.ttest_1samp(noise, 0).pvalue
    assert same.p == pytest.approx(theirs, abs=0.03)
    assert difference("map", base, base).p == 1
    many = rng.normal(0.001, 0.1, 5000)
    assert difference("map", many, np.zeros(5000)).p == stats.ttest_1samp(many, 0).pvalue
    assert corrected([0.04, 0.01, 0.03]) == pytest.approx([0.06, 0.03, 0.06])
    assert corrected([]) == []


@pytest.fixture
def graded(
    tmp_path: Path, rng: np.random.Generator
) -> tuple[Collection, Path, dict[str, dict[str, int]]]:
    """40 items, judged from −1 to 3 for 12 of them as queries; names have spaces."""
    vectors = rng.normal(size=(40, 5))
    ids = [f"shelf {row % 3}/book%20{row}.png" for row in range(40)]
    books = Collection.from_vectors(vectors, ids)
    judged = {
        query: {
            ids[row]: int(grade)
            for row, grade in zip(rng.permutation(40)[:15], rng.integers(-1, 4, 15), strict=True)
            if ids[row] != query
        }
        for query in ids[:12]
    }
    lines = [
        f"{in_one_word(query)} 0 {in_one_word(item)} {grade}"
        for query, items in judged.items()
        for item, grade in items.items()
    ]
    path = tmp_path / "books.qrels"
    path.write_text("\n".join(lines) + "\n\n")
    return books, path, judged


def test_a_k_beyond_all_items_takes_no_memory(
    graded: tuple[Collection, Path, dict[str, dict[str, int]]],
) -> None:
    books, qrels, _ = graded
    found = evaluate(books, leave_one_out=True, qrels=qrels, ks=[39, 10**9]).measures
    assert found["ndcg@1000000000"] == found["ndcg@39"]


def test_judgements_and_runs_are_those_of_trec_eval(
    graded: tuple[Collection, Path, dict[str, dict[str, int]]], tmp_path: Path
) -> None:
    books, qrels, judged = graded
    assert read_qrels(qrels) == judged
    run = tmp_path / "books.run"
    found = evaluate(books, leave_one_out=True, qrels=qrels, run=run, ks=[1, 5, 10])
    ranked: dict[str, dict[str, float]] = {}
    for line in run.read_text().splitlines():
        query, _, item, _, score, _ = line.split()
        ranked.setdefault(query, {})[item] = float(score)
    assert {len(items) for items in ranked.values()} == {39}
    names = {
        "map": "map", "Rprec": "r_precision", "recip_rank": "mrr",
        **{f"P_{k}": f"precision@{k}" for k in (1, 5, 10)},
        **{f"recall_{k}": f"recall@{k}" for k in (1, 5, 10)},
        **{f"success_{k}": f"hit@{k}" for k in (1, 5, 10)},
        **{f"ndcg_cut_{k}": f"ndcg@{k}" for k in (1, 5, 10)},
    }  # fmt: skip
    encoded = {
        in_one_word(query): {in_one_word(item): grade for item, grade in items.items()}
        for query, items in judged.items()
    }
    measures = {
        "map",
        "Rprec",
        "recip_rank",
        "P.1,5,10",
        "recall.1,5,10",
        "success.1,5,10",
        "ndcg_cut.1,5,10",
    }
    theirs = pytrec_eval.RelevanceEvaluator(encoded, measures).evaluate(ranked)
    assert len(theirs) == 12
    for at, query in enumerate(found.per_query["id"]):
        for name, ours in names.items():
            if in_one_word(str(query)) in theirs:
                expected = theirs[in_one_word(str(query))][name]
                assert found.per_query[ours][at] == pytest.approx(expected, abs=1e-6), (query, name)
            else:
                assert found.per_query["relevant"][at] == 0
    assert found.unmatched == 40 - sum(max(items.values()) > 0 for items in judged.values())
    assert found.knn is None
    with pytest.raises(InvalidArgument, match="not what is of which class"):
        evaluate(books, leave_one_out=True, qrels=qrels, task="both")


def test_judged_items_that_are_not_there_are_told(
    graded: tuple[Collection, Path, Any], caplog: pytest.LogCaptureFixture
) -> None:
    books, qrels, _ = graded
    whole = evaluate(books, leave_one_out=True, qrels=qrels).measures
    assert not caplog.records
    query = qrels.read_text().split()[0]
    qrels.write_text(f"{qrels.read_text()}{query} 0 lost.png 1\n{query} 0 other.png 0\n")
    assert evaluate(books, leave_one_out=True, qrels=qrels).measures == whole
    assert "relevant, 1 are not in the gallery ('lost.png' and so on)" in caplog.text


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a 0 b", "line 1: a judgement is 'QUERY 0 ITEM GRADE', not 'a 0 b'"),
        ("a 0 b 1\nc 0 d high", "line 2"),
        ("", "holds no judgements"),
        ("x 0 y 1", "None of the queries was judged: they are called 'shelf 0/book%200.png'"),
    ],
)
def test_files_that_judge_nothing(
    graded: tuple[Collection, Path, Any], tmp_path: Path, text: str, message: str
) -> None:
    path = tmp_path / "bad.qrels"
    path.write_text(text)
    with pytest.raises(InvalidArgument, match=message):
        evaluate(graded[0], leave_one_out=True, qrels=path)
    with pytest.raises(InvalidArgument, match="cannot be read"):
        read_qrels(tmp_path)
    with pytest.raises(InvalidArgument, match="cannot be written"):
        evaluate(graded[0], leave_one_out=True, qrels=graded[1], run=tmp_path)


def test_judgements_of_query_files(vecsearch: Callable[..., Any], tmp_path: Path) -> None:
    index = tmp_path / "index"
    Collection.build(PHOTOS, index, encoder="pixels", size=(8, 8))
    qrels = tmp_path / "photos.qrels"
    qrels.write_text("alpha.png 0 cat/plain.jpg 2\nalpha.png 0 dog/cmyk.jpg 1\n")
    run = vecsearch(
        "evaluate", index, PHOTOS / "cat", "--qrels", qrels, "--run", tmp_path / "out.run",
        "--format", "csv",
    )  # fmt: skip
    assert run.returncode == 0, run.stderr
    rows = list(csv.DictReader(run.stdout.splitlines()))
    assert list(rows[0]) == ["measure", "value", "low", "high"]
    first = (tmp_path / "out.run").read_text().splitlines()[0].split()
    assert first[:2] + first[3:] == ["alpha.png", "Q0", "1", "1.000000000", "vecsearch"]
    unjudged = len(list((PHOTOS / "cat").iterdir())) - 1
    assert f"For {unjudged} queries nothing in the gallery is relevant." in run.stderr


def test_joined_parts_are_the_whole(rng: np.random.Generator) -> None:
    vectors = rng.normal(size=(60, 4)).astype(np.float32)
    labels = rng.choice(["a", "b", "c"], 60).tolist()
    whole = Labelled(vectors, [str(row) for row in range(60)], labels)
    gallery, queries = whole.part(range(30)), whole.part(range(30, 60))
    expected = evaluate_vectors(gallery, queries)
    found = joined(
        [evaluate_vectors(gallery, queries.part(rows)) for rows in (range(10), range(10, 30))]
    )
    assert found.to_json() == expected.to_json()


def test_a_single_query_can_be_compared(tmp_path: Path, small: Path) -> None:
    bags = sorted((small / "train" / "bag").iterdir())
    for name, path in (("bag/0", bags[0]), ("bag/1", bags[1]), ("hat/2", bags[2])):
        target = tmp_path / f"{name}.png"
        target.parent.mkdir(exist_ok=True)
        target.write_bytes(path.read_bytes())
    lines = compare(tmp_path, encoders=["pixels", "pca=1"], size=(8, 8), jobs=1)
    assert {line.evaluation.queries for line in lines} == {1}
    assert {one.p for line in lines for one in line.differences} == {1.0}


def test_folds_that_have_nothing_to_find(tmp_path: Path, small: Path) -> None:
    bags = sorted((small / "train" / "bag").iterdir())
    for at, name in enumerate(("a", "b", "c", "d", "d", "d")):
        (tmp_path / name).mkdir(exist_ok=True)
        (tmp_path / name / f"{at}.png").write_bytes(bags[at].read_bytes())
    (line,) = compare(
        tmp_path, encoders=["pixels"], metrics=["cosine"], size=(8, 8), protocol="kfold", jobs=1
    )
    assert (line.evaluation.queries, line.evaluation.unmatched) == (6, 3)
    for path in [*tmp_path.rglob("*.png")]:
        path.rename(tmp_path / path.name)
    with pytest.raises(InvalidArgument, match="has a label, so there is nothing to deal"):
        compare(tmp_path, encoders=["pixels"], protocol="kfold")
    with pytest.raises(InvalidArgument, match="has a label"):
        compare(tmp_path, encoders=["pixels"])


def test_files_with_a_mark_before_them(tmp_path: Path) -> None:
    path = tmp_path / "marked.qrels"
    path.write_bytes(b"\xef\xbb\xbfa 0 b 1\n")
    assert read_qrels(path) == {"a": {"b": 1}}
