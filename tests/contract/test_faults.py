"""What ``kill -9`` and a full disk may not do: lose, tear or hide anything."""

import json
import os
import random
import re
import resource
import select
import shutil
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import COMMAND, PROJECT
from PIL import Image
from test_power_loss import State, state

from vecsearch import Collection, cluster, keep_clustering, verify
from vecsearch.errors import VecsearchError
from vecsearch.keeping import keep_calibration
from vecsearch.store import Manifest, generations, manifest_name

DIM = 4 * 4 * 3


def process(
    function: Callable[..., None], *arguments: object, flags: Sequence[str] = ()
) -> "subprocess.Popen[str]":
    """Run a function of a test file in a new interpreter, in which no thread has been started."""
    module = function.__module__
    places = [PROJECT / "tests", PROJECT / "tests" / "contract", os.environ.get("PYTHONPATH", "")]
    return subprocess.Popen(
        [
            sys.executable,
            *flags,
            "-c",
            f"import sys, {module}; {module}.{function.__name__}(*sys.argv[1:])",
            *map(str, arguments),
        ],
        stdout=subprocess.PIPE,
        text=True,
        env={
            **os.environ,
            "PYTHONPATH": os.pathsep.join(map(str, places)),
            "OMP_NUM_THREADS": "1",
            "OPENBLAS_NUM_THREADS": "1",
        },
    )


def result_of(running: "subprocess.Popen[str]") -> Any:
    """What a process printed as its last line, which is JSON."""
    out, _ = running.communicate(timeout=600)
    assert running.returncode == 0
    return json.loads(out.splitlines()[-1])


@dataclass
class Operation:
    """One way to change a collection.

    Attributes:
        name: What it is called.
        template: The collection that it begins with, or None.
        act: Does it.
        before: What there is before it.
        after: What there is after it.
    """

    name: str
    template: Path | None
    act: Callable[[Path], object]
    before: State = None
    after: State = None

    def begin(self, place: Path) -> None:
        shutil.rmtree(place, ignore_errors=True)
        if self.template is not None:
            shutil.copytree(self.template, place)


def operations(folder: Path) -> list[Operation]:
    """All that write, on a collection of 20 tiny images, of vectors by hand and of dead rows."""
    rng = np.random.default_rng(0)
    before, after = folder / "before", folder / "after"
    before.mkdir(parents=True)
    for number in range(20):
        image = Image.fromarray(rng.integers(0, 256, (6, 6, 3), np.uint8))
        image.save(before / f"{number}.png")
    (before / "bad.png").write_text("not an image")
    shutil.copytree(before, after)
    for number in range(5):
        (after / f"{number}.png").unlink()
        Image.new("RGB", (5, 5), (9 * number, 0, 0)).save(after / f"{5 + number}.png")
        Image.new("RGB", (5, 5), (0, 0, 9 * number)).save(after / f"new-{number}.png")

    def build(path: Path, images: Path, encoder: str, overwrite: bool = False) -> None:
        dim = {"pca": 3}.get(encoder)
        Collection.build(
            images, path, encoder=encoder, dim=dim, size=(4, 4), jobs=1, overwrite=overwrite
        )

    base = folder / "base"
    build(base, before, "pixels")
    collection = Collection.open(base)
    collection.add_vectors(np.eye(10, DIM) + 1, [f"v{number}" for number in range(10)])
    collection.remove(["v3", "0.png", "7.png"])
    many = np.arange(40 * DIM).reshape(40, DIM), [f"w{number}" for number in range(40)]
    found = [
        Operation("build", None, partial(build, images=before, encoder="pca")),
        Operation("overwrite", base, partial(build, images=after, encoder="pca", overwrite=True)),
        Operation("update", base, lambda path: Collection.open(path).update(after, jobs=1)),
        Operation("add", base, lambda path: Collection.open(path).add_vectors(*many)),
        Operation("remove", base, lambda path: Collection.open(path).remove(["v5", "9.png"])),
        Operation("cluster", base, clustered),
        Operation("calibrate", base, calibrated),
        Operation("compact", base, lambda path: Collection.open(path).compact()),
        Operation("index", base, lambda path: Collection.open(path).compact("Flat")),
    ]
    for one in found:
        place = folder / "whole"
        one.begin(place)
        one.before = state(place)
        one.act(place)
        one.after = state(place)
    return found


def clustered(path: Path) -> None:
    collection = Collection.open(path)
    keep_clustering(collection, "three", cluster(collection, 3, restarts=1))


