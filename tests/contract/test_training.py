"""What training owes: the same again, going on after an interruption, all kinds of images."""

import errno
import hashlib
import json
import logging
import platform
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from conftest import COMMAND, PROJECT, imported
from PIL import Image
from safetensors.numpy import load, save

import vecsearch
from vecsearch import InvalidArgument, SiameseEncoder
from vecsearch.encoders import knows_labels, make_encoder_for
from vecsearch.encoders.runtimes import run_onnx, run_plain, run_torch
from vecsearch.errors import CollectionLocked, DamagedCollection
from vecsearch.images import Preprocess
from vecsearch.training.loop import Loop
from vecsearch.training.schedule import Plan
from vecsearch.training.split import Split, gallery_of

QUICK: dict[str, Any] = {"epochs": 3, "width": 4, "jobs": 1, "precision": "float32"}


@pytest.fixture(scope="module")
def clothes(sample: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """40 images of each of 10 classes."""
    folder = tmp_path_factory.mktemp("clothes")
    for path in sorted((sample / "train").glob("*/*.png")):
        place = folder / path.parent.name / path.name
        place.parent.mkdir(exist_ok=True)
        if len(list(place.parent.iterdir())) < 40:
            place.write_bytes(path.read_bytes())
    return folder


@pytest.fixture(scope="module")
def model(clothes: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("models") / "clothes"
    vecsearch.train(clothes, out, **QUICK)
    return out


def test_what_a_training_leaves(model: Path, clothes: Path) -> None:
    assert {path.name for path in model.iterdir()} == {
        "settings.json", "weights.safetensors", "network.onnx",
        "card.md", "history.csv", "skipped.csv", "curves.png", "embedding.png",
    }  # fmt: skip
    history = (model / "history.csv").read_text().splitlines()
    assert history[0] == "epoch,loss,pair_accuracy,recall_at_1,knn_accuracy,seconds"
    assert len(history) == 4
    card = (model / "card.md").read_text()
    for said in ("400 images of 10 classes", "28 × 28 grey", "40 images held out", "seed: `0`"):
        assert said in card
    for package in ("vecsearch", "torch", "torchvision", "pytorch-metric-learning", "numpy"):
        assert f"{package} {version(package)}" in card
    assert f"Python {platform.python_version()}" in card
    for name in ("curves.png", "embedding.png"):
        with Image.open(model / name) as image:
            assert min(image.size) > 300
    facts = vecsearch.open_encoder(model).facts()
    assert facts["images"] == 360
    assert facts["classes"] == 10
    assert facts["epochs"] == 3
    told = {"model", *facts, "dim"}
    schema = json.loads((PROJECT / "docs" / "schemas" / "train.json").read_text())
    assert set(schema["required"]) <= told <= set(schema["properties"])


def test_it_is_an_encoder_like_any_other(model: Path, sample: Path, tmp_path: Path) -> None:
    encoder = vecsearch.open_encoder(model)
    assert isinstance(encoder, SiameseEncoder)
    collection = vecsearch.Collection.build(sample / "train", tmp_path / "index", encoder=encoder)
    assert collection.dim == 32
    assert collection.encoder.fingerprint == encoder.fingerprint
    image = next((sample / "train").glob("*/*.png"))
    assert collection.query_one(image, k=1)[0].distance == pytest.approx(0, abs=1e-6)
    vectors = collection.vectors([item.id for item in collection])
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)


def test_the_same_seed_gives_the_same_weights(model: Path, clothes: Path, tmp_path: Path) -> None:
    first = vecsearch.open_encoder(model)
    assert vecsearch.train(clothes, tmp_path / "a", **QUICK).fingerprint == first.fingerprint
    other = vecsearch.train(clothes, tmp_path / "b", seed=1, **QUICK)
    assert other.fingerprint != first.fingerprint


def test_a_query_imports_neither_torch_nor_onnxruntime(
    model: Path, clothes: Path, tmp_path: Path
) -> None:
    image = next(clothes.glob("*/*.png"))
    vecsearch.Collection.build(
        image.parent, tmp_path / "index", encoder=vecsearch.open_encoder(model)
    )
    names = imported(str(COMMAND), "query", str(tmp_path / "index"), str(image))
    assert {"numpy", "faiss", "PIL", "safetensors"} <= names
    assert not names & {"torch", "torchvision", "onnxruntime", "pytorch_metric_learning"}


class Stop(BaseException):
    """What a kill is to the code that it hits."""


def stopped_at(share: int) -> Callable[[str, int, int], None]:
    def progress(what: str, done: int, of: int) -> None:
        if what == "training" and 1000 * done >= share * of:
            raise Stop

    return progress


def best_of(folder: Path, part: str = "best") -> dict[str, Any]:
    """The weights of the best epoch so far that an interrupted training has written down."""
    tensors = load((folder / "checkpoint.safetensors").read_bytes())
    start = f"{part}."
    return {
        name.removeprefix(start): value for name, value in tensors.items() if name.startswith(start)
    }


@pytest.mark.parametrize("share", [1, 400, 700, 990])
def test_an_interrupted_training_goes_on(
    model: Path, clothes: Path, tmp_path: Path, share: int, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(Stop):
        vecsearch.train(clothes, tmp_path / "a", progress=stopped_at(share), **QUICK)
    assert (tmp_path / "a").exists() == (share > 300)  # after an epoch there is something to keep
    with caplog.at_level(logging.INFO, "vecsearch"):
        trained = vecsearch.train(clothes, tmp_path / "a", **QUICK)
    told = [one for one in caplog.messages if one.startswith("Going on after epoch")]
    assert told == [f"Going on after epoch {3 * share // 1000} of 3."] * (share > 300)
    assert trained.fingerprint == vecsearch.open_encoder(model).fingerprint
    assert not (tmp_path / "a" / "checkpoint.safetensors").exists()


def test_it_goes_on_with_what_it_knows_of_easy_images(
    clothes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vecsearch.training.pruning.FEW_IMAGES", 100)
    with pytest.raises(Stop):
        vecsearch.train(clothes, tmp_path / "a", progress=stopped_at(700), **QUICK)
    found = [
        vecsearch.train(clothes, tmp_path / name, **more, **QUICK).fingerprint
        for name, more in (("a", {}), ("b", {}), ("c", {"prune": 0.0}))
    ]
    assert found[0] == found[1] != found[2]


@pytest.mark.slow
def test_a_killed_training_goes_on(model: Path, clothes: Path, tmp_path: Path) -> None:
    options = ["--epochs", "3", "--width", "4", "--jobs", "1", "--precision", "float32"]
    command = [str(COMMAND), "train", str(clothes), "-o", str(tmp_path / "a"), *options]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        assert any("Epoch 2" in line for line in process.stderr)
        process.kill()
    assert not (tmp_path / "a" / "settings.json").exists()
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "Going on after epoch" in run.stderr
    told = json.loads(run.stdout)
    assert (told["epochs"], told["images"], told["dim"]) == (3, 360, 32)
    finished, whole = (vecsearch.open_encoder(place) for place in (tmp_path / "a", model))
    assert finished.fingerprint == whole.fingerprint


def test_what_a_kill_leaves_half_written_is_in_nobodys_way(
    model: Path, clothes: Path, tmp_path: Path
) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / ".checkpoint.safetensors.99.tmp").write_bytes(b"half")
    trained = vecsearch.train(clothes, tmp_path / "a", **QUICK)
    assert trained.fingerprint == vecsearch.open_encoder(model).fingerprint
    assert not list((tmp_path / "a").glob("*.tmp"))


def test_a_checkpoint_of_another_training_is_not_taken(clothes: Path, tmp_path: Path) -> None:
    with pytest.raises(Stop):
        vecsearch.train(clothes, tmp_path / "a", progress=stopped_at(700), **QUICK)
    others: list[dict[str, Any]] = [
        {"seed": 1},
        {"loss": "triplet"},
        {"dim": 8},
        {"size": (20, 20)},
        {"fit": "crop"},
    ]
    for other in others:
        with pytest.raises(InvalidArgument, match="an unfinished training with other images or"):
            vecsearch.train(clothes, tmp_path / "a", **QUICK, **other)
    checkpoint = tmp_path / "a" / "checkpoint.safetensors"
    whole = checkpoint.read_bytes()
    flipped = bytes([*whole[:-100], whole[-100] ^ 1, *whole[-99:]])
    for damaged in (whole[:100], whole[: len(whole) // 2], flipped):
        checkpoint.write_bytes(damaged)
        with pytest.raises(DamagedCollection, match=r"checkpoint.safetensors cannot be read"):
            vecsearch.train(clothes, tmp_path / "a", **QUICK)
    assert vecsearch.train(clothes, tmp_path / "a", overwrite=True, **QUICK).dim == 32


def test_what_stands_there_is_not_lost(model: Path, clothes: Path, tmp_path: Path) -> None:
    before = {path.name: path.read_bytes() for path in model.iterdir()}
    with pytest.raises(InvalidArgument, match=r"holds an encoder already.*--overwrite"):
        vecsearch.train(clothes, model, **QUICK)
    with pytest.raises(Stop):
        vecsearch.train(clothes, model, overwrite=True, progress=stopped_at(700), **QUICK)
    now = {path.name: path.read_bytes() for path in model.iterdir()}
    assert now.pop("checkpoint.safetensors")
    assert now == before
    (model / "checkpoint.safetensors").unlink()
    (tmp_path / "notes.txt").write_text("mine")
    (tmp_path / "settings.json").write_text('{"of": "another program"}')
    for overwrite in (False, True):
        with pytest.raises(InvalidArgument, match=r"holds other things \(notes\.txt …\): choose"):
            vecsearch.train(clothes, tmp_path, overwrite=overwrite, **QUICK)
    assert "another program" in (tmp_path / "settings.json").read_text()
    with pytest.raises(InvalidArgument, match="is a file, not a folder"):
        vecsearch.train(clothes, tmp_path / "notes.txt", **QUICK)
    from filelock import FileLock

    (tmp_path / "held").mkdir()
    with FileLock(tmp_path / "held" / ".lock"), pytest.raises(CollectionLocked):
        vecsearch.train(clothes, tmp_path / "held", **QUICK)


def test_nothing_to_learn_from(clothes: Path, tmp_path: Path) -> None:
    bag = clothes / "bag"
    (tmp_path / "empty").mkdir()
    for label in ("a", "b"):
        (tmp_path / "broken" / label).mkdir(parents=True)
        whole = next(bag.iterdir()).read_bytes()
        (tmp_path / "broken" / label / "0.png").write_bytes(whole[: len(whole) // 2])
    for folder, labels, said in (
        (bag, "folder", "There are no images with a label"),
        (clothes, "none", "There are no images with a label"),
        (tmp_path / "empty", "folder", "There are no images in"),
        (tmp_path / "broken", "folder", r"None of the 2 image files in .* as 0.png \(damaged or"),
    ):
        with pytest.raises(InvalidArgument, match=said):
            vecsearch.train(folder, tmp_path / "out", labels=labels, **QUICK)
    (tmp_path / "one").mkdir()
    (tmp_path / "one" / "bag").symlink_to(bag)
    with pytest.raises(InvalidArgument, match="only the label 'bag', and nothing to tell it from"):
        vecsearch.train(tmp_path / "one", tmp_path / "out", **QUICK)
    assert not (tmp_path / "out").exists()


def test_mistakes_are_found_before_an_image_is_read(clothes: Path, tmp_path: Path) -> None:
    mistakes: list[tuple[dict[str, Any], str]] = [
        ({"backbone": "resnet81"}, "No backbone is called 'resnet81'. Did you mean 'resnet18'"),
        ({"backbone": "vit_b_16", "size": (28, 28)}, "'vit_b_16' takes no images of 28 × 28"),
        ({"backbone": "squeezenet1_0"}, "has no features to stand on"),
        ({"device": "mps"}, "There is no mps here"),
        ({"dim": 10**12}, "The dim of a network is from 1 to 65536"),
        ({"seed": -1}, "The seed is a whole number"),
        ({"loss": "l2"}, "'l2' is no loss"),
    ]

    def progress(what: str, done: int, of: int) -> None:
        pytest.fail(f"{what} {done} of {of}")

    for given, said in mistakes:
        with pytest.raises(InvalidArgument, match=said):
            vecsearch.train(
                clothes, tmp_path / "a", progress=progress, **{**QUICK, "width": None, **given}
            )
    for out in (clothes, clothes / "models"):
        with pytest.raises(InvalidArgument, match="lies among the images"):
            vecsearch.train(clothes, out, overwrite=True, **QUICK)
    assert not (tmp_path / "a").exists()


def test_names_that_mean_something_elsewhere(
    clothes: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for number, name in enumerate(("$5_$", 'a,b"c', "衣服 käfer")):
        place = tmp_path / "images" / name
        place.mkdir(parents=True)
        for path in sorted((clothes / ["bag", "coat", "dress"][number]).iterdir())[:20]:
            (place / path.name).write_bytes(path.read_bytes())
    (tmp_path / "images" / "衣服 käfer" / "broken.png").write_bytes(b"no picture")
    vecsearch.train(tmp_path / "images", tmp_path / "a", **QUICK)
    assert (tmp_path / "a" / "embedding.png").exists()
    assert not [one for one in caplog.messages if "could not be drawn" in one]
    assert "broken.png" in (tmp_path / "a" / "skipped.csv").read_text()


def test_pictures_that_cannot_be_drawn_cost_no_encoder(
    clothes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise ValueError

    monkeypatch.setattr("vecsearch.training.card.draw_embedding", fail)
    assert vecsearch.train(clothes, tmp_path / "a", **QUICK).dim == 32
    card = (tmp_path / "a" / "card.md").read_text()
    assert "(curves.png)" in card
    assert "(embedding.png)" not in card
    assert not (tmp_path / "a" / "checkpoint.safetensors").exists()


def test_a_hostile_model_is_an_error_of_ours(model: Path, tmp_path: Path) -> None:
    images = np.zeros((6, 28, 28, 1), np.uint8)  # so many that onnxruntime is asked
    whole = json.loads((model / "settings.json").read_text())
    architecture = whole["architecture"]
    changed: list[dict[str, Any]] = [
        *({**whole, "architecture": {**architecture, "dim": dim}} for dim in (31, 32.7, 1e12, -1)),
        *({**whole, "facts": facts} for facts in (5, "abc", None)),
        *({**whole, "params": params} for params in (5, {}, {**whole["params"], "size": "x"})),
        {**whole, "architecture": 3},
        {**whole, "network.onnx": "0"},
        {**whole, "weights.safetensors": None},
    ]
    for number, settings in enumerate(changed):
        place = shutil.copytree(model, tmp_path / str(number))
        (place / "settings.json").write_text(json.dumps(settings))
        with pytest.raises(DamagedCollection):
            vecsearch.open_encoder(place).encode(images)
    for name in ("network.onnx", "weights.safetensors"):
        place = shutil.copytree(model, tmp_path / name)
        data = (place / name).read_bytes()
        for other in (b"", data[:50], data + b"\x0a\x08location", b"x" * 100):
            if name.startswith("weights") and other.startswith(data[:60]):
                continue
            (place / name).write_bytes(other)
            with pytest.raises(DamagedCollection):
                vecsearch.open_encoder(place)
            settings = {**whole, name: hashlib.sha256(other).hexdigest()}
            (place / "settings.json").write_text(json.dumps(settings))
            with pytest.raises(DamagedCollection):
                vecsearch.open_encoder(place).encode(images)
    weights = load((model / "weights.safetensors").read_bytes())
    place = shutil.copytree(model, tmp_path / "other")
    for name in ("backbone.0.0.weight", "backbone.3.inner.1.1.running_var", "head.weight", "mean"):
        without_it = {key: value for key, value in weights.items() if key != name}
        cut = {**weights, name: np.ascontiguousarray(weights[name][:-1])}
        flat = {**weights, name: np.ones(5, np.float32)}
        for other in (without_it, cut, flat):
            data = save(other)
            (place / "weights.safetensors").write_bytes(data)
            settings = {**whole, "weights.safetensors": hashlib.sha256(data).hexdigest()}
            (place / "settings.json").write_text(json.dumps(settings))
            with pytest.raises(DamagedCollection):
                vecsearch.open_encoder(place).encode(images[:1])


def test_compare_asks_with_other_images(model: Path, sample: Path) -> None:
    with pytest.raises(InvalidArgument, match="may have been trained on the images"):
        vecsearch.compare(sample / "train", encoders=[str(model)])
    lines = vecsearch.compare(
        sample / "train", sample / "test", encoders=["pca=8", str(model)], metrics=["cosine"]
    )
    assert [line.encoder for line in lines] == ["pca", str(model)]
    assert [line.dim for line in lines] == [8, 32]


def test_what_is_measured_takes_no_more_memory_than_a_step(
    clothes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch = pytest.importorskip("torch")
    from vecsearch.encoders.network import Network
    from vecsearch.training import run

    sizes: list[int] = []
    forward = Network.forward

    def noted(self: Network, images: Any) -> Any:
        sizes.append(len(images))
        return forward(self, images)

    measured: list[int] = []
    figures = run.figures_of

    def noted_figures(*given: Any) -> Any:
        start = len(sizes)
        found = figures(*given)
        measured.extend(sizes[start:])
        return found

    with monkeypatch.context() as patch:
        patch.setattr(Network, "forward", noted)
        patch.setattr(run, "figures_of", noted_figures)
        vecsearch.train(clothes, tmp_path / "a", **{**QUICK, "batch": 16, "epochs": 1})
    assert 0 < max(measured) <= 32

    def full(*_: object) -> Any:
        raise torch.OutOfMemoryError

    def full_on_a_cpu(*_: object) -> Any:
        return torch.empty(1 << 60)

    for way in (full, full_on_a_cpu):
        monkeypatch.setattr(run, "figures_of", way)
        with pytest.raises(InvalidArgument, match="not enough memory for a step"):
            vecsearch.train(clothes, tmp_path / "b", **QUICK, overwrite=True)


@pytest.mark.slow
def test_epochs_are_the_most_within_a_time(clothes: Path, tmp_path: Path) -> None:
    vecsearch.train(clothes, tmp_path / "a", **{**QUICK, "epochs": 2, "budget": 600.0})
    assert len((tmp_path / "a" / "history.csv").read_text().splitlines()) == 3


def test_the_best_epoch_is_kept_and_no_later_one(
    clothes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from vecsearch.training import run

    with pytest.raises(Stop):
        vecsearch.train(clothes, tmp_path / "a", progress=stopped_at(400), **QUICK)
    first = best_of(tmp_path / "a", "average")
    worths = iter([0.9, 0.1, 0.2])
    monkeypatch.setattr(
        run, "figures_of", lambda *_: dict.fromkeys(("recall_at_1", "knn_accuracy"), next(worths))
    )
    trained = vecsearch.train(clothes, tmp_path / "b", whitened=False, **QUICK)
    assert trained.facts()["best_epoch"] == 1
    assert trained.facts()["knn_accuracy"] == 0.9
    for name, value in trained.trained.weights.items():
        np.testing.assert_array_equal(value, first[name])


def test_in_the_end_a_head_is_whitened_and_nothing_else_changes(
    clothes: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    from vecsearch.images.decoding import decode
    from vecsearch.training.split import hold_out
    from vecsearch.training.whitening import whitening

    caplog.set_level(logging.INFO, "vecsearch")
    settings = {**QUICK, "epochs": 1, "dim": 8, "preset": "fast"}
    raw = vecsearch.train(clothes, tmp_path / "raw", whitened=False, **settings)
    assert not [text for text in caplog.messages if "Whitened" in text]
    found = vecsearch.train(clothes, tmp_path / "white", **settings)
    lines = [(tmp_path / name / "history.csv").read_text() for name in ("raw", "white")]
    assert [line.rpartition(",")[0] for line in lines[0].splitlines()] == [
        line.rpartition(",")[0] for line in lines[1].splitlines()
    ]
    paths = sorted(path for path in clothes.glob("*/*"))
    images = np.stack([decode(path.read_bytes(), raw.preprocess)[0] for path in paths])
    names = [path.parent.name for path in paths]
    codes = np.unique(names, return_inverse=True)[1]
    train, held = (lambda split: (split.train, split.held))(hold_out(codes, 0.1, 0))
    matrix = whitening(raw.encode(images[train]), codes[train])
    assert matrix is not None
    assert (raw.facts()["whitened"], found.facts()["whitened"]) == (False, True)
    assert np.abs(matrix - np.eye(8)).max() > 0.1
    for name, value in found.trained.weights.items():
        before = raw.trained.weights[name]
        wanted = matrix @ before if name.startswith("head.") else before
        np.testing.assert_allclose(value, wanted, rtol=1e-4, atol=1e-5)
    # What is told is what the encoder that is kept is worth.
    gallery, queries = found.encode(images[train]), found.encode(images[held])
    nearest = np.square(queries[:, None] - gallery).sum(2).argmin(1)
    right = float((codes[train][nearest] == codes[held]).mean())
    assert found.facts()["recall_at_1"] == pytest.approx(right, abs=1e-5)
    assert raw.facts()["recall_at_1"] == float(lines[0].splitlines()[1].split(",")[3])
    (said,) = [text for text in caplog.messages if "Whitened within classes" in text]
    assert f"recall@1 {right:.3f}" in said
    assert "whitened" in (tmp_path / "white" / "card.md").read_text()


@pytest.mark.slow
@pytest.mark.alone
def test_a_budget_is_kept_to(sample: Path, tmp_path: Path) -> None:
    started = time.monotonic()
    trained = vecsearch.train(sample / "train", tmp_path / "a", preset="fast", budget=30.0)
    took = time.monotonic() - started
    print(f"{took:.1f} s of a budget of 30")
    # The card and its pictures come after it.
    assert 15 < took <= 40
    assert int(str(trained.facts()["epochs"])) > 1


def test_a_time_too_short_for_an_epoch_is_told(
    clothes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(Loop, "seconds_of_epoch", lambda *_: 1000.0)
    trained = vecsearch.train(clothes, tmp_path / "a", **{**QUICK, "budget": 10.0})
    assert "The time is short: only 10 % of the images will be seen." in caplog.messages
    assert trained.facts()["epochs"] == 1


def test_with_all_cores_and_in_half_the_bits_a_seed_is_a_seed(
    clothes: Path, tmp_path: Path
) -> None:
    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        given: dict[str, Any] = {**QUICK, "precision": "bfloat16", "epochs": 2}
        first, again = (vecsearch.train(clothes, tmp_path / name, **given) for name in "ab")
    finally:
        torch.set_num_threads(threads)
    assert first.fingerprint == again.fingerprint


def test_two_images_a_class(clothes: Path, tmp_path: Path) -> None:
    paths = sorted(clothes.glob("*/*.png"))
    for number in range(30):
        for path in paths[10 * number : 10 * number + 2]:
            place = tmp_path / "pairs" / f"{number:02}" / path.name
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(path.read_bytes())
    trained = vecsearch.train(tmp_path / "pairs", tmp_path / "a", **QUICK)
    facts = trained.facts()
    assert (facts["classes"], facts["images"], facts["held_out"]) == (30, 54, 6)
    assert facts["recall_at_1"] is not None  # of whole classes that were held out
    assert "6 images, all of some classes, held out" in (tmp_path / "a" / "card.md").read_text()


def test_colours_that_come_late_are_seen(clothes: Path, tmp_path: Path) -> None:
    """Of some 200 images in order a hundred are looked at, to the last."""
    for number, path in enumerate(sorted(clothes.glob("*/*.png"))[:199]):
        with Image.open(path) as image:
            late = number >= 100
            place = tmp_path / "images" / "ab"[late] / path.name
            place.parent.mkdir(parents=True, exist_ok=True)
            tinted = Image.new("RGB", image.size, "red") if late else image
            tinted.save(place.with_stem(f"{number:03}"))
    trained = vecsearch.train(tmp_path / "images", tmp_path / "a", **{**QUICK, "epochs": 1})
    assert trained.preprocess.color == "rgb"


def test_the_parts_of_a_data_set_are_no_labels(
    clothes: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for part, label in (("train", "bag"), ("train", "coat"), ("test", "bag")):
        shutil.copytree(clothes / label, tmp_path / "set" / part / label)
    vecsearch.train(tmp_path / "set", tmp_path / "a", **{**QUICK, "epochs": 1})
    (told,) = (one for one in caplog.messages if "parts of a data set" in one)
    assert told.startswith("The labels (train, test) look like the parts of a data set")
    assert told.endswith(f"Then train on one part, as {tmp_path / 'set' / 'train'}.")


def test_many_that_are_skipped_are_counted(
    clothes: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    shutil.copytree(clothes, tmp_path / "images")
    for number in range(25):
        (tmp_path / "images" / "bag" / f"broken-{number}.png").write_bytes(b"no picture")
    with caplog.at_level(logging.INFO, "vecsearch"):
        vecsearch.train(tmp_path / "images", tmp_path / "a", **{**QUICK, "epochs": 1})
    told = [one for one in caplog.messages if one.startswith("Skipped ")]
    listed = tmp_path / "a" / "skipped.csv"
    assert (len(told), told[20]) == (21, f"Skipped 5 more: all will be listed in {listed}.")
    assert len(listed.read_text().splitlines()) == 26


def test_what_others_have_written_is_not_replaced(clothes: Path, tmp_path: Path) -> None:
    pca = tmp_path / "pca"
    vecsearch.make_encoder("pca", dim=2).fit(
        np.random.default_rng(0).integers(0, 256, (9, 64, 64, 3), np.uint8)
    ).save(pca)
    foreign = tmp_path / "foreign"
    foreign.mkdir()
    (foreign / "checkpoint.safetensors").write_bytes(save({"weight": np.zeros(3, np.float32)}))
    pointer = tmp_path / "pointer"
    pointer.mkdir()
    (pointer / "checkpoint.safetensors").write_text("version https://git-lfs.github.com/spec/v1")
    for place in (pca, foreign, pointer):
        before = {path.name: path.read_bytes() for path in place.iterdir()}
        for overwrite in (False, True):
            with pytest.raises(InvalidArgument, match=r"holds other things \(.* …\): choose"):
                vecsearch.train(clothes, place, overwrite=overwrite, **QUICK)
        assert {path.name: path.read_bytes() for path in place.iterdir()} == before


def test_one_class_is_told_before_an_image_is_read(
    clothes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "one" / "bag").symlink_to(clothes / "bag")

    def read_folder(*_: object) -> None:
        pytest.fail("it is read")

    for name in ("read", "read_folder"):
        monkeypatch.setattr(f"vecsearch.training.data.{name}", read_folder)
    with pytest.raises(InvalidArgument, match="only the label 'bag'"):
        vecsearch.train(tmp_path / "one", tmp_path / "out", **QUICK)


def test_a_disk_that_is_full_at_the_end_costs_nothing(
    model: Path, clothes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    replaced: list[str] = []
    replace_ = Path.replace

    def stop(self: Path, target: Path) -> Path:
        if target.name == "settings.json":
            raise OSError(errno.ENOSPC, "No space left on device")
        replaced.append(target.name)
        return replace_(self, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", stop)
        with pytest.raises(OSError, match="No space left"):
            vecsearch.train(clothes, tmp_path / "a", **QUICK)
    assert {"weights.safetensors", "network.onnx"} <= set(replaced)
    assert (tmp_path / "a" / "checkpoint.safetensors").exists()

    def nothing_more(what: str, _done: int, _of: int) -> None:
        assert what != "training"

    trained = vecsearch.train(clothes, tmp_path / "a", progress=nothing_more, **QUICK)
    assert trained.fingerprint == vecsearch.open_encoder(model).fingerprint


def test_who_has_learned_from_labels(clothes: Path, tmp_path: Path, model: Path) -> None:
    images = np.random.default_rng(0).integers(0, 256, (40, 28, 28, 1), np.uint8)
    assert knows_labels(vecsearch.open_encoder(model))
    assert knows_labels(make_encoder_for(f"chain:{model}+pca4").fit(images))
    assert knows_labels(make_encoder_for(f"concat:{model},pca4"))
    plain = {**QUICK, "objective": "autoencoder", "labels": "none"}
    vecsearch.train(clothes, tmp_path / "plain", **plain)
    assert not knows_labels(vecsearch.open_encoder(tmp_path / "plain"))
    assert not knows_labels(make_encoder_for(f"chain:{tmp_path / 'plain'}+pca4").fit(images))
    assert knows_labels(make_encoder_for(f"chain:{tmp_path / 'plain'}+lda"))


def test_a_training_that_diverges_says_so(clothes: Path, tmp_path: Path) -> None:
    with pytest.raises(InvalidArgument, match="The training diverged: its loss"):
        vecsearch.train(clothes, tmp_path / "a", loss="pairs", rate=100.0, **QUICK)
    assert not (tmp_path / "a").exists()


def not_finite(*_: object) -> float:
    raise FloatingPointError


def test_one_that_diverges_late_keeps_what_came_before(
    clothes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    raw = {**QUICK, "whitened": False}
    with pytest.raises(Stop):
        vecsearch.train(clothes, tmp_path / "a", progress=stopped_at(700), **raw)
    best = best_of(tmp_path / "a")
    monkeypatch.setattr(Loop, "_step", not_finite)
    trained = vecsearch.train(clothes, tmp_path / "a", **raw)
    (told,) = (one for one in caplog.messages if "diverged" in one)
    assert told.endswith("than 0.2. The best epoch before it is kept.")
    assert trained.facts()["epochs"] == 2
    for name, value in trained.trained.weights.items():
        np.testing.assert_array_equal(value, best[name])
    card = (tmp_path / "a" / "card.md").read_text()
    assert "of 2 is kept. Epoch 3 diverged: its loss was no finite number." in card
    assert not (tmp_path / "a" / "checkpoint.safetensors").exists()


@pytest.mark.parametrize("stands", [True, False], ids=["a network", "nothing measured"])
def test_one_that_diverges_late_is_not_kept_for(
    model: Path, clothes: Path, tmp_path: Path, stands: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: dict[str, Any] = {**QUICK, "seed": 5, "holdout": 0.1 if stands else 0.0}
    if stands:
        shutil.copytree(model, tmp_path / "a")
    before = {path.name: path.read_bytes() for path in tmp_path.glob("a/*")}
    with pytest.raises(Stop):
        vecsearch.train(
            clothes, tmp_path / "a", progress=stopped_at(700), overwrite=stands, **given
        )
    monkeypatch.setattr(Loop, "_step", not_finite)
    with pytest.raises(InvalidArgument, match="The training diverged"):
        vecsearch.train(clothes, tmp_path / "a", overwrite=stands, **given)
    assert {path.name: path.read_bytes() for path in tmp_path.glob("a/*")} == before


def test_one_that_diverges_at_once_leaves_what_was_there(
    clothes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(Stop):
        vecsearch.train(clothes, tmp_path / "a", progress=stopped_at(700), **QUICK)
    before = best_of(tmp_path / "a")
    with monkeypatch.context() as patch, pytest.raises(InvalidArgument, match="diverged"):
        patch.setattr(Loop, "_step", not_finite)
        vecsearch.train(clothes, tmp_path / "a", overwrite=True, budget=60.0, **QUICK)
    for name, value in best_of(tmp_path / "a").items():
        np.testing.assert_array_equal(value, before[name])


@pytest.mark.parametrize("holdout", [0.1, 0.0])
def test_a_last_step_that_diverges_is_seen(
    clothes: Path, tmp_path: Path, holdout: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    step = Loop._step

    def last(self: Loop, *given: Any) -> float:
        loss = step(self, *given)
        if self.steps == steps:
            with torch.no_grad():
                next(self.network.parameters()).fill_(float("nan"))
                self.average[next(iter(self.average))].fill_(float("nan"))
        return loss

    monkeypatch.setattr(Loop, "_step", last)
    steps = (400 if not holdout else 360) // 16  # of one epoch
    settings: dict[str, Any] = {**QUICK, "epochs": 1, "holdout": holdout}
    with pytest.raises(InvalidArgument, match="The training diverged"):
        vecsearch.train(clothes, tmp_path / "a", **settings)


def test_labels_go_with_images() -> None:
    images = np.zeros((40, 16, 16, 1), np.uint8)
    for count in (20, 60):
        encoder = SiameseEncoder(8, Preprocess((16, 16), color="grey"))
        with pytest.raises(InvalidArgument, match=f"{count} labels for 40 images"):
            encoder.fit(images, ["a", "b"] * (count // 2))


def test_each_held_out_image_is_searched_among_others_of_its_class() -> None:
    codes = np.repeat(np.arange(3000), 6)
    rng = np.random.default_rng(0)
    held = np.sort(rng.permutation(18_000)[:900])
    split = Split(np.setdiff1d(np.arange(18_000), held), held)
    gallery = gallery_of(split, codes, 0)
    assert len(gallery) == len(np.unique(gallery)) == 5_000
    assert np.isin(gallery, split.train).all()
    there = np.bincount(codes[gallery], minlength=3000)
    might = np.bincount(codes[split.train], minlength=3000)
    assert (there >= np.minimum(might, 5))[np.unique(codes[held])].all()


def test_what_took_time_before_counts_in_a_budget(clothes: Path, tmp_path: Path) -> None:
    from vecsearch.training import run

    begun: list[float | None] = []
    made = run.objective_of

    def slowly(*asked: Any) -> Any:
        time.sleep(0.5)
        return made(*asked)

    class Stopped(Plan):
        def fit(self, epoch_seconds: float) -> None:
            begun.append(self.budget)
            raise Stop

    with pytest.MonkeyPatch.context() as patch, pytest.raises(Stop):
        patch.setattr(run, "Plan", Stopped)
        patch.setattr(run, "objective_of", slowly)
        vecsearch.train(clothes, tmp_path / "new" / "a", **{**QUICK, "budget": 60.0})
    assert begun[0] is not None
    assert 0 < begun[0] < 59.5
    assert not (tmp_path / "new").exists()


def test_the_card_tells_all_settings(clothes: Path, tmp_path: Path) -> None:
    vecsearch.train(clothes, tmp_path / "a", loss="supcon", holdout=0, **QUICK)
    card = (tmp_path / "a" / "card.md").read_text()
    for said in (
        "## Settings", "- loss: `supcon`", "- batch: `16`", "- rate: `0.2`", "- epochs: `3`",
        "- decay: `0.0005`", "nothing held out, as was asked for", "It was not measured",
    ):  # fmt: skip
        assert said in card, card
    assert "chosen by them" not in card


def test_images_without_a_label_are_counted(
    clothes: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    named = [path.relative_to(clothes) for path in sorted(clothes.glob("*/*.png"))[::2]]
    lines = [f"{path.as_posix()},{path.parent.name}" for path in named]
    table = tmp_path / "labels.csv"
    table.write_text("\n".join(["path,label", *lines]))
    with caplog.at_level("INFO", "vecsearch"):
        vecsearch.train(clothes, tmp_path / "a", labels=table, **QUICK)
    assert "200 images have no label and were left out." in caplog.messages
    assert "; 200 without a label as well" in (tmp_path / "a" / "card.md").read_text()


def test_no_images_at_all() -> None:
    for objective, said in (("simclr", "no images to learn from"), ("siamese", "no labels")):
        encoder = SiameseEncoder(
            8, Preprocess((16, 16), color="grey"), settings={"objective": objective}
        )
        with pytest.raises(InvalidArgument, match=said):
            encoder.fit(np.zeros((0, 16, 16, 1), np.uint8), [])


def test_few_labels_cost_no_drawing_of_an_autoencoder(clothes: Path, tmp_path: Path) -> None:
    paths = sorted(clothes.glob("*/*.png"))[::100]
    lines = [f"{path.relative_to(clothes).as_posix()},{path.parent.name}" for path in paths]
    table = tmp_path / "labels.csv"
    table.write_text("\n".join(["path,label", *lines]))
    settings: dict[str, Any] = {**QUICK, "objective": "autoencoder", "labels": table}
    vecsearch.train(clothes, tmp_path / "a", **settings)
    assert (tmp_path / "a" / "reconstructions.png").exists()
    assert not (tmp_path / "a" / "embedding.png").exists()


def test_pixels_in_a_file_make_no_difference(
    model: Path, clothes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kinds = []
    begin = Loop.__post_init__

    def noted(self: Loop) -> None:
        kinds.append(type(self.pixels))
        begin(self)

    monkeypatch.setattr("vecsearch.training.data.MEMORY_BYTES", 0)
    monkeypatch.setattr(Loop, "__post_init__", noted)
    trained = vecsearch.train(clothes, tmp_path / "a", **QUICK)
    assert trained.fingerprint == vecsearch.open_encoder(model).fingerprint
    assert kinds == [np.memmap]


def test_few_or_many_is_told_by_all_images(model: Path) -> None:
    """Large images go through the network a few at a time, however many there are."""
    encoder: Any = vecsearch.open_encoder(model)
    height, width, channels = encoder.preprocess.shape
    asked: list[tuple[int, bool]] = []

    def run(images: Any, many: bool) -> Any:
        asked.append((len(images), many))
        return np.zeros((len(images), encoder.dim), np.float32)

    encoder._run = run
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("vecsearch.encoders.siamese.BLOCK_BYTES", 2 * 256 * height * width)
        for count in (3, 6):
            encoder.encode(np.zeros((count, height, width, channels), np.uint8))
    assert asked == [(2, False), (1, False), *[(2, True)] * 3]


@pytest.mark.parametrize(
    "settings",
    [
        {"loss": "pairs"},
        pytest.param({"loss": "contrastive"}, marks=pytest.mark.slow),
        pytest.param({"loss": "triplet"}, marks=pytest.mark.slow),
        pytest.param({"loss": "multi-similarity"}, marks=pytest.mark.slow),
        {"loss": "supcon"},
        pytest.param({"loss": "proxy"}, marks=pytest.mark.slow),
        {"objective": "classifier"},
        {"objective": "simclr"},
        pytest.param({"objective": "simclr", "labels": "none"}, marks=pytest.mark.slow),
        {"objective": "autoencoder", "labels": "none"},
        pytest.param({"objective": "autoencoder"}, marks=pytest.mark.slow),
        {"backbone": "conv3", "mirrored": True},
        pytest.param({"preset": "best", "average": 0.0, "augment": "none"}, marks=pytest.mark.slow),
        {"size": (31, 17), "color": "rgb", "augment": "crop,colour"},
        pytest.param({"precision": "bfloat16"}, marks=pytest.mark.slow),
        {"budget": 2.0},
        pytest.param({"patience": 1, "epochs": 30, "rate": 1e-9}, marks=pytest.mark.slow),
    ],
    ids=str,
)
def test_every_way_to_train(clothes: Path, tmp_path: Path, settings: dict[str, Any]) -> None:
    encoder = vecsearch.train(clothes, tmp_path / "a", dim=8, **{**QUICK, **settings})
    height, width, channels = encoder.preprocess.shape
    images = np.random.default_rng(0).integers(0, 256, (40, height, width, channels), np.uint8)
    loaded = vecsearch.open_encoder(tmp_path / "a")
    assert isinstance(loaded, SiameseEncoder)
    assert loaded.trained.onnx is not None
    under_onnx, under_torch = (
        run_onnx(loaded.trained.onnx)(images, True),
        run_torch(loaded.trained)(images, True),
    )
    np.testing.assert_allclose(under_onnx, under_torch, atol=1e-4)
    if loaded.trained.architecture["backbone"] in ("small", "conv3"):
        plain = run_plain(loaded.trained)
        np.testing.assert_allclose(plain(images, True), under_torch, atol=1e-4)
        np.testing.assert_array_equal(loaded.encode(images[:1]), plain(images[:1], False))
    np.testing.assert_allclose(loaded.encode(images[:1]), loaded.encode(images)[:1], atol=1e-5)
    lines = (tmp_path / "a" / "history.csv").read_text().splitlines()
    without = settings.get("objective") in ("simclr", "autoencoder")
    assert ("held_out_loss" in lines[0]) == without
    assert ("knn_accuracy" in lines[0]) == ("labels" not in settings)
    if without:  # whatever labels say, nothing is chosen by them
        held = [float(line.split(",")[2]) for line in lines[1:]]
        assert loaded.facts()["best_epoch"] == 1 + held.index(min(held))
    losses = [float(line.split(",")[1]) for line in lines[1:]]
    assert np.isfinite(losses).all()
    if "rate" in settings:
        assert len(losses) < 30  # it stopped early
    elif "budget" in settings:
        assert 1 <= len(losses) <= 3
    else:
        assert len(losses) == 3
    drawn = tmp_path / "a" / "reconstructions.png"
    assert drawn.exists() == (settings.get("objective") == "autoencoder")
    if drawn.exists():
        with Image.open(drawn) as image:
            assert len(np.unique(np.asarray(image.convert("L")))) > 50  # no blank sheet


RESNET: dict[str, Any] = {"jobs": 1, "precision": "float32", "backbone": "resnet18", "epochs": 1}
RESNET |= {"size": (32, 32), "batch": 64}


@pytest.fixture(scope="module")
def resnet(small: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Weights of torchvision's, and what was trained from them."""
    torch = pytest.importorskip("torch")
    from vecsearch.encoders.vision import torchvision

    folder = tmp_path_factory.mktemp("resnet")
    torch.manual_seed(0)
    weights = folder / "resnet18.pth"
    torch.save(torchvision().models.resnet18().state_dict(), weights)
    vecsearch.train(small / "train", folder / "model", weights=str(weights), **RESNET)
    return folder


def test_a_large_backbone_under_onnxruntime(resnet: Path) -> None:
    loaded: Any = vecsearch.open_encoder(resnet / "model")
    images = np.random.default_rng(0).integers(0, 256, (5, 32, 32, 1), np.uint8)
    under_torch = run_torch(loaded.trained)(images, True)
    np.testing.assert_allclose(run_onnx(loaded.trained.onnx)(images, True), under_torch, atol=1e-4)
    np.testing.assert_allclose(loaded.encode(images), under_torch, atol=1e-4)


def test_folders_of_encoders_may_be_text(model: Path, tmp_path: Path) -> None:
    encoder = SiameseEncoder.load(str(model))
    encoder.save(str(tmp_path / "again"))
    assert vecsearch.open_encoder(tmp_path / "again").fingerprint == encoder.fingerprint
    pca = vecsearch.make_encoder("pca", dim=2, preprocess=Preprocess((4, 4)))
    pca.fit(np.random.default_rng(0).integers(0, 256, (9, 4, 4, 3), dtype=np.uint8), None)
    pca.save(str(tmp_path / "pca"))
    assert type(pca).load(str(tmp_path / "pca")).fingerprint == pca.fingerprint


def test_weights_that_do_not_tell_their_version(tmp_path: Path) -> None:
    """MNASNet's own reader asks for it, which files of tensors alone have not."""
    from safetensors.torch import save_file

    from vecsearch.encoders.network import Architecture, Network
    from vecsearch.encoders.vision import torchvision, vision_backbone

    vision_backbone("googlenet")  # without a warning
    weights = tmp_path / "mnasnet.safetensors"
    known = torchvision().models.mnasnet0_5().state_dict()
    save_file(known, weights)
    network = Network(Architecture("mnasnet0_5", dim=4))
    network.take_weights(weights)
    taken = dict(network.state_dict())
    assert torch.equal(taken["backbone.layers.0.weight"], known["layers.0.weight"])
    network.load_state_dict(taken)


def test_the_same_weights_elsewhere_are_the_same(tmp_path: Path) -> None:
    from vecsearch.encoders.network import Architecture, Network
    from vecsearch.training.checkpoint import key_of
    from vecsearch.training.objectives import objective_of
    from vecsearch.training.settings import TrainSettings

    keys = []
    for place in (tmp_path / "a.pth", tmp_path / "b.pth"):
        place.write_bytes(b"the same")
        settings = TrainSettings.of(backbone="resnet18", weights=place, device="cpu")
        assert settings.weights == str(place)
        network = Network(Architecture("resnet18", dim=4))
        pixels, codes = np.zeros((2, 8, 8, 3), np.uint8), np.arange(2)
        objective = objective_of(settings, (3, 8, 8), 2, 4, 2)
        keys.append(key_of(Loop(network, objective, pixels, codes, settings, Plan(1), 0), ""))
    assert keys[0] == keys[1]


@pytest.mark.parametrize(
    ("model", "more", "build", "compare"),
    [
        ("models/own", [], "--model models/own", "--encoders lda,models/own"),
        ("siamese", [], "--model siamese", "--encoders lda,./siamese"),
        ("a,b", [], "--model a,b", None),
        ("own", ["--labels", "my l.csv"], "--model own --labels 'my l.csv'", None),
        ("own", ["--labels", "none"], "--model own --labels none", None),
    ],
)
def test_what_to_do_next(
    model: str,
    more: list[str],
    build: str,
    compare: str | None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    from vecsearch_cli.main import vecsearch as command

    encoder = SimpleNamespace(facts=dict, dim=4)
    monkeypatch.setattr("vecsearch.train", lambda *_, **__: encoder)
    command.main(["train", str(tmp_path), "-o", model, *more], standalone_mode=False)
    said = capsys.readouterr().err.splitlines()
    assert said[0] == f"Next: vecsearch build {tmp_path} -o INDEX {build}"
    hint = f"Is it any better? vecsearch compare {tmp_path} OTHERS {compare}"
    assert said[1:] == ([] if compare is None else [hint])


def test_a_folder_that_is_called_as_an_encoder_is_told(
    model: Path,
    small: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    shutil.copytree(model, tmp_path / "pca")
    monkeypatch.chdir(tmp_path)
    for name, told in (("pca", 1), ("pixels", 0)):
        caplog.clear()
        found = vecsearch.compare(
            small / "train", small / "test", encoders=[name, "./pca"], metrics=["cosine"]
        )
        assert [one.encoder for one in found] == [name, "./pca"]
        assert caplog.text.count("./pca is that in the folder") == told


@pytest.mark.slow
def test_a_backbone_from_nothing(small: Path, tmp_path: Path) -> None:
    trained = vecsearch.train(small / "train", tmp_path / "a", **RESNET)
    other = vecsearch.train(small / "train", tmp_path / "b", seed=1, **RESNET)
    assert trained.trained.architecture["backbone"] == "resnet18"
    assert trained.fingerprint != other.fingerprint
    again = vecsearch.train(small / "train", tmp_path / "c", **RESNET)
    assert again.fingerprint == trained.fingerprint


@pytest.mark.slow
def test_a_backbone_that_knows_something(resnet: Path, small: Path, tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    from safetensors.torch import save_file

    weights = tmp_path / "resnet18.safetensors"
    save_file(torch.load(resnet / "resnet18.pth"), weights)
    trained = vecsearch.train(small / "train", tmp_path / "a", weights=str(weights), **RESNET)
    other = vecsearch.open_encoder(resnet / "model")
    assert isinstance(other, SiameseEncoder)
    for name, value in other.trained.weights.items():
        np.testing.assert_array_equal(trained.trained.weights[name], value)
    for name, said in (
        ("none.pth", "cannot be read"),
        ("text.pth", "cannot be read"),
        ("other.safetensors", "holds no weights of resnet18: 100 of 120"),
    ):
        path = tmp_path / name
        if name == "text.pth":
            path.write_text("no weights")
        elif name.startswith("other"):
            save_file({"x": torch.zeros(3)}, path)
        with pytest.raises(InvalidArgument, match=said):
            vecsearch.train(small / "train", tmp_path / "b", weights=str(path), **RESNET)


def test_other_weights_in_the_same_file_are_another_training(
    resnet: Path, small: Path, tmp_path: Path
) -> None:
    weights = tmp_path / "resnet18.pth"
    state = torch.load(resnet / "resnet18.pth")
    torch.save(state, weights)
    given: dict[str, Any] = {**RESNET, "weights": str(weights), "epochs": 2}
    with pytest.raises(Stop):
        vecsearch.train(small / "train", tmp_path / "a", progress=stopped_at(600), **given)
    torch.save({name: value * 0.5 for name, value in state.items()}, weights)
    with pytest.raises(InvalidArgument, match="an unfinished training with other"):
        vecsearch.train(small / "train", tmp_path / "a", **given)


WITHOUT = """
import json, sys
for name in {hidden!r}:
    sys.modules[name] = None
import importlib.util
found = importlib.util.find_spec
importlib.util.find_spec = lambda name, *rest: None if name in {hidden!r} else found(name, *rest)
import vecsearch
{code}
"""


def without(hidden: tuple[str, ...], code: str) -> str:
    run = subprocess.run(
        [sys.executable, "-c", WITHOUT.format(hidden=hidden, code=code)],
        capture_output=True,
        text=True,
        check=True,
    )
    return run.stdout.strip()


def test_without_torch(model: Path, resnet: Path, small: Path, tmp_path: Path) -> None:
    encode = f"""
import numpy as np
encoder = vecsearch.open_encoder({str(model)!r})
images = np.random.default_rng(0).integers(0, 256, (5, 28, 28, 1), np.uint8)
print(json.dumps(encoder.encode(images).tolist()))
"""
    under_onnx = np.array(json.loads(without(("torch",), encode)))
    under_torch = np.array(json.loads(without(("onnxruntime",), encode)))
    np.testing.assert_allclose(under_onnx, under_torch, atol=1e-4)
    # A network of our own needs neither; the others say what to install.
    plain = np.array(json.loads(without(("torch", "onnxruntime"), encode)))
    np.testing.assert_allclose(plain, under_torch, atol=1e-4)
    large = encode.replace(str(model), str(resnet / "model")).replace("28, 28", "32, 32")
    said = f"""
try:
    exec({large!r})
except vecsearch.MissingPackage as error:
    print(error)
"""
    assert "pip install 'vecsearch[onnx]'" in without(("torch", "onnxruntime"), said)
    train = f"""
try:
    vecsearch.train({str(small)!r}, {str(tmp_path / "x")!r})
except vecsearch.MissingPackage as error:
    print(error)
"""
    assert "Training needs the package torch" in without(("torch",), train)


def test_trained_on_the_spot(sample: Path, clothes: Path, tmp_path: Path) -> None:
    preprocess = vecsearch.Preprocess((28, 28), color="grey")
    encoder = SiameseEncoder(8, preprocess, settings={"epochs": 2, "width": 4})
    collection = vecsearch.Collection.build(clothes, tmp_path / "index", encoder=encoder)
    assert collection.dim == 8
    assert collection.encoder.fingerprint == encoder.fingerprint
    refitted = collection.update(refit=True)
    assert refitted.indexed == 400
    assert vecsearch.Collection.open(tmp_path / "index").encoder.fingerprint == encoder.fingerprint


@pytest.mark.slow
def test_it_learns(sample: Path, tmp_path: Path) -> None:
    """From 2,000 images, judged by 1,000 others, better than PCA."""
    encoder = vecsearch.train(
        sample / "train", tmp_path / "model", preset="fast", width=8, epochs=20
    )
    found = {}
    for name, made in (("siamese", encoder), ("pca", "pca")):
        index = vecsearch.Collection.build(
            sample / "train", tmp_path / name, encoder=made, size=(28, 28), color="grey"
        )
        found[name] = vecsearch.evaluate(index, sample / "test").measures["accuracy"]
    assert found["siamese"] > found["pca"] + 0.02


def test_a_frozen_backbone_stays_as_it_is(clothes: Path) -> None:
    torch = pytest.importorskip("torch")
    from vecsearch.encoders.network import Architecture, Network
    from vecsearch.training.augment import augmentation
    from vecsearch.training.loop import Loop
    from vecsearch.training.objectives import Siamese
    from vecsearch.training.schedule import Plan
    from vecsearch.training.settings import TrainSettings

    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (60, 32, 32, 3), np.uint8)
    settings = TrainSettings.of(backbone="resnet18", weights="known.pth", batch=20, average=0.0)
    network = Network(Architecture("resnet18", dim=4))
    objective = Siamese(augmentation(("flip",)), "proxy", 3, 4)
    loop = Loop(network, objective, images, np.arange(60) % 3, settings, Plan(2), 0)
    kept = {name: value.clone() for name, value in network.state_dict().items()}

    def changed() -> set[str]:
        now = network.state_dict()
        return {name.split(".")[0] for name in kept if not torch.equal(kept[name], now[name])}

    loop.epoch(np.arange(60), lambda *_: None)
    loop.plan.advance(1)
    assert changed() == {"head"}
    loop.epoch(np.arange(60), lambda *_: None)
    assert changed() == {"head", "backbone"}


def test_the_first_step_tells_nothing_of_how_long_an_epoch_takes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It warms up. Were it all that is tried, a short budget would end after it."""
    pytest.importorskip("torch")
    from vecsearch.encoders.network import Architecture, Network
    from vecsearch.training.augment import augmentation
    from vecsearch.training.loop import Loop
    from vecsearch.training.objectives import Siamese
    from vecsearch.training.schedule import Plan
    from vecsearch.training.settings import TrainSettings

    images = np.zeros((600, 28, 28, 1), np.uint8)
    network = Network(Architecture("small", dim=4, width=4))
    objective = Siamese(augmentation(()), "proxy", 3, 4)
    settings = TrainSettings.of(batch=20)
    loop = Loop(network, objective, images, np.arange(600) % 3, settings, Plan(2), 0)
    seconds = iter([0.5, *[0.01] * 30])
    clock = [0.0]

    def step(*_: Any) -> float:
        clock[0] += next(seconds)
        return 0.0

    loop._step = step  # type: ignore[method-assign,assignment]
    monkeypatch.setattr("vecsearch.training.loop.time.perf_counter", lambda: clock[0])
    assert loop.seconds_of_epoch(np.arange(600), most=0.005) == pytest.approx(0.33)  # 33 steps
