"""classify and calibrate, as a user runs them: on faces of people, some of them strangers."""

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import PROJECT
from PIL import Image

from vecsearch import (
    Classifier,
    Collection,
    DamagedCollection,
    InvalidArgument,
    Labelled,
    calibrate,
    classify,
    draw_calibration,
)
from vecsearch.classification import Rule
from vecsearch.evaluation.asking import gallery_of
from vecsearch.evaluation.calibration import calibrate_vectors

Command = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def faces(data: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """20 people enrolled with 5 images; their 5 others, and 10 strangers with 10 each."""
    images = data("faces_orl") / "images"
    root = tmp_path_factory.mktemp("faces")
    people = sorted(path.name for path in images.iterdir() if path.is_dir())
    assert len(people) == 40
    for number, person in enumerate(people[:30]):
        for at, path in enumerate(sorted((images / person).iterdir())):
            part = "strangers" if number >= 20 else "enrolled" if at < 5 else "others"
            (root / part / person).mkdir(parents=True, exist_ok=True)
            shutil.copy(path, root / part / person)
    return {name: root / name for name in ("enrolled", "others", "strangers")}


@pytest.fixture
def friends(faces: dict[str, Path], tmp_path: Path) -> Collection:
    return Collection.build(
        faces["enrolled"], tmp_path / "friends", encoder="pixels", size=(23, 28), color="grey"
    )


def lines(run: subprocess.CompletedProcess[str], code: int = 0) -> list[dict[str, Any]]:
    assert run.returncode == code, run.stderr
    assert "Traceback" not in run.stderr
    return [json.loads(line) for line in run.stdout.splitlines()]


def test_one_image_a_folder_and_stdin(
    vecsearch: Command, friends: Collection, faces: dict[str, Path]
) -> None:
    image = sorted((faces["others"] / "s03").iterdir())[0]
    (told,) = lines(vecsearch("classify", friends.path, image, "-k", 3))
    assert list(told) == [
        "query", "label", "confidence", "distance", "method", "neighbours", "nearest",
    ]  # fmt: skip
    hits = friends.query_one(image, 3)
    assert [one["id"] for one in told["neighbours"]] == [hit.item.id for hit in hits]
    own = [hit.distance for hit in hits if hit.item.label == told["label"]]
    assert told["distance"] == pytest.approx(min(own))
    assert told["confidence"] == len(own) / 3
    assert (told["query"], told["method"]) == (str(image), "knn")
    folder = lines(vecsearch("classify", friends.path, faces["others"] / "s03", "-k", 3))
    assert len(folder) == 5
    assert folder[0] == {**told, "distance": pytest.approx(told["distance"])}
    piped = lines(vecsearch("classify", friends.path, "-", "-k", 3, stdin=f"{image}\n"))
    assert piped == [told]
    (central,) = lines(vecsearch("classify", friends.path, image, "--method", "centroid"))
    assert central["method"] == "centroid"
    assert len(central["neighbours"]) == 5
    table = vecsearch("classify", friends.path, image, "--format", "csv").stdout.splitlines()
    assert table[0] == "query,label,confidence,distance,nearest"


def test_files_that_cannot_be_read(
    vecsearch: Command, friends: Collection, faces: dict[str, Path], tmp_path: Path
) -> None:
    folder = tmp_path / "mixed"
    shutil.copytree(faces["others"] / "s03", folder)
    (folder / "bad.png").write_bytes(b"no picture")
    run = vecsearch("classify", friends.path, folder)
    assert len(lines(run)) == 5
    assert "bad.png" in run.stderr
    assert len(lines(vecsearch("classify", friends.path, folder, "--strict"), 3)) == 5
    run = vecsearch("classify", friends.path, folder / "bad.png", sorted(folder.iterdir())[0])
    assert len(lines(run, 1)) == 1
    assert "1 of 2 images could not be read" in run.stderr


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["classify", "x.png", "--centroids", "2"], "--centroids does not go with --method knn"),
        (["classify", "x.png", "--center", "mean"], "--center does not go with --method knn"),
        (
            ["classify", "x.png", "--method", "centroid", "--weights", "distance"],
            "--weights does not go with --method centroid",
        ),
        (["classify", "-", "-"], "stdin can be read only once"),
        (["query", "-", "-"], "stdin can be read only once"),
        (["calibrate", "--centroids", "2"], "--centroids does not go with --method knn"),
        (
            ["calibrate", "--method", "centroid", "--weights", "uniform"],
            "--weights does not go with --method centroid",
        ),
        (
            ["calibrate", "--method", "centroid", "-k", "3"],
            "-k does not go with --method centroid",
        ),
        (["calibrate", "--labels", "folder"], "--labels is for QUERIES"),
    ],
)
def test_options_that_would_change_nothing(
    vecsearch: Command, options: list[str], message: str
) -> None:
    verb, *others = options
    run = vecsearch(verb, PROJECT / "tests" / "golden" / "v1", *others)
    assert run.returncode == 2
    assert message in " ".join(run.stderr.split())