def calibrated(path: Path) -> None:
    keep_calibration(path, "knn", {"threshold": 1.5}, Collection.open(path).fingerprint)


@dataclass
class Child:
    """A fork of this process that does something; it says so once it is done, and then waits."""

    pid: int
    answers: int

    @classmethod
    def start(cls, act: Callable[[], object]) -> "Child":
        reading, writing = os.pipe()
        pid = os.fork()
        if pid:
            os.close(writing)
            return cls(pid, reading)
        try:
            act()
            os.write(writing, b"done")
        except BaseException as error:
            kind = "ours" if isinstance(error, VecsearchError | OSError) else "strange"
            os.write(writing, f"{kind}: {error!r}".encode())
        while True:
            signal.pause()

    def answer(self, seconds: float) -> str:
        """What it says within a time; empty if it says nothing."""
        ready, _, _ = select.select([self.answers], [], [], seconds)
        return os.read(self.answers, 10_000).decode() if ready else ""

    def kill(self) -> str:
        """Kill it; returns what it has said before."""
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        said = os.read(self.answers, 10_000).decode()
        os.close(self.answers)
        return said


def wrong(place: Path, operation: Operation, said: str) -> str | None:
    """What is wrong after an operation that was cut short; None if it is as it must be."""
    try:
        found = state(place)
        if found is not None and (damages := verify(place).damages):
            return f"unreadable: {damages}"
    except Exception as error:
        return f"unreadable: {error!r}"
    if said == "done" and found != operation.after:
        return f"lost: {found}"
    if found not in (operation.before, operation.after):
        return f"torn: {found}"
    if said.startswith("strange"):
        return said
    return None


def stuck(place: Path, operation: Operation) -> str | None:
    """What keeps the next write from working; None if nothing does."""
    try:
        found = state(place)
        if found in (None, operation.before):
            operation.act(place)
            expected = operation.after
        else:
            dim = Collection.open(place).dim
            Collection.open(place).add_vectors(np.full((1, dim), 5, np.float32), ["next"])
            vector = np.full(dim, 5, np.float32).tobytes()
            expected = {**(found or {}), "next": (None, vector)}
        if state(place) != expected:
            return f"stuck: {state(place)}"
        if verify(place).damages:
            return f"stuck: {verify(place).damages}"
        left = leftovers(place)
    except Exception as error:
        return f"stuck: {error!r}"
    return f"left over: {left}" if left else None


def leftovers(place: Path) -> set[str]:
    """Files that no manifest names."""
    manifests = [Manifest.read(place / manifest_name(one)) for one in generations(place)]
    named = {".lock"}.union(*({one.name, *one.files} for one in manifests))
    files = (path for path in place.rglob("*") if path.is_file())
    return {path.relative_to(place).as_posix() for path in files} - named


def seconds_of(operation: Operation, place: Path) -> float:
    """How long an operation takes in a fork."""
    times = []
    for _ in range(5):
        operation.begin(place)
        started = time.perf_counter()
        child = Child.start(partial(operation.act, place))
        child.answer(20)
        times.append(time.perf_counter() - started)
        child.kill()
    return statistics.median(times)


def kill_often(folder: str, count: str) -> None:
    """Kill operations in turn, at random moments. Prints how many were acknowledged, and faults."""
    rng = random.Random(0)
    all_operations = operations(Path(folder))
    seconds = {one.name: seconds_of(one, Path(folder) / "timed") for one in all_operations}
    faults = []
    acknowledged = resumed = 0
    for turn in range(int(count)):
        operation = all_operations[turn % len(all_operations)]
        place = Path(folder) / f"place-{operation.name}"
        # A build that is cut short is begun again in the same place, and may be cut short again.
        if operation.name != "build" or state(place) is not None:
            operation.begin(place)
        resumed += (place / "draft" / "journal").exists()
        child = Child.start(partial(operation.act, place))
        time.sleep(rng.random() * 1.4 * seconds[operation.name])
        said = child.kill()
        acknowledged += said == "done"
        fault = wrong(place, operation, said)
        if fault is None and (operation.name != "build" or rng.random() < 0.3):
            fault = stuck(place, operation)
        if fault is not None:
            faults.append(f"{operation.name}: {fault}")
    print(json.dumps({"acknowledged": acknowledged, "resumed": resumed, "faults": faults}))


