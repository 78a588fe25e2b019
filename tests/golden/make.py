"""How tests/golden/v1 was made. Run once, by the version whose format it is:

    python tests/golden/make.py v1

It holds the sample images under PCA, with a removed item, metadata, a skipped file and an
approximate index; answers.json is what this version answered.
"""

import json
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

from vecsearch import Collection

HERE = Path(__file__).parent
PHOTOS = HERE.parent / "data" / "photos"


def answers(folder: Path) -> dict[str, Any]:
    """What a collection says, as plain values."""
    collection = Collection.open(folder)
    queries = collection.vectors() + 0.25
    whole = {}
    for metric in ("euclidean", "cosine"):
        found = collection.query_vectors(queries, 4, metric=metric)
        whole[metric] = [[[hit.item.id, hit.distance] for hit in hits] for hits in found]
    cheap = collection.query_vectors(queries[:1], 9, where="price<30")
    return {
        "items": [
            [item.id, item.label, dict(item.metadata), vector.tolist()]
            for item, vector in zip(collection, collection.vectors(), strict=True)
        ],
        "skipped": [[one.path.name, one.reason] for one in collection.skipped],
        "fingerprint": collection.encoder.fingerprint,
        "encoded": collection.encode([PHOTOS / "stray.png"]).tolist(),
        "cheap": [hit.item.id for hit in cheap[0]],
        **whole,
    }


def main(name: str) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        photos = Path(scratch) / "photos"
        shutil.copytree(PHOTOS, photos)
        (photos / "broken.png").write_bytes(b"broken")
        table = Path(scratch) / "prices.csv"
        paths = sorted(path.relative_to(photos).as_posix() for path in photos.rglob("*.png"))
        rows = [f"{path},{10 * number},{number % 2 == 0}" for number, path in enumerate(paths)]
        table.write_text("\n".join(["path,price,new", *rows]) + "\n")
        collection = Collection.build(
            photos, HERE / name, dim=3, size=(8, 8), metadata=table, index="hnsw", overwrite=True
        )
        collection.add_vectors([[1, 2, 3]], ["by hand"], ["else"], [{"price": 5, "tags": ["é"]}])
        collection.remove(["cat/grey16.png"])
    (HERE / f"{name}.answers.json").write_text(
        json.dumps(answers(HERE / name), ensure_ascii=False, indent=1) + "\n"
    )


if __name__ == "__main__":
    main(sys.argv[1])
