"""Crafted files: refused with an error of ours, and nothing of them is run."""

import io
import json
import os
import pickle
import shutil
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from test_store import forged

from vecsearch import Collection, open_encoder, verify
from vecsearch.errors import InvalidArgument, VecsearchError
from vecsearch.store.durable import stamp_of


class Evil:
    """Whoever unpickles it runs a command."""

    def __init__(self, canary: Path) -> None:
        self.canary = canary

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, (f"touch '{self.canary}'",)


@pytest.fixture
def canary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file that is made by whoever runs what is stored; a module that makes it, too."""
    path = tmp_path / "canary"
    (tmp_path / "modules").mkdir()
    (tmp_path / "modules" / "evil_module.py").write_text(f"open({str(path)!r}, 'w').close()\n")
    monkeypatch.syspath_prepend(tmp_path / "modules")
    return path


def test_the_canary_sings(canary: Path) -> None:
    """Else the tests below would prove nothing."""
    pickle.loads(crafted(canary)["a pickle"])
    assert canary.exists()
    canary.unlink()
    with np.load(io.BytesIO(crafted(canary)["an archive of arrays"]), allow_pickle=True) as arrays:
        _ = arrays["vectors"]
    assert canary.exists()
    canary.unlink()
    __import__("evil_module")
    assert canary.exists()


def crafted(canary: Path) -> dict[str, bytes]:
    """Files that run a command if they are read without care."""
    evil = np.array([Evil(canary)] * 5, object)
    array, arrays, archive = io.BytesIO(), io.BytesIO(), io.BytesIO()
    np.save(array, evil, allow_pickle=True)
    np.savez(arrays, vectors=evil, allow_pickle=True)
    with zipfile.ZipFile(archive, "w") as file:  # as torch.save makes them
        file.writestr("archive/data.pkl", pickle.dumps(Evil(canary)))
    header = b"{'descr': __import__('os').system('touch canary'), 'fortran_order': False}\n"
    return {
        "a pickle": pickle.dumps(Evil(canary)),
        "an array of objects": array.getvalue(),
        "an archive of arrays": arrays.getvalue(),
        "an archive of a pickle": archive.getvalue(),
        "an array whose header is code": b"\x93NUMPY\x01\x00"
        + len(header).to_bytes(2, "little")
        + header,
        "nothing": b"",
        "lists in lists": b"[" * 100_000 + b"]" * 100_000,
        "a number": b"5",
        "an empty object": b"{}",
    }


def photographed(folder: Path) -> Path:
    """Make a folder of 20 images, and beside it a collection of them with a skipped file."""
    rng = np.random.default_rng(0)
    (folder / "images").mkdir()
    for number in range(20):
        image = Image.fromarray(rng.integers(0, 256, (6, 6, 3), np.uint8))
        image.save(folder / "images" / f"{number}.png")
    (folder / "images" / "bad.png").write_text("not an image")
    built(folder / "images", folder / "index")
    return folder


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return photographed(tmp_path_factory.mktemp("photos"))


def built(
    images: Path, path: Path, progress: Callable[[str, int, int], None] | None = None
) -> Collection:
    return Collection.build(
        images, path, dim=2, size=(4, 4), jobs=1, overwrite=True, progress=progress
    )


def use(folder: Path, image: Path) -> list[str]:
    """Do all that can be done with a collection; returns errors that are not ours."""
    place = folder / "index"
    calls: dict[str, Callable[[], object]] = {
        "open": lambda: list(Collection.open(place)),
        "query": lambda: Collection.open(place).query([image]),
        "vectors": lambda: Collection.open(place).vectors(),
        "skipped": lambda: Collection.open(place).skipped,
        "info": lambda: Collection.open(place).info(),
        "get": lambda: Collection.open(place).get("3.png"),
        "verify": lambda: verify(place),
        "encoder": lambda: [open_encoder(path) for path in place.glob("encoder/*")],
        "update": lambda: Collection.open(place).update(jobs=1),
        "remove": lambda: Collection.open(place).remove(["4.png"]),
        "compact": lambda: Collection.open(place).compact(),
    }
    strange = []
    for name, call in calls.items():
        try:
            call()
        except VecsearchError:
            pass
        except Exception as error:
            strange.append(f"{name}: {repr(error)[:150]}")
    return strange


def put(place: Path, name: str, content: bytes, **changes: object) -> None:
    """Replace a file of a collection as an attacker does: the manifest names its new hash."""
    (place / name).write_bytes(content)
    body = json.loads((place / "manifest-000001.json").read_text())["manifest"]
    stamp = vars(stamp_of(place / name))
    forged(place, **{"files": {**body["files"], name: stamp}, **changes})


KINDS = (
    "segments/*.columns.safetensors", "segments/*.offsets.npy", "segments/*[0-9a-f].npy",
    "segments/*.jsonl", "encoder/*/settings.json", "encoder/*/weights.safetensors",
    "skipped-*.jsonl",
)  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_crafted_files_run_nothing(
    kind: str, photos: Path, tmp_path: Path, canary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Even if the manifest has their hash, since anyone can make one."""
    monkeypatch.chdir(tmp_path)
    image = photos / "images" / "1.png"
    strange = []
    for what, content in crafted(canary).items():
        shutil.rmtree(tmp_path / "index", ignore_errors=True)
        shutil.copytree(photos / "index", tmp_path / "index")
        (path,) = (
            path
            for path in (tmp_path / "index").glob(kind)
            if "offsets" in kind or "offsets" not in path.name
        )
        put(tmp_path / "index", path.relative_to(tmp_path / "index").as_posix(), content)
        strange += [f"{what}: {error}" for error in use(tmp_path, image)]
        assert not canary.exists(), what
    assert strange == []