def test_a_black_picture_under_cosine(vecsearch: Command, small: Path, tmp_path: Path) -> None:
    Collection.build(small / "train", tmp_path / "index", encoder="pixels", size=(8, 8))
    made = ("--k", 2, "--metric", "cosine", "--save", "two")
    assert vecsearch("cluster", tmp_path / "index", *made).returncode == 0
    folder = tmp_path / "new"
    shutil.copytree(small / "test" / "bag", folder)
    Image.new("RGB", (40, 40)).save(folder / "black.png")
    why = "its vector is zero: cosine cannot compare what has no direction"
    for verb, *options in (
        ["classify", "--metric", "cosine"],
        ["classify", "--metric", "cosine", "--method", "centroid"],
        ["classify", "--clusters", "two"],
    ):
        run = vecsearch(verb, tmp_path / "index", folder, *options)
        assert len(lines(run)) == 5
        assert f"{folder / 'black.png'}: {why}" in run.stderr
    for verb, *options in (
        ["classify", "--metric", "cosine"],
        ["classify", "--clusters", "two"],
        ["query", "--metric", "cosine"],
    ):
        run = vecsearch(
            verb, tmp_path / "index", *sorted(folder.iterdir())[:2], folder / "black.png", *options
        )
        assert len(lines(run, 1)) == 2
        assert f"Error: {folder / 'black.png'}: {why}" in run.stderr
    whole = vecsearch("classify", tmp_path / "index", folder, "--metric", "euclidean")
    assert len(lines(whole)) == 6


def test_strangers_are_told_from_friends(
    vecsearch: Command, friends: Collection, faces: dict[str, Path], tmp_path: Path
) -> None:
    run = vecsearch("classify", friends.path, faces["strangers"], "--reject", "auto")
    assert lines(run, 2) == []
    assert f"vecsearch calibrate {friends.path}" in run.stderr
    mixed = tmp_path / "mixed"
    shutil.copytree(faces["others"], mixed)
    for person in ("s21", "s22", "s23", "s24", "s25"):
        shutil.copytree(faces["strangers"] / person, mixed / person)
    picture = tmp_path / "roc.png"
    (told,) = lines(
        vecsearch("calibrate", friends.path, mixed, "--far", 0.1, "-k", 1, "--roc", picture)
    )
    with Image.open(picture) as image:
        assert image.size[0] > 1000
    assert (told["known"], told["strangers"], told["groups"]) == (100, 50, 5)
    assert (told["far"], told["method"], told["left_out"]) == (0.1, "knn", False)
    assert told["figures"]["far"]["value"] <= 0.1
    assert Collection.open(friends.path).calibration["knn"]["threshold"] == told["threshold"]
    answers = lines(vecsearch("classify", friends.path, mixed, "--reject", "auto"))
    # With no -k, by as many neighbours as it was calibrated with.
    assert {len(one["neighbours"]) for one in answers} == {1}
    unknown = {"s21", "s22", "s23", "s24", "s25"}
    strangers = [one for one in answers if Path(one["query"]).parent.name in unknown]
    known = [one for one in answers if one not in strangers]
    accepted = [one for one in strangers if one["label"] is not None]
    assert len(accepted) / len(strangers) == pytest.approx(told["figures"]["far"]["value"])
    refused = [one for one in known if one["label"] is None]
    assert len(refused) / len(known) == pytest.approx(told["figures"]["frr"]["value"])
    assert refused
    assert all(one["nearest"] for one in refused)
    run = vecsearch("classify", friends.path, mixed, "--reject", "auto", "-k", 3)
    assert lines(run, 2) == []
    assert "found with k 1, not 3" in run.stderr
    run = vecsearch("classify", friends.path, mixed, "--reject", "auto", "--metric", "cosine")
    assert "calibrated with the euclidean metric, not cosine" in run.stderr
    run = vecsearch(
        "calibrate", friends.path, mixed, "--far", 0.1, "--metric", "cosine", "--method", "centroid"
    )
    assert "IMAGE --reject auto --method centroid" in run.stderr
    assert "another stranger there" not in run.stderr
    run = vecsearch("classify", friends.path, mixed, "--reject", "auto", "--method", "centroid")
    assert max(one["distance"] for one in lines(run)) < 1


