"""A build on Ray that loses a machine and then its driver: run again, every image is there once."""

import json
import os
import re
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from subprocess import CompletedProcess, Popen

import numpy as np
import pytest
from conftest import COMMAND
from ray_cluster import PORT, Node, cluster

from vecsearch import Collection, verify

pytestmark = pytest.mark.slow
IMAGES = 40  # of each of ten classes
# Slow enough that something can be killed in its midst: 30 ms an image.
OPTIONS = ("--encoder", "efficientnet-lite0", "--format", "jsonl")


@pytest.fixture(scope="module")
def photos(sample: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("photos")
    for place in sorted((sample / "train").iterdir()):
        (folder / place.name).mkdir()
        for path in sorted(place.iterdir())[:IMAGES]:
            shutil.copy2(path, folder / place.name / path.name)
    (folder / "bag" / "broken.png").write_bytes(b"no image at all")
    return folder


@pytest.fixture(scope="module")
def nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Node]]:
    pytest.importorskip("ray")
    with cluster(tmp_path_factory.mktemp("ray"), nodes=3) as made:
        yield made


def notes(index: Path) -> int:
    """How many parts are done."""
    return len(list(index.glob("draft/parts/*.json")))


def wait_for_parts(index: Path, wanted: int, build: Popen[bytes], log: Path) -> None:
    until = time.monotonic() + 60
    while notes(index) < wanted:
        assert build.poll() is None, log.read_text()
        assert time.monotonic() < until, log.read_text()
        time.sleep(0.02)


def test_a_lost_machine_and_a_lost_driver_cost_nothing_that_was_done(
    nodes: list[Node],
    photos: Path,
    tmp_path: Path,
    vecsearch: Callable[..., CompletedProcess[str]],
    capsys: pytest.CaptureFixture[str],
) -> None:
    index, log = tmp_path / "index", tmp_path / "build.log"
    command = (COMMAND, "build", photos, "-o", index, *OPTIONS, "--engine", "ray")
    command = (*command, "--ray-address", f"{nodes[0].address}:{PORT}")
    head, _, lost = nodes

    build = head.run(*command, log=log)
    wait_for_parts(index, 3, build, log)
    lost.kill()
    at_loss = notes(index)
    wait_for_parts(index, at_loss + 3, build, log)  # the others go on without it
    killed = [int(pid) for pid in _below(build.pid)]
    for pid in killed:
        os.kill(pid, signal.SIGKILL)
    build.wait(10)
    at_kill = notes(index)
    assert 0 < at_loss < at_kill < 16
    assert not list(index.glob("manifest-*"))

    assert head.run(*command, log=log).wait(90) == 0, log.read_text()
    done = re.search(r"Going on where it was interrupted: (\d+) of 401 files", log.read_text())
    assert done is not None
    assert int(done[1]) >= 26 * (at_kill - 1) + 11  # of which the last part has 11, others 26
    answer = json.loads(next(line for line in log.read_text().splitlines() if line.startswith("{")))
    assert (answer["indexed"], answer["skipped"]) == (10 * IMAGES, 1)

    assert vecsearch("build", photos, "-o", tmp_path / "local", *OPTIONS).returncode == 0
    ours, theirs = Collection.open(index), Collection.open(tmp_path / "local")
    assert [item.id for item in ours] == [item.id for item in theirs]
    assert [item.label for item in ours] == [item.label for item in theirs]
    np.testing.assert_allclose(ours.vectors(), theirs.vectors(), atol=1e-5)
    assert verify(index).damages == []
    assert not (index / "draft").exists()
    with capsys.disabled():
        print(
            f"\n{at_loss} of 16 parts were done when a node was killed, {at_kill} when the driver "
            f"was; then all, in {answer['seconds']:.1f} s."
        )


def _below(pid: int) -> list[int]:
    """A process and what it has started, from its last descendants on."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [*(one for child in children for one in _below(int(child))), pid]