@pytest.mark.parametrize(
    "name", ["evil_module", "evil_module:PCAEncoder", "os:system", "../evil_module", "/bin/sh", ""]
)
def test_the_name_of_an_encoder_imports_nothing(
    name: str, photos: Path, tmp_path: Path, canary: Path
) -> None:
    shutil.copytree(photos / "index", tmp_path / "index")
    (settings,) = (tmp_path / "index").glob("encoder/*/settings.json")
    text = json.loads(settings.read_text()) | {"encoder": name}
    body = json.loads((tmp_path / "index" / "manifest-000001.json").read_text())["manifest"]
    put(
        tmp_path / "index",
        settings.relative_to(tmp_path / "index").as_posix(),
        json.dumps(text).encode(),
        encoder={**body["encoder"], "name": name},
    )
    with pytest.raises(InvalidArgument, match="encoder"):
        open_encoder(settings.parent)
    with pytest.raises(VecsearchError, match="encoder"):
        Collection.open(tmp_path / "index").query([photos / "images" / "1.png"])
    assert use(tmp_path, photos / "images" / "1.png") == []
    assert not canary.exists()


HOSTILE_PARAMS: Mapping[str, Any] = {
    "none": None,
    "a string": "os.system",
    "a dim that is code": {"dim": "__import__('os').system('touch canary')"},
    "a dim that is a list": {"dim": [1]},
    "a size beyond all memory": {"size": [2**40, 2**40]},
    "a size that is none": {"size": "big"},
    "a size below nothing": {"size": [-4, -4]},
    "a fit that is code": {"fit": "os.system"},
    "a colour that is a path": {"color": "/etc/passwd"},
    "a seed that is none": {"seed": {"a": 1}},
    "more of them": {"__class__": "os.system", "path": "../../secret"},
}


@pytest.mark.parametrize("what", HOSTILE_PARAMS)
def test_hostile_parameters_of_an_encoder(
    what: str, photos: Path, tmp_path: Path, canary: Path
) -> None:
    shutil.copytree(photos / "index", tmp_path / "index")
    (settings,) = (tmp_path / "index").glob("encoder/*/settings.json")
    text = json.loads(settings.read_text())
    hostile = HOSTILE_PARAMS[what]
    text["params"] = {**text["params"], **hostile} if isinstance(hostile, dict) else hostile
    name = settings.relative_to(tmp_path / "index").as_posix()
    put(tmp_path / "index", name, json.dumps(text).encode())
    assert use(tmp_path, photos / "images" / "1.png") == []
    assert not canary.exists()