def test_where_strangers_are_friends_nobody_can_be_accepted(
    vecsearch: Command, friends: Collection, faces: dict[str, Path], tmp_path: Path
) -> None:
    for name in ("all", "one"):
        shutil.copytree(faces["others"] / "s03", tmp_path / name / "s03")
    for picture in faces["enrolled"].glob("*/*"):
        (tmp_path / "all" / "x").mkdir(exist_ok=True)
        shutil.copy(picture, tmp_path / "all" / "x" / f"{picture.parent.name}-{picture.name}")
    shutil.copytree(faces["enrolled"] / "s01", tmp_path / "one" / "x")
    shutil.copytree(faces["strangers"], tmp_path / "one", dirs_exist_ok=True)
    for name, said in ("all", "accepted."), ("one", "accepted as s01."):
        run = vecsearch("calibrate", friends.path, tmp_path / name, "--far", "0.2", "-k", 1)
        assert run.returncode == 0, run.stderr
        assert f"Strangers are where known ones are, so nobody can be {said}" in run.stderr
        (told,) = lines(vecsearch(
            "classify", friends.path, next((tmp_path / name / "x").glob("*")), "--reject", "auto",
        ))  # fmt: skip
        assert (told["label"], told["distance"]) == (None, 0)


def test_a_friend_who_comes_later_needs_no_training(
    vecsearch: Command, friends: Collection, faces: dict[str, Path]
) -> None:
    lines(vecsearch("calibrate", friends.path, "--far", 0.05))
    person = sorted((faces["strangers"] / "s21").iterdir())
    before = lines(vecsearch("classify", friends.path, *person[5:], "--reject", "auto"))
    assert {one["label"] for one in before} == {None}
    lines(vecsearch("add", friends.path, *person[:5], "--label", "anna"))
    after = lines(vecsearch("classify", friends.path, *person[5:], "--reject", "auto"))
    assert [one["nearest"] for one in after].count("anna") >= 4
    assert "anna" in {one["label"] for one in after}


def test_thresholds_are_stored_like_any_other_change(
    friends: Collection, faces: dict[str, Path], tmp_path: Path
) -> None:
    generation = friends.info()["generation"]
    first = calibrate(friends, far=0.1)
    second = calibrate(friends, far=0.1, method="centroid")
    assert friends.info()["generation"] == int(str(generation)) + 2
    kept = Collection.open(friends.path).calibration
    assert kept == {"knn": first.rejection.to_json(), "centroid": second.rejection.to_json()}
    assert first.left_out
    assert not first.flattered  # pixels learn nothing
    # They survive what does not touch the vectors of the others, and go with the encoder.
    friends.remove([next(iter(friends)).id])
    assert friends.calibration == kept
    friends.compact()
    assert friends.calibration == kept
    again = Collection.build(
        faces["enrolled"], tmp_path / "pca", encoder="pca", dim=8, size=(23, 28), color="grey"
    )
    calibrate(again, far=0.1, k=1)
    assert again.calibration
    # Items that are named as queries are no less known to the encoder.
    assert calibrate(again, faces["enrolled"], far=0.1, k=1).known_learned
    again.update(refit=True)
    assert again.calibration == {}
    (file,) = friends.path.glob("calibration-*.json")
    file.write_bytes(file.read_bytes().replace(b"0.1", b"0.9"))
    with pytest.raises(DamagedCollection, match=r"calibration-\w+\.json is damaged"):
        Classifier(Collection.open(friends.path), reject="auto")


