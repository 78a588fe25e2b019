"""What commands print as JSON is what docs/schemas says, no key more and none less."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import PROJECT
from jsonschema import Draft202012Validator
from referencing import Registry, Resource

from vecsearch_cli.main import VERBS, vecsearch

SCHEMAS = {
    file.stem: json.loads(file.read_text())
    for file in (PROJECT / "docs" / "schemas").glob("*.json")
}
PARTS = {"hit", "figure", "class", "confusion", "measured"}
# What serve answers, its own OpenAPI document says; it prints nothing.
SILENT = {"serve"}
Ask = Callable[..., list[Mapping[str, Any]]]
LOOK = ("--size", "28x28", "--color", "grey")


def closed(schema: Any) -> Any:
    """The schema, such that a key that it does not describe is an error."""
    if isinstance(schema, list):
        return [closed(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    inner = {key: closed(part) for key, part in schema.items()}
    return {**inner, "additionalProperties": False} if "properties" in schema else inner


REGISTRY = Registry().with_resources(
    (f"{name}.json", Resource.from_contents(closed(schema))) for name, schema in SCHEMAS.items()
)


def not_a_number(text: str) -> float:
    raise AssertionError(f"{text} is no JSON")


@pytest.fixture(scope="module")
def scene(small: Path, tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Any]:
    folder = tmp_path_factory.mktemp("json")
    np.save(folder / "v.npy", np.random.default_rng(0).normal(size=(200, 4)).astype(np.float32))
    images = folder / "train"
    for path in sorted((small / "train").rglob("*.png")):
        (images / path.parent.name).mkdir(parents=True, exist_ok=True)
        (images / path.parent.name / path.name).write_bytes(path.read_bytes())
    first = next((images / "bag").iterdir())
    (images / "bag" / "copy.png").write_bytes(first.read_bytes())
    (images / "broken.jpg").write_text("no image")
    # All are of one category, so that compare has categories to tell of.
    rows = ["path,label,split,is_query,is_gallery,category"]
    for number, path in enumerate(sorted(images.rglob("*.png"))):
        label = path.parent.name
        asked = "True,False" if number % 3 else "False,True"
        rows.append(f"{label}/{path.name},{label},validation,{asked},all")
    (folder / "split.csv").write_text("\n".join(rows))
    return {
        "folder": folder,
        "train": images,
        "test": small / "test",
        "index": folder / "index",
        "image": next((small / "test" / "bag").iterdir()),
        "first": f"bag/{first.name}",
    }


@pytest.fixture
def ask(capsys: pytest.CaptureFixture[str]) -> Ask:
    """The command, run here; its answers are checked before they are given back."""

    def run(verb: str, *arguments: object) -> list[Mapping[str, Any]]:
        vecsearch.main(
            [verb, *map(str, arguments), "--format", "jsonl", "-q"], standalone_mode=False
        )
        lines = capsys.readouterr().out.splitlines()
        answers = [json.loads(line, parse_constant=not_a_number) for line in lines]
        assert answers, verb
        validator = Draft202012Validator({"$ref": f"{verb}.json"}, registry=REGISTRY)
        for answer in answers:
            validator.validate(answer)
        return answers

    return run


@pytest.fixture
def built(scene: Mapping[str, Any], ask: Ask) -> Mapping[str, Any]:
    if not scene["index"].exists():
        (answer,) = ask("build", scene["train"], "-o", scene["index"], "--dim", "8", *LOOK)
        assert (answer["indexed"], answer["skipped"]) == (31, 1)
    return scene


def test_a_key_that_is_not_described_is_an_error() -> None:
    validator = Draft202012Validator({"$ref": "export.json"}, registry=REGISTRY)
    assert validator.is_valid({"items": 1, "dim": 2, "file": "a.csv"})
    assert not validator.is_valid({"items": 1, "dim": 2, "file": "a.csv", "more": 1})
    assert not validator.is_valid({"items": 1, "dim": 2})
    assert not validator.is_valid({"items": "1", "dim": 2, "file": "a.csv"})


def test_every_command_has_a_schema_and_every_schema_a_command() -> None:
    assert set(SCHEMAS) - PARTS == set(VERBS) - SILENT
    for name, schema in SCHEMAS.items():
        Draft202012Validator.check_schema(schema)
        assert schema["$id"] == f"{name}.json"


def test_answers_of_and_on_milvus(built: Mapping[str, Any], ask: Ask) -> None:
    pytest.importorskip("milvus_lite")
    address = f"milvus://{built['folder']}/lite.db/shop"
    assert ask("push", built["index"], address)[0]["items"] == 31
    assert ask("info", address)[0]["replicas"] == 1
    ask("query", address, built["image"], "-k", "2")


def test_answers_of_those_that_ask(built: Mapping[str, Any], ask: Ask) -> None:
    index, image, out = built["index"], built["image"], built["folder"] / "out.csv"
    assert len(ask("query", index, image, "-k", "2")[0]["hits"]) == 2
    ask("recommend", index, "--like", image, "--unlike", built["first"])
    ask("recommend", index, "--for-each", "-k", "2", "-o", out)
    ask("classify", index, image)
    ask("classify", index, image, "--method", "centroid")
    assert ask("classify", index, image, "--reject", "0.001")[0]["label"] is None
    assert ask("info", index)[0]["labels"]["bag"] == 11
    assert len(ask("info", index, "--skipped")) == 1
    ask("verify", index)
    ask("encoders")
    ask("doctor")


def test_answers_of_duplicates(built: Mapping[str, Any], ask: Ask) -> None:
    assert len(ask("duplicates", built["index"], "--keep", "sharpest")) == 1
    (group,) = ask("duplicates", built["index"], "-t", "none", "--apply", "delete")
    assert group["applied"][0]["done"] == "would be deleted"


def test_answers_of_clusters(built: Mapping[str, Any], ask: Ask) -> None:
    index, out = built["index"], built["folder"] / "clusters.csv"
    assert len(ask("cluster", index, "--k", "3")) == 31
    ask("cluster", index, "--k", "3", "--save", "kinds", "-o", out)
    ask("cluster", index, "--method", "hierarchical", "--k", "1", "-o", out)
    ask("classify", index, built["image"], "--clusters", "kinds")
    ask("cluster", index, "--forget", "kinds")


def test_answers_of_figures(built: Mapping[str, Any], ask: Ask) -> None:
    index, test = built["index"], built["test"]
    ask("calibrate", index, test, "--far", "0.5")
    ask("evaluate", index, test)
    ask("evaluate", index, "--leave-one-out", "--audit", "--task", "retrieval")
    ask("compare", built["train"], test, "--encoders", "pixels,pca=4", *LOOK)
    table = built["folder"] / "split.csv"
    (line,) = ask(
        "compare", built["train"], "--protocol", table, "--encoders", "pixels",
        "--metric", "cosine", *LOOK,
    )  # fmt: skip
    assert "per_category" in line


def test_answers_of_maps(built: Mapping[str, Any], ask: Ask) -> None:
    for name, method in (("m.png", "pca"), ("m.html", "lda")):
        ask("plot", built["index"], "-o", built["folder"] / name, "--method", method)


def test_answers_of_those_that_change(built: Mapping[str, Any], ask: Ask) -> None:
    index, folder = built["index"], built["folder"]
    ask("add", index, built["image"], "--label", "bag")
    ask("remove", index, built["first"])
    ask("update", index, "--dry-run")
    ask("update", index)
    ask("repair", index)
    ask("compact", index)
    ask("export", index, "-o", folder / "e.npz")


def test_answers_of_vectors(scene: Mapping[str, Any], ask: Ask) -> None:
    own = scene["folder"] / "own"
    (answer,) = ask("import", scene["folder"] / "v.npy", "-o", own)
    assert answer["encoder"] is None
    ask("info", own)
    (tuned,) = ask("tune", own, "--kind", "IVF4,Flat", "--recall", "0.1", "--dry-run")
    assert {one["kind"] for one in tuned["measured"]} >= {"exact"}


@pytest.mark.slow
def test_answers_of_the_demo(scene: Mapping[str, Any], ask: Ask) -> None:
    lines = ask("demo", "-o", scene["folder"] / "demo")
    assert [(line["encoder"], line["metric"]) for line in lines] == [
        (encoder, metric)
        for encoder in ("pixels", "pca", "lda")
        for metric in ("euclidean", "cosine")
    ]
    assert {(line["queries"], line["gallery"]) for line in lines} == {(1000, 2000)}
    assert min(line["measures"]["accuracy"] for line in lines) > 0.78
    assert min(line["measures"]["centroid_accuracy"] for line in lines[4:]) > 0.79


@pytest.mark.slow
def test_answers_of_training(scene: Mapping[str, Any], ask: Ask) -> None:
    pytest.importorskip("torch")
    for settings in ([], ["--objective", "simclr", "--labels", "none"]):
        model = scene["folder"] / f"model-{len(settings)}"
        ask("train", scene["train"], "-o", model, "--epochs", "1", "--width", "4", *settings)
