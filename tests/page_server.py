"""Two collections, one of them hostile, served by the real command."""

import json
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from conftest import COMMAND, PROJECT

from vecsearch import Collection, cluster, keep_clustering

TOKEN = "open-sesame"
CLASSES = ("bag", "sneaker", "trouser")
EACH = 40
SHAPE: dict[str, Any] = {"encoder": "pca", "dim": 16, "size": (28, 28), "color": "grey", "jobs": 1}
EVIL = "<img src=x onerror=alert(1)>"
EVIL_FILES = (
    f"{EVIL}.png",
    "'\"><svg onload=alert(2)>.png",
    "%2e%2e#?&a b é.png",
    "{{7*7}}${7*7}.png",
)


def make_pictures(sample: Path, folder: Path) -> None:
    """Pictures of three classes, in shop/ and asked/, and in evil/ some with hostile names."""
    for name in CLASSES:
        shown = sorted((sample / "train" / name).iterdir())[: EACH + 5]
        for part, some in (("shop", shown[:EACH]), ("asked", shown[EACH:])):
            (folder / part / name).mkdir(parents=True)
            for path in some:
                shutil.copy(path, folder / part / name)
    # The same picture under another name.
    first = min((folder / "shop" / "bag").iterdir())
    shutil.copy(first, folder / "shop" / "bag" / "again.png")
    sources = iter(sorted((sample / "train" / "coat").iterdir()))
    for label in (EVIL, "javascript:alert(3)"):
        (folder / "evil" / label).mkdir(parents=True)
        for name in EVIL_FILES:
            shutil.copy(next(sources), folder / "evil" / label / name)


def make_collections(pictures: Path, root: Path) -> None:
    """Collections of these: shop with prices, clusters, a threshold and a report; and evil."""
    shown = sorted((pictures / "shop").rglob("*.png"))
    lines = [f"{p.relative_to(pictures / 'shop').as_posix()},{at}" for at, p in enumerate(shown)]
    (root / "prices.csv").write_text("\n".join(["path,price", *lines]), encoding="utf-8")
    shop = Collection.build(pictures / "shop", root / "shop", metadata=root / "prices.csv", **SHAPE)
    keep_clustering(shop, "three", cluster(shop, 3))
    rows = [{"path": f"{EVIL}/{name}", EVIL: EVIL, "price": 7} for name in EVIL_FILES]
    (root / "evil.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    Collection.build(
        pictures / "evil", root / "evil", metadata=root / "evil.jsonl", **{**SHAPE, "dim": 4}
    )
    for command in (
        ["calibrate", root / "shop", "--quiet"],
        ["evaluate", root / "shop", pictures / "asked", "--report", root / "report", "--quiet"],
    ):
        subprocess.run([str(COMMAND), *map(str, command)], check=True, capture_output=True)


@contextmanager
def serving(root: Path) -> Iterator[str]:
    """The address of ``vecsearch serve`` over them, writable."""
    said = root / "said"
    command = ["serve", root / "shop", root / "evil", "--port", "0", "--writable"]
    command += ["--token", TOKEN, "--report", f"shop={root / 'report'}"]
    with said.open("w") as file:
        process = subprocess.Popen([str(COMMAND), *map(str, command)], cwd=PROJECT, stderr=file)
    try:
        while (found := re.search(r"http://[^/\s]+", said.read_text())) is None:
            assert process.poll() is None, said.read_text()
            time.sleep(0.1)
        yield found.group()
    finally:
        process.terminate()
        process.wait(30)
    assert "Traceback" not in said.read_text()
