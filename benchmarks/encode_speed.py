"""How fast a folder of photos is encoded, beside its slowest part alone.

    python benchmarks/encode_speed.py FOLDER [--encoder efficientnet-lite0] [--rounds 5]

For a network: beside a bare loop of onnxruntime over the same images, decoded before, in batches of
8; once with one thread for the network, so that the other cores decode, and once with all. For
other encoders, fitted before: beside decoding alone, over as many processes. All run in turn, round
after round, in processes of their own; starting them and loading the encoder is not counted,
starting those that decode is. Prints images a second, those for each second that a core was busy,
and the median ratios.
"""

import argparse
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

SHARED = """
import os, sys, time
from pathlib import Path
import numpy as np
from vecsearch import Collection, make_encoder, open_encoder
from vecsearch.encoders import networks
from vecsearch.encoding import encode_batches, read_folder
from vecsearch.images import scan
from vecsearch.types import Metric

folder, place, threads = scan(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])

def batches(encoder):
    return read_folder(folder, folder.paths, encoder.preprocess, None, None)

def opened():
    encoder = open_encoder(place / "encoder")
    if threads:
        networks.processors = lambda: threads
    encoder.encode(np.zeros((16, *encoder.preprocess.shape), np.uint8))
    return encoder

def told(ready):
    work = ready(opened())
    before, started = os.times(), time.perf_counter()
    count = work()
    wall = time.perf_counter() - started
    from loky import get_reusable_executor
    get_reusable_executor().shutdown(wait=True)  # so that what the workers did is counted
    after = os.times()
    print(count, wall, sum(after[:4]) - sum(before[:4]))
"""
PREPARE = """
encoder = make_encoder(sys.argv[4])
pixels = np.concatenate([batch.pixels for batch in batches(encoder)])
if hasattr(encoder, "fit"):
    encoder.fit(pixels)
encoder.save(place / "encoder")
np.save(place / "pixels.npy", pixels)
"""
BARE = """
import onnxruntime
BATCH = 8
def ready(encoder):
    pixels = np.load(place / "pixels.npy", mmap_mode="r")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(encoder.network, options)
    name = session.get_inputs()[0].name
    def run(start):
        session.run(None, {name: np.ascontiguousarray(pixels[start : start + BATCH])})
    def work():
        for start in range(0, len(pixels), BATCH):
            run(start)
        return len(pixels)
    run(0)
    return work
told(ready)
"""
DECODED = """
told(lambda encoder: lambda: sum(len(batch.pixels) for batch in batches(encoder)))
"""
ENCODED = """
def ready(encoder):
    def work():
        blocks = encode_batches(batches(encoder), folder.root, encoder, Metric.EUCLIDEAN)
        return sum(len(block.vectors) for block in blocks)
    return work
told(ready)
"""


def run(code: str, *arguments: object) -> str:
    command = [sys.executable, "-c", SHARED + code, *map(str, arguments)]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--encoder", default="efficientnet-lite0")
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    network = arguments.encoder.startswith("efficientnet")
    with tempfile.TemporaryDirectory() as scratch:
        run(PREPARE, arguments.folder, scratch, 0, arguments.encoder)
        for threads in (1, 0) if network else (0,):
            ratios = []
            for number in range(arguments.rounds):
                speeds = []
                for code in (BARE if network else DECODED, ENCODED):
                    count, wall, busy = map(
                        float, run(code, arguments.folder, scratch, threads).split()
                    )
                    speeds.append((count / wall, count / busy))
                ratios.append([ours / bare for bare, ours in zip(*speeds, strict=True)])
                print(
                    f"round {number + 1}: bare {speeds[0][0]:.0f} images/s, {speeds[0][1]:.0f} a "
                    f"core; encoded {speeds[1][0]:.0f} images/s, {speeds[1][1]:.0f} a core",
                    flush=True,
                )
            wall, busy = (statistics.median(one) for one in zip(*ratios, strict=True))
            how = "" if not network else f", {'one thread' if threads else 'all threads'}"
            print(f"{arguments.encoder}{how}: encoded / bare {wall:.2f}, a core {busy:.2f}")


if __name__ == "__main__":
    main()
