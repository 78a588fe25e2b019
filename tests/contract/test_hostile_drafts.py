"""Crafted drafts, links and pipes: a build is refused or right, and touches nothing outside."""

import json
import os
import shutil
import sys
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from test_faults import leftovers, process
from test_hostile import built, photographed

from vecsearch import Collection, verify
from vecsearch.errors import VecsearchError


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return photographed(tmp_path_factory.mktemp("photos"))


class Interrupted(BaseException):
    """Stands for Ctrl-C."""


def interrupted(photos: Path, place: Path) -> Path:
    """The draft of a build that was interrupted half way."""

    def stop(what: str, done: int, total: int) -> None:
        if done >= 16:
            raise Interrupted

    with pytest.raises(Interrupted):
        built(photos / "images", place, progress=stop)
    return place / "draft"


def journal_of(*blocks: Any) -> bytes:
    """A journal with the right checksums, as anyone can make one."""
    lines = [one if isinstance(one, bytes) else json.dumps(one).encode() for one in blocks]
    return b"".join(b"%08x %s\n" % (zlib.crc32(line), line) for line in lines)


def facts(path: Path, name: str) -> list[Any]:
    status = path.stat()
    return [name, "0" * 64, status.st_size, status.st_mtime_ns, 6, 6]


ROW = bytes(range(48))


def block(files: Any, payload: bytes = b"", skipped: Any = ()) -> list[Any]:
    return [{"files": files, "skipped": list(skipped)}, len(payload), zlib.crc32(payload)]


def hostile_drafts(photos: Path) -> dict[str, tuple[bytes, bytes]]:
    """Journals and payloads that no build has written."""
    secret = photos / "secret.png"
    if not secret.exists():
        shutil.copy(photos / "images" / "1.png", secret)
    image = photos / "images" / "1.png"
    one = facts(image, "1.png")
    return {
        "no JSON": (journal_of(b"{"), b""),
        "an empty line": (journal_of(b""), b""),
        "no UTF-8": (journal_of(b'["\xff"]'), b""),
        "a number": (journal_of(5), b""),
        "null": (journal_of(None), b""),
        "a short list": (journal_of([{}, 0]), b""),
        "an empty note": (journal_of([{}, 0, 0]), b""),
        "a note that is a list": (journal_of([[], 0, 0]), b""),
        "lists in lists": (journal_of(b"[" * 100_000 + b"]" * 100_000), b""),
        "files that are null": (journal_of(block(None)), b""),
        "files that are a number": (journal_of(block(5)), b""),
        "files that are strings": (journal_of(block(["1.png"], ROW)), ROW),
        "a file of nothing": (journal_of(block([[]], ROW)), ROW),
        "a file of one fact": (journal_of(block([["1.png"]], ROW)), ROW),
        "a file of too many facts": (journal_of(block([[*one, 1]], ROW)), ROW),
        "a path that is a number": (journal_of(block([[5, *one[1:]]], ROW)), ROW),
        "a path that is a list": (journal_of(block([[["1.png"], *one[1:]]], ROW)), ROW),
        "an empty path": (journal_of(block([["", *one[1:]]], ROW)), ROW),
        "a path with a NUL": (journal_of(block([["1\0.png", *one[1:]]], ROW)), ROW),
        "a path upwards": (journal_of(block([facts(secret, "../secret.png")], ROW)), ROW),
        "a path from the root": (journal_of(block([facts(secret, str(secret))], ROW)), ROW),
        "a path in circles": (journal_of(block([facts(image, "../images/1.png")], ROW)), ROW),
        "a size below nothing": (journal_of([block([one])[0], -1, None]), b""),
        "a size without end": (journal_of([block([one])[0], 2**62, None]), b""),
        "a size that is a string": (journal_of([block([one])[0], "48", 0]), ROW),
        "files without pixels": (journal_of(block([one])), b""),
        "pixels without files": (journal_of(block([], ROW)), ROW),
        "half an image": (journal_of(block([one], ROW[:20])), ROW[:20]),
        "a file twice in a block": (journal_of(block([one, one], ROW * 2)), ROW * 2),
        "a file in two blocks": (journal_of(block([one], ROW), block([one], ROW)), ROW * 2),
        "widths that are none": (journal_of(block([[*one[:4], "a", None]], ROW)), ROW),
        "a hash that is none": (journal_of(block([[one[0], {"a": 1}, *one[2:]]], ROW)), ROW),
        "skipped that is null": (journal_of([{"files": [], "skipped": None}, 0, 0]), b""),
        "a skipped file of one fact": (journal_of(block([], skipped=[["1.png"]])), b""),
    }


_opened: list[str] = []
_hooks: list[object] = []


def _audit(event: str, arguments: tuple[Any, ...]) -> None:
    if event == "open" and isinstance(arguments[0], str | Path):
        _opened.append(str(arguments[0]))


def watch_opened() -> None:
    """From now on ``_opened`` lists the files that are opened; a hook stays for good."""
    if not _hooks:
        sys.addaudithook(_audit)
        _hooks.append(_audit)
    _opened.clear()