def check_kills(count: int, folder: Path) -> None:
    """What was acknowledged survives ``kill -9``, and no kill does harm."""
    found = result_of(process(kill_often, folder, count))
    faults = found["faults"]

    def how_many(word: str) -> int:
        return sum(f": {word}" in fault for fault in faults)

    print(
        f"{count} kills: {how_many('lost')} lost, {how_many('torn')} torn, "
        f"{how_many('unreadable')} unreadable; {found['acknowledged']} acknowledged, "
        f"{found['resumed']} builds went on"
    )
    assert faults == []
    assert 0 < found["acknowledged"] < count


def test_kills(tmp_path: Path) -> None:
    check_kills(36, tmp_path)


@pytest.mark.slow
def test_two_hundred_kills(tmp_path: Path) -> None:
    check_kills(200, tmp_path)


def limits(place: Path, count: int) -> list[int]:
    """How large a file may become: from a byte to enough, and a byte too few for each file."""
    sizes = sorted({path.stat().st_size for path in place.rglob("*") if path.is_file()} - {0, 1})
    spread = np.geomspace(1, 2 * max(sizes), count // 2).astype(int).tolist()
    return sorted({size - 1 for size in sizes[: count - len({*spread})]}.union(spread))


def under_a_limit(act: Callable[[Path], object], place: Path, limit: int, after: int) -> None:
    """Do something while no file may grow larger than that, once some have been opened to write."""
    opened = 0

    def watch(event: str, arguments: tuple[Any, ...]) -> None:
        nonlocal opened
        if event == "open" and str(arguments[0]).startswith(str(place)):
            opened += bool(arguments[2] & (os.O_WRONLY | os.O_RDWR))
            if opened == after:
                resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))

    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    if after:
        sys.addaudithook(watch)
    else:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
    act(place)


def fill_disk(folder: str, count: str) -> None:
    """Let the disk be full for every file of four operations, and for files of every size."""
    place = Path(folder) / "place"
    refused = done = 0
    faults = []
    for operation in operations(Path(folder)):
        if operation.name not in {"overwrite", "add", "update", "index"}:
            continue
        operation.begin(place)
        operation.act(place)
        sizes = limits(place, int(count))
        numbers = range(1, 60, 1 if int(count) >= 40 else 4)
        turns = [(limit, 0) for limit in sizes] + [(0, number) for number in numbers]
        for limit, after in turns:
            operation.begin(place)
            child = Child.start(partial(under_a_limit, operation.act, place, limit, after))
            said = child.answer(20)
            child.kill()
            refused += said != "done"
            done += said == "done"
            fault = wrong(place, operation, said) or stuck(place, operation)
            if said != "done" and "File too large" not in said:
                fault = f"not clear: {said!r}"
            if fault is not None:
                faults.append(f"{operation.name}, {limit} bytes, file {after}: {fault}")
            if after and said == "done":  # it opens no more files than that
                break
    print(json.dumps({"refused": refused, "done": done, "faults": faults}))


def check_full_disk(count: int, folder: Path) -> None:
    """It is told, nothing is lost, and once there is room the same command works."""
    found = result_of(process(fill_disk, folder, count))
    print(
        f"{found['refused']} full disks, {found['done']} with room: {len(found['faults'])} faults"
    )
    assert found["faults"] == []
    assert found["refused"] > count
    assert found["done"] > 3


def test_a_full_disk(tmp_path: Path) -> None:
    check_full_disk(10, tmp_path)


@pytest.mark.slow
def test_a_full_disk_at_forty_sizes(tmp_path: Path) -> None:
    check_full_disk(40, tmp_path)


def unmeasured() -> dict[str, str]:
    """An environment in which Python writes no files of its own, as those of coverage."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE")}
    return {**kept, "PYTHONDONTWRITEBYTECODE": "1"}


@pytest.mark.parametrize("limit", [0, 300, 2000])
def test_a_full_disk_is_told_in_one_line(tmp_path: Path, limit: int) -> None:
    overwrite, *_ = (one for one in operations(tmp_path) if one.name == "overwrite")
    place = tmp_path / "place"
    overwrite.begin(place)
    script = (
        "import os, resource, sys\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[1]),) * 2)\n"
        "os.execv(sys.argv[2], sys.argv[2:])"
    )
    command = [COMMAND, "build", tmp_path / "after", "-o", place, "--overwrite", "--size", "4x4"]
    run = subprocess.run(
        [sys.executable, "-c", script, str(limit), *map(str, command)],
        capture_output=True,
        text=True,
        check=False,
        env=unmeasured(),
    )
    assert (run.returncode, run.stdout) == (1, "")
    assert re.fullmatch(r"Error: [^\n]*File too large\.\n", run.stderr)
    assert state(place) == overwrite.before
    assert stuck(place, overwrite) is None
