"""A build on Ray beside a local one: what it costs on one machine, and what a second node brings.

    python benchmarks/ray_build.py /tmp/fashion-mnist/train
    python benchmarks/ray_build.py /tmp/fashion-mnist/train --every 10
    sudo python benchmarks/ray_build.py /tmp/fashion-mnist/train --every 60 --nodes

Prints the seconds of each build, the ratio, and where the time of Ray goes: PCA, of small images,
where there is least to do. With --nodes, one worker node is compared with two, each with one
processor in a network namespace of its own, beside a head that does not work, by a network, of
which there is more to do; that takes root, and iproute2.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

PROJECT = Path(__file__).parents[1]
PCA = {"encoder": "pca", "size": (28, 28), "color": "grey", "dim": 32}
NETWORK = {"encoder": "efficientnet-lite0"}


def one(folder: Path, index: Path, engine: str, address: str | None) -> dict[str, float]:
    """Build in this process, and say when what was done."""
    started = time.perf_counter()
    from vecsearch import Collection

    moments: dict[str, float] = {}

    def note(what: str) -> None:
        moments.setdefault(what, time.perf_counter() - started)

    if engine == "ray":
        from vecsearch.distributed import ray_build

        begun, build = ray_build.RayEngine.__enter__, ray_build.build_by_parts

        def enter(self):
            note("listed")
            made = begun(self)
            note("Ray is there")
            return made

        def build_noted(*arguments):
            made = build(*arguments)
            note("committed")
            return made

        ray_build.RayEngine.__enter__ = enter
        ray_build.build_by_parts = build_noted
    else:
        from vecsearch import collection

        make_index = collection.make_index

        def make_noted(*arguments):
            note("committed")
            make_index(*arguments)

        collection.make_index = make_noted

    def progress(what: str, done: int, total: int) -> None:
        note(f"{what}: first")
        if done == total:
            note(f"{what}: all")

    how = {**(NETWORK if address else PCA), "engine": engine, "ray_address": address}
    Collection.build(folder, index, jobs=None if address else 2, progress=progress, **how)
    note("done")
    return moments


def child(*arguments: str | Path, prefix: tuple[str, ...] = ()) -> dict[str, float]:
    """``one`` in a process of its own."""
    command = [*prefix, sys.executable, __file__, "--one", *map(str, arguments)]
    started = time.perf_counter()
    run = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    moments = json.loads(run.stdout.splitlines()[-1])
    return {**moments, "process": time.perf_counter() - started}


def told(moments: dict[str, float]) -> None:
    before = 0.0
    for what, moment in moments.items():
        print(f"    {what:24} {moment:7.1f} s   +{moment - before:.1f}")
        before = moment


def beside(folder: Path, scratch: Path) -> None:
    """A local build and one on a Ray that is started for it, each with two processes."""
    for path in folder.rglob("*.png"):  # so that neither is the first to fetch them from the disk
        path.read_bytes()
    print("local, two processes:")
    told(local := child(folder, scratch / "local", "local"))
    print("Ray, two workers:")
    told(ray := child(folder, scratch / "ray", "ray"))
    print(f"overhead: {ray['process'] / local['process']:.2f} × as long as local")
    work = ray["committed"] - ray["reading a sample: first"]
    own = local["committed"] - local["reading: first"]
    print(f"from the first image on until it is committed: {work / own:.2f} ×")


def scaling(folder: Path, scratch: Path) -> None:
    """One worker node and two, in network namespaces."""
    sys.path.insert(0, str(PROJECT / "tests"))
    from ray_cluster import PORT, cluster

    seconds = {}
    for workers in (1, 2):
        logs = scratch / f"cluster-{workers}"
        logs.mkdir()
        with cluster(logs, nodes=workers + 1, head_processors=0) as nodes:
            print(f"{workers} worker node{'s' * (workers > 1)}:")
            os.environ.update(nodes[0].environment)
            address = f"{nodes[0].address}:{PORT}"
            index = scratch / f"nodes-{workers}"
            moments = child(folder, index, "ray", address, prefix=nodes[0].prefix)
            told(moments)
            seconds[workers] = moments
    whole = seconds[1]["process"] / seconds[2]["process"]
    parts = [one["reading: all"] - one["reading: first"] for one in seconds.values()]
    print(
        f"two worker nodes: {whole:.2f} × as fast as one; "
        f"the parts alone {parts[0] / parts[1]:.2f} ×"
    )


def every(number: int, folder: Path, scratch: Path) -> Path:
    """A folder with every so manieth image."""
    for path in sorted(folder.rglob("*.png"))[::number]:
        target = scratch / "some" / path.relative_to(folder)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(path, target)
    return scratch / "some"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("rest", nargs="*")
    parser.add_argument("--one", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--nodes", action="store_true", help="one worker node and two")
    parser.add_argument("--every", type=int, default=1, help="every so manieth image only")
    given = parser.parse_args()
    if given.one:
        index, engine, *address = given.rest
        print(json.dumps(one(given.folder, Path(index), engine, address[0] if address else None)))
        return
    with tempfile.TemporaryDirectory(prefix="ray-build-") as place:
        scratch = Path(place)
        folder = given.folder.resolve()
        folder = every(given.every, folder, scratch) if given.every > 1 else folder
        (scaling if given.nodes else beside)(folder, scratch)


if __name__ == "__main__":
    main()