def misbuilt(photos: Path, place: Path) -> str | None:
    """What is wrong after the same build was run again; None if it was refused, or is right.

    The image ``1.png`` may have another vector: a draft may lie about an image, as its maker could
    have changed that image.
    """
    images = photos / "images"
    watch_opened()
    try:
        collection = built(images, place)
    except VecsearchError:
        collection = None
    except Exception as error:
        return repr(error)
    finally:
        opened = {Path(path).name for path in _opened}
    if outside := opened & {"secret.png", "victim"}:
        return f"read {outside}"
    if collection is None:
        return None
    try:
        names = [item.id for item in collection]
        if sorted(names) != sorted(f"{number}.png" for number in range(20)):
            return f"holds {names}"
        rest = [name for name in names if name != "1.png"]
        expected = collection.encode([images / name for name in rest])
        if not np.allclose(collection.vectors(rest), expected, atol=1e-4):
            return "vectors of other images"
        if verify(place).damages or leftovers(place) or not np.isfinite(collection.vectors()).all():
            return "damaged, or something is left over"
    except Exception as error:
        return f"built, but: {error!r}"
    return None


def test_a_draft_goes_on_in_this_test_too(photos: Path, tmp_path: Path) -> None:
    """Else the tests below would prove nothing: their drafts would be thrown away unread."""
    told: list[int] = []
    interrupted(photos, tmp_path / "index")

    def tell(what: str, done: int, total: int | None) -> None:
        if what == "reading":
            told.append(done)

    built(photos / "images", tmp_path / "index", tell)
    assert told == [16, 21]  # not the first eight


def test_hostile_drafts(photos: Path, tmp_path: Path) -> None:
    """They are refused or thrown away: no image twice or without its vector, none from outside."""
    faults = []
    for what, (journal, payload) in hostile_drafts(photos).items():
        draft = interrupted(photos, tmp_path / what)
        (draft / "journal").write_bytes(journal)
        (draft / "payload").write_bytes(payload)
        if fault := misbuilt(photos, tmp_path / what):
            faults.append(f"{what}: {fault}")
    assert faults == []


@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
def test_a_draft_of_vectors_that_are_none(photos: Path, tmp_path: Path, metric: str) -> None:
    def build(progress: Callable[[str, int, int], None] | None = None) -> Collection:
        return Collection.build(
            photos / "images",
            tmp_path / "index",
            encoder="pixels",
            size=(4, 4),
            metric=metric,
            jobs=1,
            progress=progress,
        )

    def stop(what: str, done: int, total: int) -> None:
        if done >= 16:
            raise Interrupted

    with pytest.raises(Interrupted):
        build(stop)
    payload = np.full((1, 48), np.nan, np.float32).tobytes()
    journal = journal_of(block([facts(photos / "images" / "1.png", "1.png")], payload))
    (tmp_path / "index" / "draft" / "journal").write_bytes(journal)
    (tmp_path / "index" / "draft" / "payload").write_bytes(payload)
    try:
        collection = build()
    except VecsearchError:
        return
    assert np.isfinite(collection.vectors()).all()


@pytest.mark.parametrize(
    "what",
    [
        "draft", "draft/key", "draft/journal", "draft/payload", "draft/becomes",
        ".writer", ".lock", "segments", "encoder",
    ],
)  # fmt: skip
def test_links_that_lead_a_writer_out(what: str, photos: Path, tmp_path: Path) -> None:
    """Nothing outside is written, emptied or deleted; the build works, or is refused."""
    place, outside = tmp_path / "index", tmp_path / "outside"
    shutil.copytree(photos / "index", place)
    interrupted(photos, place)
    link = place / what
    if what in {"draft", "segments", "encoder"}:
        link.rename(outside)
        link.symlink_to(outside)
    else:
        outside.mkdir()
        link.unlink(missing_ok=True)
        link.symlink_to(outside / "victim")
    (outside / "victim").write_text("mine")
    before = contents(outside)
    if what == "draft":
        Collection.open(place).remove(["3.png"])
        assert contents(outside) == before
    fault = misbuilt(photos, place)
    after = contents(outside)
    changed = {name for name in {**before, **after} if before.get(name) != after.get(name)}
    assert changed == set()
    assert fault is None or "Too many levels of symbolic links" in fault  # as the system says it


def contents(folder: Path) -> dict[str, bytes | None]:
    """All that a folder holds."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() if path.is_file() else None
        for path in folder.rglob("*")
    }


@pytest.mark.parametrize("what", ["a file", "key no UTF-8", "key a folder", "journal a folder"])
def test_a_draft_that_is_none(what: str, photos: Path, tmp_path: Path) -> None:
    draft = interrupted(photos, tmp_path / "index")
    if what == "a file":
        shutil.rmtree(draft)
        draft.write_text("a file")
    elif what == "key no UTF-8":
        (draft / "key").write_bytes(b"\xff")
    else:
        part = draft / what.split()[0]
        part.unlink()
        part.mkdir()
    assert misbuilt(photos, tmp_path / "index") is None


def open_it(folder: str) -> None:
    try:
        Collection.open(folder)
    except VecsearchError:
        print("refused")


def build_it(images: str, folder: str) -> None:
    try:
        built(Path(images), Path(folder))
    except (VecsearchError, OSError):
        print("refused")


@pytest.mark.parametrize("name", ["manifest-000002.json", "draft/key", "draft/journal"])
def test_a_pipe_among_the_files_makes_nobody_wait(name: str, photos: Path, tmp_path: Path) -> None:
    """Who opens a pipe waits until someone writes to it, which may be for ever."""
    place = tmp_path / "index"
    shutil.copytree(photos / "index", place)
    interrupted(photos, place)
    (place / name).unlink(missing_ok=True)
    os.mkfifo(place / name)
    if name.startswith("draft"):
        running = process(build_it, photos / "images", place)
    else:
        running = process(open_it, place)
    try:
        assert running.wait(60) == 0
    finally:
        running.kill()
        running.communicate()
