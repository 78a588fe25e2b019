"""What the founding articles show, made again, beside their own figures: writes docs/seeds.md.

    python benchmarks/seeds/run.py [FOLDER]

FOLDER is where Fashion-MNIST is unpacked to, and stays; by default a temporary folder. It needs
the IDX files (see benchmarks/fashion_mnist.py) and the reference data that VECSEARCH_DATA names.
Two networks are trained: 20 minutes on two cores.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import animals
import books
import fashion
import kmeans
from page import DOCS, Page

EXPORT = Path(__file__).parents[1] / "fashion_mnist.py"


def main(folder: Path) -> None:
    data = Path(os.environ.get("VECSEARCH_DATA", "../shared/data"))
    page = Page(DOCS / "pictures")
    page.heading("Where it comes from", 1)
    page.text(
        "Three small experiments came before vecsearch. Here they are again, done with it, beside "
        "the figures of the articles that told of them. `make seeds` makes this page."
    )
    books.tell(page)
    kmeans.tell(page)
    animals.tell(page, data / "animals22" / "images")
    subprocess.run([sys.executable, str(EXPORT), "export", str(folder)], check=True)
    fashion.tell(page, folder)
    (DOCS / "seeds.md").write_text(str(page), encoding="utf-8")
    print(f"Written: {DOCS / 'seeds.md'}")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        main(Path(sys.argv[1]))
    else:
        with tempfile.TemporaryDirectory() as scratch:
            main(Path(scratch))
