"""Photos of clothes: 600 in the gallery, 713 others asked for, in one table.

    python benchmarks/clothing.py [CLOTHING10]

The queries are the folders validation and test together.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path


def main(folder: Path) -> None:
    vecsearch = str(Path(sys.executable).with_name("vecsearch"))
    with tempfile.TemporaryDirectory() as scratch:
        for part in ("validation", "test"):
            for path in (folder / part).glob("*/*.jpg"):
                link = Path(scratch) / path.parent.name / f"{part}-{path.name}"
                link.parent.mkdir(exist_ok=True)
                link.symlink_to(path.resolve())
        for encoders in ("pixels,pca,lda", "pca=32,pca=0.95,lda=3"):
            command = [vecsearch, "compare", str(folder / "train"), scratch, "--format", "table"]
            subprocess.run([*command, "--encoders", encoders], check=True)


if __name__ == "__main__":
    data = Path(os.environ.get("VECSEARCH_DATA", "../shared/data"))
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else data / "clothing10")
