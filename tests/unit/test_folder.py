"""Walking, reading and labelling a folder (promises 10 and 12)."""

import os
import socket
import subprocess
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from conftest import PHOTOS
from PIL import Image

from vecsearch.errors import InvalidArgument
from vecsearch.images import Batch, File, Preprocess, gather, read, scan, walk
from vecsearch.images import read_one as read_file
from vecsearch.images.reading import in_processes
from vecsearch.types import Skipped

TINY = Preprocess((2, 2), color="grey")


def grey(path: Path, value: int) -> None:
    """An image that tells which it is."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("L", (3, 3), value).save(path)


def reasons(skipped: Sequence[Skipped], folder: Path) -> dict[str, str]:
    return {
        os.fsencode(one.path.relative_to(folder)).decode(errors="backslashreplace"): one.reason
        for one in skipped
    }


def test_walk_finds_every_format_at_any_depth() -> None:
    found, skipped = walk(PHOTOS)
    assert found == [
        "cat/alpha.png",
        "cat/deep/er/plain.png",
        "cat/grey16.png",
        "cat/plain.jpg",
        "cat/Ünïcode & co.webp",
        "dog/bitmap.bmp",
        "dog/cmyk.jpg",
        "dog/palette.gif",
        "dog/tagged.tif",
        "stray.png",
    ]
    assert skipped == []


def test_walk_says_what_it_leaves_out(tmp_path: Path) -> None:
    grey(tmp_path / "a" / "good.PNG", 1)
    grey(tmp_path / "no-extension.png", 2)
    (tmp_path / "no-extension.png").rename(tmp_path / "no-extension")
    (tmp_path / ".hidden.png").write_bytes(b"x")
    (tmp_path / ".git").mkdir()
    (tmp_path / "notes.txt").write_text("x")
    (tmp_path / "drawing.svg").write_text("x")
    (tmp_path / "dangling.jpg").symlink_to("nowhere")
    (tmp_path / "loop").symlink_to(tmp_path)
    (tmp_path / "itself.jpg").symlink_to("itself.jpg")
    os.mkfifo(tmp_path / "pipe.jpg")
    with socket.socket(socket.AF_UNIX) as door:
        door.bind(str(tmp_path / "door.png"))
    (tmp_path / "old-index").mkdir()
    (tmp_path / "old-index" / "manifest-000001.json").write_text("x")
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.png")).write_bytes(b"x")
    found, skipped = walk(tmp_path)
    assert found == ["a/good.PNG", "no-extension"]
    assert reasons(skipped, tmp_path) == {
        ".git": "hidden",
        ".hidden.png": "hidden",
        "caf\\xe9.png": "its name is not valid UTF-8",
        "dangling.jpg": "a link that leads nowhere: No such file or directory",
        "door.png": "not a regular file: socket",
        "drawing.svg": "SVG is not among the formats read here: convert it to PNG or JPEG",
        "itself.jpg": "a link that leads nowhere: Too many levels of symbolic links",
        "loop": "folder was visited already under another name (a link)",
        "notes.txt": "not an image by its name (.txt)",
        "old-index": "a vecsearch collection, not a folder of images",
        "pipe.jpg": "not a regular file: FIFO",
    }


def test_a_link_to_itself_beside_a_table(tmp_path: Path) -> None:
    grey(tmp_path / "photos" / "good.png", 1)
    (tmp_path / "photos" / "itself.jpg").symlink_to("itself.jpg")
    table = tmp_path / "labels.csv"
    table.write_text("path,label\ngood.png,x\n")
    found = scan(tmp_path / "photos", table)
    assert [one.path.name for one in found.skipped] == ["itself.jpg"]


def test_a_folder_goes_by_its_own_name(tmp_path: Path) -> None:
    grey(tmp_path / "z-real" / "one.png", 1)
    (tmp_path / "a-link").symlink_to(tmp_path / "z-real")
    found, skipped = walk(tmp_path)
    assert found == ["z-real/one.png"]
    assert [one.path.name for one in skipped] == ["a-link"]


def test_only_a_manifest_makes_a_collection(tmp_path: Path) -> None:
    grey(tmp_path / "trip" / "manifest-destiny.png", 1)
    assert walk(tmp_path)[0] == ["trip/manifest-destiny.png"]


def test_walk_follows_links_that_lead_somewhere_new(tmp_path: Path) -> None:
    grey(tmp_path / "elsewhere" / "one.png", 1)
    grey(tmp_path / "photos" / "two.png", 2)
    (tmp_path / "photos" / "more").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "photos" / "three.png").symlink_to(tmp_path / "elsewhere" / "one.png")
    assert walk(tmp_path / "photos") == (["more/one.png", "three.png", "two.png"], [])


def test_walk_leaves_out_a_folder_it_may_not_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    grey(tmp_path / "open" / "one.png", 1)
    (tmp_path / "closed").mkdir()
    scandir = os.scandir

    def refuse(path: object) -> object:
        if str(path).endswith("closed"):  # chmod does not stop the superuser
            raise PermissionError(13, "Permission denied")
        return scandir(path)  # type: ignore[call-overload]

    monkeypatch.setattr(os, "scandir", refuse)
    found, skipped = walk(tmp_path)
    assert found == ["open/one.png"]
    assert reasons(skipped, tmp_path) == {"closed": "folder cannot be opened: Permission denied"}


@pytest.mark.slow
def test_walk_of_a_hundred_thousand_files(tmp_path: Path) -> None:
    for number in range(100_000):
        if number % 1000 == 0:
            (tmp_path / f"{number // 1000:03d}").mkdir()
        (tmp_path / f"{number // 1000:03d}" / f"{number:06d}.png").touch()
    found, skipped = walk(tmp_path)
    assert len(found) == 100_000
    assert found == sorted(found)
    assert skipped == []


def test_walk_of_what_is_no_folder(tmp_path: Path) -> None:
    with pytest.raises(InvalidArgument, match=r"Cannot read the folder .*: No such file"):
        walk(tmp_path / "nowhere")
    grey(tmp_path / "one.png", 1)
    with pytest.raises(InvalidArgument, match=r"one\.png: Not a directory"):
        walk(tmp_path / "one.png")


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_bad_file_never_shifts_its_neighbours(
    tmp_path: Path, jobs: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vecsearch.images.reading.FEW_FILES", 0)
    for number in range(300):
        grey(tmp_path / f"{number:03d}.png", number % 256)
    for number in (0, 7, 8, 9, 128, 299):
        (tmp_path / f"{number:03d}.png").write_bytes(b"not an image")
    (tmp_path / "100.png").write_bytes(b"")
    paths, _ = walk(tmp_path)
    batches = list(read(tmp_path, paths, TINY, jobs))
    values = {
        file.path: int(pixels[0, 0, 0])
        for batch in batches
        for file, pixels in zip(batch.files, batch.pixels, strict=True)
    }
    skipped = {one.path.name: one.reason for batch in batches for one in batch.skipped}
    assert list(values) == sorted(values)
    assert values == {f"{n:03d}.png": n % 256 for n in range(300) if f"{n:03d}.png" not in skipped}
    bad = "not an image in one of the formats JPEG, PNG, GIF, WEBP, BMP, TIFF"
    assert skipped == {
        "100.png": "empty (0 bytes)",
        **{f"{number:03d}.png": bad for number in (0, 7, 8, 9, 128, 299)},
    }


def test_a_file_knows_what_it_was(tmp_path: Path) -> None:
    path = tmp_path / "one.png"
    Image.new("L", (30, 20), 9).save(path)
    os.utime(path, ns=(5, 1_234_567_890))
    file, pixels = read_file(path, TINY)
    import hashlib

    assert file == File(
        path="one.png",
        sha256=hashlib.sha256(path.read_bytes()).hexdigest(),
        size=path.stat().st_size,
        mtime_ns=1_234_567_890,
        width=30,
        height=20,
    )
    np.testing.assert_array_equal(pixels, np.full((2, 2, 1), 9))


def test_what_cannot_be_read_is_skipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    grey(tmp_path / "big.png", 1)
    os.mkfifo(tmp_path / "pipe.png")
    monkeypatch.setattr("vecsearch.images.reading.MAX_FILE_BYTES", 10)
    (batch,) = read(tmp_path, ["big.png", "gone.png", "pipe.png"], TINY, 1)
    assert [one.reason for one in batch.skipped] == [
        "larger than 0 MiB",
        "cannot be read: No such file or directory",
        "not a regular file",
    ]


def test_a_file_that_changes_while_it_is_read_is_skipped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    grey(tmp_path / "one.png", 1)
    real = os.read

    def grow(descriptor: int, count: int) -> bytes:
        with (tmp_path / "one.png").open("ab") as file:
            file.write(b"more")
        return real(descriptor, count)

    monkeypatch.setattr(os, "read", grow)
    (batch,) = read(tmp_path, ["one.png"], TINY, 1)
    assert [one.reason for one in batch.skipped] == ["changed while it was being read"]


def kill_on(victim: str, paths: Sequence[str]) -> Batch:
    """What a worker does whose decoder crashes on one file."""
    if victim in paths:
        os.kill(os.getpid(), 9)
    files = [File(path, "", 0, 0, 1, 1) for path in paths]
    return Batch(files, np.zeros((len(files), 1, 1, 1), np.uint8), [])


def test_a_crashing_decoder_costs_its_own_file_only() -> None:
    chunks = [[f"{chunk}{name}" for name in "abc"] for chunk in range(8)]
    batches = list(in_processes(partial(kill_on, "3b"), Path("/x"), iter(chunks), 2))
    files = [file.path for batch in batches for file in batch.files]
    assert files == [name for chunk in chunks for name in chunk if name != "3b"]
    skipped = [one for batch in batches for one in batch.skipped]
    assert skipped == [Skipped(Path("/x/3b"), "the decoder crashed on it, or ran out of memory")]


@pytest.mark.parametrize("encoder", ["pixels", "pca"])
def test_a_build_survives_a_crashing_decoder(tmp_path: Path, encoder: str) -> None:
    """The whole way, in a process of its own, with a decoder that dies on one file."""
    for number in range(8):
        grey(tmp_path / "photos" / f"{number}.png", 30 * number + 1)
    (tmp_path / "crash.py").write_text(
        "import os, vecsearch.images.reading as reading\n"
        "real = reading._read\n"
        "def crash(path, name, preprocess):\n"
        "    if name == '5.png': os.kill(os.getpid(), 9)\n"
        "    return real(path, name, preprocess)\n"
        "def chunk(folder, preprocess, paths):\n"
        "    reading._read = crash\n"
        "    return old(folder, preprocess, paths)\n"
        "old = reading.read_chunk\n"
    )
    script = (
        "import crash, sys, vecsearch, vecsearch.images.reading as reading\n"
        "reading.FEW_FILES, reading.CHUNKS_A_JOB = 0, 2\n"
        "reading.read_chunk = crash.chunk\n"
        "photos = vecsearch.Collection.build(\n"
        "    'photos', 'index', encoder=sys.argv[1], size=(2, 2), jobs=2)\n"
        "print([item.id[0] for item in photos], [one.path.name for one in photos.skipped])\n"
    )
    run = subprocess.run(
        [sys.executable, "-c", script, encoder],
        cwd=tmp_path, capture_output=True, text=True, check=False,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
    )  # fmt: skip
    assert run.returncode == 0, run.stderr
    assert run.stdout == f"{list('0123467')} ['5.png']\n"


def test_jobs_are_one_or_more() -> None:
    with pytest.raises(InvalidArgument, match="0 jobs can do nothing"):
        list(read(PHOTOS, ["stray.png"], TINY, 0))


def test_labels_by_folder() -> None:
    folder = scan(PHOTOS)
    assert folder.labels["cat/deep/er/plain.png"] == "cat"
    assert folder.labels["dog/bitmap.bmp"] == "dog"
    assert "stray.png" not in folder.labels
    assert scan(PHOTOS, "none").labels == {}


def test_labels_by_table(tmp_path: Path) -> None:
    for name in ("one.png", "two.png", "three.png"):
        grey(tmp_path / name, 1)
    table = tmp_path / "labels.csv"
    table.write_text('﻿price,label,path\n3,"a, b",one.png\n4,,two.png\n5,c,gone.png\n')
    folder = scan(tmp_path, table)
    assert folder.labels == {"one.png": "a, b"}
    # The table itself is no surprise, but that it names what is not there is.
    assert folder.skipped == [Skipped(table, "1 of its paths are no images here, as 'gone.png'")]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "file,label\none.png,a\n",
            "columns path and label, with commas between; its first line has: file, label",
        ),
        ("", "its first line has: nothing"),
        ("path,label\none.png,a\n./one.png, b \n", "line 3: one.png is both 'a' and 'b'"),
        ("path,label\nother/one.png,a\n", "The first one it speaks of is 'other/one.png'"),
    ],
)
def test_a_table_that_does_not_fit(tmp_path: Path, text: str, message: str) -> None:
    grey(tmp_path / "one.png", 1)
    (tmp_path / "labels.csv").write_text(text)
    with pytest.raises(InvalidArgument, match=message):
        scan(tmp_path, tmp_path / "labels.csv")


def test_a_table_that_cannot_be_read(tmp_path: Path) -> None:
    grey(tmp_path / "one.png", 1)
    with pytest.raises(InvalidArgument, match="Labels are 'folder', 'none' or a CSV file"):
        scan(tmp_path, tmp_path / "nowhere.csv")
    (tmp_path / "latin.csv").write_bytes("path,label\none.png,café\n".encode("latin-1"))
    with pytest.raises(InvalidArgument, match="is not a CSV file in UTF-8"):
        scan(tmp_path, tmp_path / "latin.csv")


def test_gathered_images_leave_nothing_behind(tmp_path: Path) -> None:
    paths, _ = walk(PHOTOS)
    gathered = gather(read(PHOTOS, paths, TINY, 1), TINY, tmp_path)
    assert [file.path for file in gathered.files] == paths
    assert gathered.pixels.shape == (10, 2, 2, 1)
    np.testing.assert_array_equal(gathered.pixels[9], read_file(PHOTOS / "stray.png", TINY)[1])
    assert list(tmp_path.iterdir()) == []
    assert gather(iter([]), TINY, tmp_path).pixels.shape == (0, 2, 2, 1)
