"""Fashion-MNIST as class folders of PNGs, and the sample of it that the demo brings.

    python benchmarks/fashion_mnist.py export /tmp/fashion-mnist
    python benchmarks/fashion_mnist.py sample vecsearch/demo/fashion-mnist-sample.zip

The IDX files come from Debian's package dataset-fashion-mnist (apt-get install
dataset-fashion-mnist) or from torchvision.datasets.FashionMNIST(download=True).
"""

import argparse
import gzip
import io
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image

IDX = Path("/usr/share/datasets/fashion-mnist")
CLASSES = "t-shirt trouser pullover dress coat sandal shirt sneaker bag ankle-boot".split()
SPLITS = {"train": "train", "test": "t10k"}
SAMPLED = {"train": 200, "test": 100}


def read(idx: Path, split: str) -> tuple[np.ndarray, np.ndarray]:
    """Images ``(n, 28, 28)`` uint8 and classes ``(n,)`` of ``train`` or ``test``."""
    name = SPLITS[split]
    with gzip.open(idx / f"{name}-images-idx3-ubyte.gz") as file:
        images = np.frombuffer(file.read(), np.uint8, offset=16).reshape(-1, 28, 28)
    with gzip.open(idx / f"{name}-labels-idx1-ubyte.gz") as file:
        labels = np.frombuffer(file.read(), np.uint8, offset=8)
    return images, labels


def pictures(idx: Path, most: dict[str, int] | None = None) -> Iterator[tuple[str, bytes]]:
    """Each image as ``split/class/number.png`` and its content; the first ``most`` of a class."""
    for split in SPLITS:
        images, labels = read(idx, split)
        for row in range(len(images)):
            seen = int((labels[:row] == labels[row]).sum()) if most else 0
            if most and seen >= most[split]:
                continue
            content = io.BytesIO()
            Image.fromarray(images[row]).save(content, "PNG", optimize=bool(most))
            yield f"{split}/{CLASSES[labels[row]]}/{row:05d}.png", content.getvalue()


def export(idx: Path, folder: Path) -> None:
    """Write all 70,000 images; those that are there already stay."""
    for split in SPLITS:
        for name in CLASSES:
            (folder / split / name).mkdir(parents=True, exist_ok=True)
    unfinished = folder / "unfinished"
    for path, content in pictures(idx):
        if not (folder / path).exists():
            unfinished.write_bytes(content)
            unfinished.rename(folder / path)


def sample(idx: Path, archive: Path) -> None:
    """Write the first 200 train and 100 test images of each class into a zip."""
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_STORED) as file:
        for path, content in pictures(idx, SAMPLED):
            file.writestr(zipfile.ZipInfo(path), content)
        file.writestr(zipfile.ZipInfo("LICENSE"), LICENSE, zipfile.ZIP_DEFLATED)


LICENSE = """\
The images in train/ and test/ are a sample of Fashion-MNIST,
https://github.com/zalandoresearch/fashion-mnist

The MIT License (MIT) Copyright (c) 2017 Zalando SE, https://tech.zalando.com

Permission is hereby granted, free of charge, to any person obtaining a copy of this software and
associated documentation files (the "Software"), to deal in the Software without restriction,
including without limitation the rights to use, copy, modify, merge, publish, distribute,
sublicense, and/or sell copies of the Software, and to permit persons to whom the Software is
furnished to do so, subject to the following conditions:

The above copyright notice and this permission notice shall be included in all copies or
substantial portions of the Software.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED, INCLUDING BUT
NOT LIMITED TO THE WARRANTIES OF MERCHANTABILITY, FITNESS FOR A PARTICULAR PURPOSE AND
NONINFRINGEMENT. IN NO EVENT SHALL THE AUTHORS OR COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM,
DAMAGES OR OTHER LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR OTHERWISE, ARISING FROM, OUT
OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE SOFTWARE.
"""

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=["export", "sample"])
    parser.add_argument("where", type=Path)
    parser.add_argument("--idx", type=Path, default=IDX, help="the folder with the IDX files")
    arguments = parser.parse_args()
    {"export": export, "sample": sample}[arguments.what](arguments.idx, arguments.where)
