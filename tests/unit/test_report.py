"""The page of a report: what it shows, and that it needs nothing and nobody."""

import base64
import importlib.metadata
import importlib.util
import json
import os
import re
import shutil
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from vecsearch import Collection, calibrate, evaluate, evaluate_vectors, write_report
from vecsearch.evaluation.asking import Labelled
from vecsearch.evaluation.details import LEVEL, _drawn
from vecsearch.types import Metric


class Page(HTMLParser):
    """What a page is made of."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        if data.strip():
            self.texts.append(data.strip())


@pytest.fixture(scope="module")
def hostile(small: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Images whose class is called like a piece of a page."""
    folder = tmp_path_factory.mktemp("hostile") / "images"
    for split in ("train", "test"):
        shutil.copytree(small / split, folder / split)
        (folder / split / "bag").rename(folder / split / "<img src=x onerror=alert(1)> $x_$")
    (folder / "train" / "sneaker" / "bad.png").write_bytes(b"nothing")
    (folder / "test" / "sneaker" / "<b>bad.png").write_bytes(b"nothing")
    return folder


@pytest.fixture(scope="module")
def report(hostile: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("report")
    clothes = Collection.build(
        hostile / "train", folder / "index", dim=8, size=(28, 28), color="grey"
    )
    calibrate(clothes, far=0.1)
    result = evaluate(clothes, hostile / "test", audited=True, detailed=True)
    names = [path.name for path in write_report(result, folder / "report")]
    assert names[-1] == "report.html"
    return folder / "report"


def test_the_page_needs_nothing_but_itself(report: Path) -> None:
    text = (report / "report.html").read_text()
    page = Page(text)
    for tag, attributes in page.tags:
        assert tag not in ("link", "iframe", "object", "embed")
        for name in ("src", "href", "srcset", "action"):
            value = attributes.get(name)
            assert value is None or value.startswith(("data:image/", "#")), (tag, value)
    assert "http:" not in text
    assert "https:" not in text
    (policy,) = [
        str(attributes["content"])
        for tag, attributes in page.tags
        if attributes.get("http-equiv") == "Content-Security-Policy"
    ]
    assert policy.startswith("default-src 'none'; img-src data:;")
    assert len(text) < 5_000_000


def test_names_are_text_whatever_they_say(report: Path) -> None:
    page = Page((report / "report.html").read_text())
    assert "<img src=x onerror=alert(1)> $x_$" in page.texts
    assert not [1 for _, attributes in page.tags if "onerror" in attributes]
    assert any("<b>bad.png" in text for text in page.texts)


def test_every_picture_is_one(report: Path) -> None:
    page = Page((report / "report.html").read_text())
    kinds = []
    for tag, attributes in page.tags:
        if tag == "img":
            head, data = str(attributes["src"]).split(",")
            kinds.append(head)
            content = base64.b64decode(data, validate=True)
            if "svg" in head:
                assert content.startswith(b"<?xml")
                assert b"<script" not in content
    # Two confusions, precision, recall, distances, variance; a map; ten worst and ten best
    # queries, each with eight hits.
    assert kinds.count("data:image/svg+xml;base64") == 6
    assert kinds.count("data:image/png;base64") == 1
    assert kinds.count("data:image/jpeg;base64") == 20 * 9


def test_it_says_what_was_measured_and_how(report: Path) -> None:
    told = json.loads((report / "report.json").read_text())
    page = Page((report / "report.html").read_text())
    for name, value in told["measures"].items():
        at = page.texts.index(name, page.texts.index("All measures, with 95 % intervals"))
        low, high = told["intervals"][name]
        assert page.texts[at + 1 : at + 4] == [f"{one:.4f}" for one in (value, low, high)]
    for text in ("collection · encoder · name", "collection · encoder · fingerprint", "vecsearch",
                 "faiss-cpu", "intervals", "made"):  # fmt: skip
        assert text in page.texts
    assert told["settings"]["collection"]["encoder"]["name"] == "pca"
    assert told["settings"]["metric"] == "euclidean"
    for heading in ("By class", "Mistakes", "Curves", "The worst queries", "The best queries",
                    "Twins and suspects", "Files that were left out", "Settings"):  # fmt: skip
        assert heading in page.texts


def test_names_that_are_no_text_and_packages_that_are_not_there(
    small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    queries = shutil.copytree(small / "test", tmp_path / "test")
    with open(os.fsencode(queries) + b"/bag/caf\xe9.png", "wb") as file:
        file.write(b"nothing")

    def version(name: str) -> str:
        if name == "faiss-cpu":
            raise importlib.metadata.PackageNotFoundError(name)
        return importlib.metadata.version(name)

    monkeypatch.setattr("vecsearch.evaluation.page.version", version)
    clothes = Collection.build(small / "train", tmp_path / "index", size=(8, 8))
    result = evaluate(clothes, queries, detailed=True)
    write_report(result, tmp_path / "report")
    page = (tmp_path / "report" / "report.html").read_text()
    assert r"caf\udce9.png" in page
    assert "faiss-cpu" not in page


def test_a_report_that_cannot_be_made_leaves_the_last(
    small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clothes = Collection.build(small / "train", tmp_path / "index", size=(8, 8))
    result = evaluate(clothes, small / "test", detailed=True)
    write_report(result, tmp_path / "report")
    before = {path.name: path.read_bytes() for path in (tmp_path / "report").iterdir()}

    def stop(*_: object) -> str:
        raise KeyboardInterrupt

    monkeypatch.setattr("vecsearch.evaluation.page.render", stop)
    with pytest.raises(KeyboardInterrupt):
        write_report(result, tmp_path / "report")
    assert {path.name: path.read_bytes() for path in (tmp_path / "report").iterdir()} == before


def test_without_labels_there_are_no_classes(tmp_path: Path) -> None:
    vectors = np.random.default_rng(0).normal(size=(30, 4))
    books = Collection.from_vectors(vectors, labels=list("ab") * 15)
    qrels = tmp_path / "qrels"
    qrels.write_text("0 0 1 2\n0 0 2 1\n3 0 4 1\n")
    result = evaluate(books, leave_one_out=True, qrels=qrels, detailed=True)
    write_report(result, tmp_path / "report")
    page = Page((tmp_path / "report" / "report.html").read_text())
    assert "By class" not in page.texts
    assert "The worst queries" in page.texts
    only = evaluate(books, leave_one_out=True, task="classification", detailed=True)
    write_report(only, tmp_path / "report")
    assert "By class" in Page((tmp_path / "report" / "report.html").read_text()).texts


def test_without_matplotlib_there_is_no_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    books = Collection.from_vectors([[0.0], [1], [5], [6]], labels=list("aabb"))
    result = evaluate(books, leave_one_out=True, detailed=True)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with caplog.at_level("INFO", "vecsearch"):
        names = [path.name for path in write_report(result, tmp_path)]
    assert "report.html" not in names
    assert "pip install 'vecsearch[plot]'" in caplog.text


def test_curves_are_those_of_trec_eval() -> None:
    """Interpolated precision at recall 0, 0.1 … 1, and recall at k, by the program itself."""
    import pytrec_eval

    rng = np.random.default_rng(3)
    whole = Labelled(
        rng.normal(size=(80, 3)).astype(np.float32),
        [f"i{row}" for row in range(80)],
        rng.choice(["a", "b", "c"], 80).tolist(),
    )
    gallery, queries = whole.part(range(60)), whole.part(range(60, 80))
    found = evaluate_vectors(gallery, queries, detailed=True).details
    assert found is not None
    judged = {
        name: {
            item: int(label == other)
            for item, other in zip(gallery.ids, gallery.labels, strict=True)
        }
        for name, label in zip(queries.ids, queries.labels, strict=True)
    }
    apart = np.linalg.norm(queries.vectors[:, None] - gallery.vectors[None], axis=2)
    run = {
        name: {item: float(-value) for item, value in zip(gallery.ids, row, strict=True)}
        for name, row in zip(queries.ids, apart, strict=True)
    }
    wanted = {"iprec_at_recall", f"recall.{','.join(map(str, found.ks))}"}
    theirs = pytrec_eval.RelevanceEvaluator(judged, wanted).evaluate(run)
    for level in range(0, 101, 10):
        assert LEVEL[level] == pytest.approx(level / 100)
        name = f"iprec_at_recall_{level / 100:.2f}"
        expected = np.mean([row[name] for row in theirs.values()])
        assert found.precision[level] == pytest.approx(expected, abs=1e-6), level
    assert (found.ks[0], found.ks[-1]) == (1, 60)
    assert found.recall[-1] == 1
    for k, ours in zip(found.ks, found.recall, strict=True):
        assert ours == pytest.approx(np.mean([row[f"recall_{k}"] for row in theirs.values()])), k
    for query, row in enumerate(apart):
        assert found.hits[query].tolist() == np.argsort(row)[:10].tolist()
        np.testing.assert_allclose(found.distances_of(query), np.sort(row)[:10], rtol=1e-5)


def test_distances_are_of_pairs_that_were_drawn() -> None:
    vectors = np.array([[0.0], [1], [10], [12]], np.float32)
    whole = Labelled(vectors, list("0123"), list("aabb"))
    found = evaluate_vectors(whole, whole, detailed=True).details
    assert found is not None
    assert set(found.same.tolist()) == {1.0, 2.0}
    assert set(found.different.tolist()) == {9.0, 10.0, 11.0, 12.0}
    some = Labelled(vectors, list("0123"), ["a", "a", None, None])
    found = _drawn(some, some, Metric.EUCLIDEAN, np.random.default_rng(0))
    assert (set(found[0].tolist()), found[1].tolist()) == ({1.0}, [])


def test_the_command(vecsearch: Callable[..., Any], small: Path, tmp_path: Path) -> None:
    index = tmp_path / "index"
    Collection.build(small / "train", index, encoder="pixels", size=(28, 28), color="grey")
    run = vecsearch("evaluate", index, small / "test", "--report", tmp_path / "report")
    assert run.returncode == 0, run.stderr
    assert re.search(r"The report: open .*report\.html", run.stderr)
    assert (tmp_path / "report" / "report.html").is_file()


def test_a_report_takes_the_place_of_an_earlier_one(tmp_path: Path) -> None:
    books = Collection.from_vectors([[0.0], [1], [5], [6]], labels=list("aabb"))
    write_report(evaluate(books, leave_one_out=True, detailed=True), tmp_path)
    (tmp_path / "mine.txt").write_text("kept")
    write_report(evaluate(books, leave_one_out=True, task="retrieval"), tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "mine.txt", "queries.csv", "report.json",
    ]  # fmt: skip
