"""How the collections in this folder were made. Run once, by the version whose format it is:

    python tests/golden/make.py NAME

v1 holds the sample images under PCA, with a removed item, metadata, a skipped file and an
approximate index; v1-kept holds vectors with thresholds, clusterings and a tuned index; v1-network
the sample images under a trained network. NAME.answers.json is what that version answered.
"""

import json
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

import vecsearch
from vecsearch import Collection

HERE = Path(__file__).parent
PHOTOS = HERE.parent / "data" / "photos"


def answers(folder: Path) -> dict[str, Any]:
    """What a collection says, as plain values."""
    collection = Collection.open(folder)
    queries = collection.vectors() + 0.25
    whole: dict[str, Any] = {}
    for metric in ("euclidean", "cosine"):
        found = collection.query_vectors(queries, 4, metric=metric)
        whole[metric] = [[[hit.item.id, hit.distance] for hit in hits] for hits in found]
    if collection.encoder_name:
        whole["fingerprint"] = collection.encoder.fingerprint
        whole["encoded"] = collection.encode([PHOTOS / "stray.png"]).tolist()
    if collection.clusterings:
        whole["clusterings"] = {
            name: [one.codes.tolist(), one.distances.tolist()]
            for name, one in collection.clusterings.items()
        }
    if collection.calibration:
        classifier = vecsearch.Classifier(collection, reject="auto")
        told = classifier.classify_vectors(queries)
        whole["classified"] = [one.label for one in told]
    if any("price" in item.metadata for item in collection):
        cheap = collection.query_vectors(queries[:1], 9, where="price<30")
        whole["cheap"] = [hit.item.id for hit in cheap[0]]
    return {
        "items": [
            [item.id, item.label, dict(item.metadata), vector.tolist()]
            for item, vector in zip(collection, collection.vectors(), strict=True)
        ],
        "skipped": [[one.path.name, one.reason] for one in collection.skipped],
        **whole,
    }


def with_pca(scratch: Path, place: Path) -> None:
    photos = scratch / "photos"
    shutil.copytree(PHOTOS, photos)
    (photos / "broken.png").write_bytes(b"broken")
    table = scratch / "prices.csv"
    paths = sorted(path.relative_to(photos).as_posix() for path in photos.rglob("*.png"))
    rows = [f"{path},{10 * number},{number % 2 == 0}" for number, path in enumerate(paths)]
    table.write_text("\n".join(["path,price,new", *rows]) + "\n")
    collection = Collection.build(
        photos, place, dim=3, size=(8, 8), metadata=table, index="hnsw", overwrite=True
    )
    collection.add_vectors([[1, 2, 3]], ["by hand"], ["else"], [{"price": 5, "tags": ["é"]}])
    collection.remove(["cat/grey16.png"])


def with_all_that_is_kept(_: Path, place: Path) -> None:
    rng = np.random.default_rng(0)
    genres = sorted(["crime", "love", "war"] * 35)
    vectors = np.repeat(np.eye(3), 35, axis=0) + 0.2 * rng.normal(size=(105, 3))
    books = Collection.from_vectors(
        vectors,
        labels=genres,
        metadata=[{"price": price} for price in range(105)],
        path=place,
        metric="cosine",
        index="hnsw",
        overwrite=True,
    )
    vecsearch.calibrate(books, far=0.05)
    vecsearch.keep_clustering(books, "three", vecsearch.cluster(books, 3))
    merged = vecsearch.cluster(books, 4, method="hierarchical")
    vecsearch.keep_clustering(books, "vier ✓", merged)
    vecsearch.tune(books, recall=0.5, kinds=["hnsw"])


def with_a_network(scratch: Path, place: Path) -> None:
    photos = scratch / "photos"
    shutil.copytree(PHOTOS, photos)
    encoder = vecsearch.train(photos, scratch / "model", epochs=2, width=4, dim=4, size=(16, 16))
    Collection.build(photos, place, encoder=encoder, metric="cosine", overwrite=True)


RECIPES = {"v1": with_pca, "v1-kept": with_all_that_is_kept, "v1-network": with_a_network}


def main(name: str) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        RECIPES[name](Path(scratch), HERE / name)
    (HERE / f"{name}.answers.json").write_text(
        json.dumps(answers(HERE / name), ensure_ascii=False, indent=1) + "\n"
    )


if __name__ == "__main__":
    main(sys.argv[1])
