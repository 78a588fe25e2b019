"""What an audit must find: duplicates by hash and by sight, and labels that are wrong."""

import hashlib
import json
import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from vecsearch import Collection, InvalidArgument, Labelled, Metric, evaluate
from vecsearch.evaluation.audit import audit


@pytest.mark.slow
@pytest.mark.parametrize("encoder", ["pca", "lda", "pixels"])
def test_the_duplicates_of_animals22(
    data: Callable[[str], Path], tmp_path: Path, encoder: str
) -> None:
    """58 files are there twice, 2 of them in two classes; 84 pairs look the same."""
    images = data("animals22") / "images"
    by_hash = Counter(hashlib.sha256(path.read_bytes()).digest() for path in images.rglob("*.jpg"))
    assert sum(count - 1 for count in by_hash.values()) == 58
    animals = Collection.build(images, tmp_path / "animals", encoder=encoder)
    found = evaluate(animals, leave_one_out=True, ks=[1], audited=True)
    assert found.audit is not None
    twins = found.audit.twins
    same = [one for one in twins if one.same_file]
    assert len(same) == 58
    assert {(one.query, one.item) for one in twins if one.contradict} == {
        ("deer/deer_30.jpg", "bison/bison_45.jpg"),
        ("wolf/wolf_32.jpg", "dog/dog_46.jpg"),
    }
    assert len(twins) == 84
    for one in twins:  # all of them are the same to a perceptual hash, too
        assert (dhash(images / one.query) != dhash(images / one.item)).sum() <= 3
    flattered = found.measures["precision@1"] - found.audit.without_twins["precision@1"]
    assert flattered > 0.03


def dhash(path: Path) -> Any:
    with Image.open(path) as image:
        small = np.asarray(image.convert("L").resize((9, 8)), int)
    return (small[:, 1:] > small[:, :-1]).ravel()


def test_leaks_between_queries_and_gallery(
    small: Path, tmp_path: Path, vecsearch: Callable[..., Any]
) -> None:
    gallery, queries = tmp_path / "gallery", tmp_path / "queries"
    shutil.copytree(small / "train", gallery)
    shutil.copytree(small / "test", queries)
    bags = sorted((gallery / "bag").iterdir())
    shutil.copy(bags[0], queries / "sneaker" / "copy.png")
    with Image.open(bags[1]) as image:
        image.convert("L").point(lambda value: value // 2 * 2).save(queries / "bag" / "nearly.png")
    # An item that happens to be called like a query is another thing.
    (queries / "trouser" / bags[3].name).write_bytes(
        sorted((queries / "trouser").iterdir())[0].read_bytes()
    )
    index = tmp_path / "index"
    Collection.build(gallery, index, encoder="pixels", size=(28, 28), color="grey")
    run = vecsearch("evaluate", index, queries, "--audit", "-k", 1)
    assert run.returncode == 0, run.stderr
    told = json.loads(run.stdout)["audit"]
    assert [(one["query"], one["item"], one["same_file"]) for one in told["twins"]] == [
        ("sneaker/copy.png", f"bag/{bags[0].name}", True),
        ("bag/nearly.png", f"bag/{bags[1].name}", False),
    ]
    assert told["contradicting"] == 1
    # 18 queries, of which two go.
    with_all = json.loads(vecsearch("evaluate", index, queries, "-k", 1).stdout)
    assert with_all["queries"] == 18
    for name in ("copy", "nearly"):
        next(queries.rglob(f"{name}.png")).unlink()
    less = json.loads(vecsearch("evaluate", index, queries, "-k", 1).stdout)
    assert told["measures_without_twins"] == less["measures"]
    table = vecsearch("evaluate", index, small / "test", "--audit", "--format", "table").stdout
    assert "0 twins, 0 of them the same file, 0 with two labels" in table


def test_labels_that_were_changed_are_suspected(sample: Path, tmp_path: Path) -> None:
    """Of 50 labels of 2,000 that were set wrong, most are found, and few others."""
    images = tmp_path / "images"
    shutil.copytree(sample / "train", images)
    rng = np.random.default_rng(1)
    names = sorted(path.name for path in images.iterdir())
    wrong = set()
    for name in ("bag", "trouser", "ankle-boot", "dress", "sandal"):
        for path in rng.permutation(sorted((images / name).iterdir()))[:10]:
            other = rng.choice([one for one in names if one != name])
            target = images / other / f"wrong-{name}-{path.name}"
            path.rename(target)
            wrong.add(f"{other}/{target.name}")
    clothes = Collection.build(images, tmp_path / "index", dim=32, size=(28, 28), color="grey")
    result = evaluate(clothes, leave_one_out=True, ks=[1], audited=True)
    assert result.audit is not None
    found = {one.name: one for one in result.audit.suspects}
    hits = wrong & found.keys()
    assert len(hits) >= 35
    right = [
        name for name in hits if found[name].neighbours == name.split("wrong-")[1].rsplit("-", 1)[0]
    ]
    assert len(right) >= 0.9 * len(hits)
    assert result.audit.without_suspects["accuracy"] > result.measures["accuracy"] + 0.02


def test_of_twins_among_themselves_one_stays() -> None:
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(20, 4)).astype(np.float32)
    vectors[7], vectors[12], vectors[3] = vectors[5], vectors[5], vectors[18]
    labels = ["a"] * 10 + ["b"] * 10
    labels[12] = "a"
    whole = Labelled(vectors, [f"{row:02}" for row in range(20)], labels)
    found, kept, _ = audit(whole, whole, whole.ids, Metric.EUCLIDEAN)
    assert [(one.query, one.item, one.contradict) for one in found.twins] == [
        ("07", "05", False), ("12", "05", False), ("12", "07", False), ("18", "03", True),
    ]  # fmt: skip
    # 5 stays of 5, 7 and 12; 3 and 18 contradict each other, and go.
    gone = {3, 7, 12, 18}
    assert kept.gallery == kept.queries == [row for row in range(20) if row not in gone]