def test_an_encoder_that_has_learned_from_strangers_is_fitted_without_them(
    faces: dict[str, Path], tmp_path: Path
) -> None:
    """Real strangers come nearer than those whom the encoder knows already."""
    collection = Collection.build(
        faces["enrolled"], tmp_path / "lda", encoder="lda", size=(23, 28), color="grey"
    )
    found = calibrate(collection, far=0.1, k=1)
    accepted = [
        one.label is not None
        for one in Classifier(collection, reject="auto")
        .classify_folder(faces["strangers"])[0]
        .values()
    ]
    low, high = found.rejection.interval
    assert low <= np.mean(accepted) <= high
    assert np.mean(accepted) < 0.3
    copied = tmp_path / "copied"
    shutil.copytree(faces["enrolled"], copied)
    moved = Collection.build(copied, tmp_path / "moved", size=(23, 28), color="grey")
    shutil.rmtree(copied / "s01")
    with pytest.raises(InvalidArgument, match="update the collection, or bring strangers"):
        calibrate(moved, far=0.1)


def test_items_without_a_label_have_no_vote() -> None:
    vectors = [[0.0, 1], [0, 2], [5, 0], [0, 1.5]]
    books = Collection.from_vectors(vectors, labels=["a", "a", "b", None])
    (found,) = Classifier(books, k=3).classify_vectors([[0, 1.5]])
    assert [hit.item.label for hit in found.neighbours] == ["a", "a", "b"]
    assert (found.label, found.confidence, found.distance) == ("a", 2 / 3, 0.5)
    (weighed,) = Classifier(books, k=3, weights="distance").classify_vectors([[4, 0]])
    assert weighed.label == "b"
    (far,) = Classifier(books, reject=1.0, method="centroid").classify_vectors([[0, 3.0]])
    assert (far.label, far.nearest, far.distance) == (None, "a", 1.5)
    assert Classifier(books).classify_vectors(np.empty((0, 2))) == []


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"method": "svm"}, "is no method"),
        ({"weights": "heavy"}, "No weights are called"),
        ({"method": "centroid", "center": "mode"}, "No center is called"),
        ({"method": "centroid", "centroids": 0}, "centroids is a whole number"),
        ({"reject": "maybe"}, "not 'maybe'"),
        ({"reject": -1}, "not -1"),
        ({"reject": "auto"}, "was not calibrated for knn"),
        ({"k": 0}, "1 or more"),
    ],
)
def test_what_makes_no_sense(options: dict[str, Any], message: str) -> None:
    books = Collection.from_vectors([[0.0, 1], [0, 2]], labels=["a", "b"])
    with pytest.raises(InvalidArgument, match=message):
        Classifier(books, **options).classify_vectors([[1.0, 1]])


def test_nobody_is_known() -> None:
    with pytest.raises(InvalidArgument, match="has a label"):
        classify(Collection.from_vectors([[0.0, 1]]), [])


def test_a_calibration_can_be_drawn(friends: Collection, tmp_path: Path) -> None:
    draw_calibration(calibrate(friends, far=0.1), tmp_path / "roc.png")
    with Image.open(tmp_path / "roc.png") as image:
        assert image.size[0] > 1000


@pytest.mark.parametrize("method", ["knn", "centroid"])
def test_a_label_that_comes_later(method: Any) -> None:
    books = Collection.from_vectors([[0.0, 1], [5, 0]], labels=["a", "b"])
    classifier = Classifier(books, k=1, method=method)
    books.add_vectors([[20.0, 20]], ["new"], ["c"])
    (found,) = classifier.classify_vectors([[19.0, 19]])
    assert found.neighbours[0].item.label == "c"
    assert found.label == ("c" if method == "knn" else "b")  # its centroids are those of before


def test_centroids_of_the_threshold_are_those_that_are_used() -> None:
    """Several centroids a class are the same whatever seed the calibration has."""
    rng = np.random.default_rng(0)
    books = Collection.from_vectors(rng.normal(size=(80, 3)), labels=list("ab") * 40)
    rule = Rule("centroid", centroids=5)
    others = Labelled(
        rng.normal(size=(60, 3)).astype(np.float32),
        [f"q{row}" for row in range(60)],
        ["a", "stranger"] * 30,
    )
    found = calibrate_vectors(gallery_of(books), others, far=0.1, rule=rule, seed=7)
    used = Classifier(books, method="centroid", centroids=5).classify_vectors(others.vectors)
    expected = [one.distance for one in used]
    np.testing.assert_allclose(found.known, expected[::2], rtol=1e-6)
    np.testing.assert_allclose(found.strangers, expected[1::2], rtol=1e-6)
