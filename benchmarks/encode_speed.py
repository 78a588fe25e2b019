"""What encoding a folder of photos takes, beside its parts alone.

    python benchmarks/encode_speed.py FOLDER [--encoder efficientnet-lite0] [--rounds 5]

For a network: beside a bare loop of onnxruntime over the same images, decoded before, in batches of
the same size. For other encoders: beside decoding alone, over as many processes. All run in turn,
round after round, in processes of their own; a build is the command from start to exit. Prints
images a second, and those for each second that a core was busy, and the median ratios.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

BARE = """
import sys, time
import numpy as np, onnxruntime
from vecsearch import make_encoder
from vecsearch.encoders.networks import BATCH
pixels = np.load(sys.argv[1], mmap_mode="r")
encoder = make_encoder(sys.argv[2])
session = onnxruntime.InferenceSession(encoder.network)
name = session.get_inputs()[0].name
session.run(None, {name: np.ascontiguousarray(pixels[:1])})
wall, busy = time.perf_counter(), time.process_time()
for start in range(0, len(pixels), BATCH):
    session.run(None, {name: np.ascontiguousarray(pixels[start : start + BATCH])})
print(time.perf_counter() - wall, time.process_time() - busy)
"""
DECODE = """
import sys
from pathlib import Path
import numpy as np
from vecsearch import make_encoder
from vecsearch.encoding import read_folder
from vecsearch.images import scan
folder = scan(sys.argv[1])
look = make_encoder(sys.argv[2]).preprocess
batches = read_folder(folder, folder.paths, look, None, None)
if len(sys.argv) > 3:
    np.save(sys.argv[3], np.concatenate([batch.pixels for batch in batches]))
else:
    print(sum(len(batch.pixels) for batch in batches))
"""


def timed(command: list[str]) -> tuple[float, float]:
    """Seconds, and seconds of all cores together, from start to exit."""
    before, started = os.times(), time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    after = os.times()
    busy = after.children_user + after.children_system
    return time.perf_counter() - started, busy - before.children_user - before.children_system


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--encoder", default="efficientnet-lite0")
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    python, folder, encoder = sys.executable, str(arguments.folder), arguments.encoder
    vecsearch = str(Path(python).with_name("vecsearch"))
    network = encoder == "efficientnet-lite0"
    with tempfile.TemporaryDirectory() as scratch:
        index, pixels = f"{scratch}/index", f"{scratch}/pixels.npy"
        build = [vecsearch, "build", folder, "-o", index, "--encoder", encoder, "--quiet"]
        count = sum(path.is_file() for path in arguments.folder.rglob("*"))
        if network:
            subprocess.run([python, "-c", DECODE, folder, encoder, pixels], check=True)
        ratios, per_core = [], []
        for turn in range(arguments.rounds + 1):
            if network:
                command = [python, "-c", BARE, pixels, encoder]
                told = subprocess.run(command, check=True, capture_output=True, text=True).stdout
                bare, bare_busy = map(float, told.split())
            else:
                bare, bare_busy = timed([python, "-c", DECODE, folder, encoder])
            ours, ours_busy = timed([*build, "--overwrite"])
            if not turn:  # the first round only fills the page cache
                continue
            ratios.append(bare / ours)
            per_core.append(bare_busy / ours_busy)
            print(
                f"round {turn}: bare {count / bare:.0f} images/s, {count / bare_busy:.0f} a core; "
                f"build {count / ours:.0f} images/s, {count / ours_busy:.0f} a core",
                flush=True,
            )
    print(
        f"{encoder}, {count} images: build / bare {statistics.median(ratios):.2f}, "
        f"for each second of a core {statistics.median(per_core):.2f}"
    )


if __name__ == "__main__":
    main()