def test_few_items_have_nothing_to_hide() -> None:
    one = Labelled(np.ones((1, 2), np.float32), ["0"], ["a"])
    found, kept, _ = audit(one, one, one.ids, Metric.EUCLIDEAN)
    assert (found.twins, found.suspects, kept.gallery) == ([], [], [0])


def test_a_gallery_saved_again_is_nothing_but_twins(small: Path, tmp_path: Path) -> None:
    for kind in ("bmp", "jpg"):
        copies = tmp_path / kind
        for path in (small / "train").rglob("*.png"):
            target = copies / path.parent.name / f"{path.stem}.{kind}"
            target.parent.mkdir(parents=True, exist_ok=True)
            with Image.open(path) as image:
                image.convert("L").save(target)
        clothes = Collection.build(
            small / "train", tmp_path / f"i{kind}", encoder="pixels", size=(28, 28), color="grey"
        )
        found = evaluate(clothes, copies, ks=[1], audited=True)
        assert found.audit is not None
        assert len({one.query for one in found.audit.twins}) == 30
        assert found.audit.without_twins == {}


def test_what_has_no_label_spoils_nothing() -> None:
    vectors = np.random.default_rng(0).normal(size=(30, 4))
    twice = np.concatenate([vectors, vectors])
    books = Collection.from_vectors(twice, labels=[*list("abc") * 10, *[None] * 30])
    found = evaluate(books, leave_one_out=True, ks=[1], audited=True)
    assert found.audit is not None
    assert found.audit.twins == []
    assert found.audit.without_twins == found.measures
    assert (found.queries, found.unlabelled_queries) == (30, 30)


def test_zero_vectors_are_looked_at_too() -> None:
    vectors = np.random.default_rng(0).normal(size=(30, 4))
    vectors[3] = 0
    vectors[7] = 3 * vectors[9]
    books = Collection.from_vectors(vectors, labels=list("abc") * 10)
    found = evaluate(books, leave_one_out=True, metric="cosine", ks=[1], audited=True)
    assert found.audit is not None
    (one,) = found.audit.twins
    assert (one.query, one.item, one.distance) == ("9", "7", pytest.approx(0, abs=1e-6))


def test_one_file_many_times_is_told_once_each(tmp_path: Path, small: Path) -> None:
    picture = next((small / "train" / "bag").iterdir()).read_bytes()
    for at in range(40):
        place = tmp_path / "images" / ("a" if at < 39 else "b") / f"{at:02}.png"
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(picture)
    for at, path in enumerate(sorted((small / "train" / "sneaker").iterdir())[:8]):
        shutil.copy(path, tmp_path / "images" / "b" / f"other{at}.png")
    copies = Collection.build(
        tmp_path / "images", tmp_path / "index", encoder="pixels", size=(8, 8)
    )
    found = evaluate(copies, leave_one_out=True, ks=[1], audited=True)
    assert found.audit is not None
    same = [one for one in found.audit.twins if one.same_file]
    assert len(same) <= 40 * 2  # not 780
    assert {one.query for one in same} | {one.item for one in same} == {
        f"{'a' if at < 39 else 'b'}/{at:02}.png" for at in range(40)
    }


def test_nothing_to_audit() -> None:
    plain = Collection.from_vectors(np.eye(4, dtype=np.float32))
    with pytest.raises(InvalidArgument, match="Nothing in the gallery has a label"):
        evaluate(plain, leave_one_out=True, audited=True)
