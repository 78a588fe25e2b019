"""The wrong encoder is refused: every pair of them, at equal dims, in every place."""

import json
import shutil
from itertools import permutations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from painting import painted
from test_store import forged

from vecsearch import Collection, DamagedCollection, InvalidArgument, make_encoder
from vecsearch.encoders import Encoder
from vecsearch.images import Preprocess
from vecsearch.store.durable import stamp_of

# Three classes, so that LDA has the two axes which all of these have.
SEEDS = {f"{'abc'[seed % 3]}/{seed:02}.png": seed for seed in range(24)}
OTHERS = {f"{'abc'[seed % 3]}/{seed:02}.png": seed + 50 for seed in range(24)}
GREY: dict[str, Any] = {"color": "grey", "jobs": 1}
# Each differs from the first of its kind in one thing.
ENCODERS: dict[str, dict[str, Any]] = {
    "pixels": {"encoder": "pixels", "size": (2, 1)},
    "pixels, other shape": {"encoder": "pixels", "size": (1, 2)},
    "pixels, other fit": {"encoder": "pixels", "size": (2, 1), "fit": "crop"},
    "pca": {"encoder": "pca", "dim": 2, "size": (4, 4)},
    "pca, other seed": {"encoder": "pca", "dim": 2, "size": (4, 4), "seed": 1},
    "pca, other size": {"encoder": "pca", "dim": 2, "size": (5, 4)},
    "pca, other fit": {"encoder": "pca", "dim": 2, "size": (4, 4), "fit": "pad"},
    "pca, other images": {"encoder": "pca", "dim": 2, "size": (4, 4)},
    "lda": {"encoder": "lda", "dim": 2, "size": (4, 4)},
    "lda, other images": {"encoder": "lda", "dim": 2, "size": (4, 4)},
}
PAIRS = list(permutations(ENCODERS, 2))


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Collection]:
    """A collection by each of them, all of two dims."""
    home = tmp_path_factory.mktemp("identity")
    roots = painted(home / "photos", SEEDS), painted(home / "other", OTHERS)
    found = {}
    for number, (name, options) in enumerate(ENCODERS.items()):
        root = roots["other images" in name]
        found[name] = Collection.build(root, home / str(number), **GREY, **options)
        assert found[name].dim == 2
    return found


def test_all_of_them_are_different(built: dict[str, Collection]) -> None:
    assert len({one.encoder.fingerprint for one in built.values()}) == len(ENCODERS)
    again = make_encoder("pixels", preprocess=Preprocess((2, 1), color="grey"))
    assert again.fingerprint == built["pixels"].encoder.fingerprint


def test_vectors_of_another_encoder_are_refused(built: dict[str, Collection]) -> None:
    """100 % of the pairs; the same vectors pass if nobody says what made them."""
    refused = 0
    for mine, theirs in PAIRS:
        collection, other = built[mine], built[theirs].encoder
        vectors = built[theirs].vectors()[:3]
        with pytest.raises(InvalidArgument, match="were made by another encoder"):
            collection.query_vectors(vectors, encoder=other)
        with pytest.raises(InvalidArgument, match="were made by another encoder"):
            collection.add_vectors(vectors, ["x", "y", "z"], encoder=other)
        assert len(collection) == 24
        assert len(collection.query_vectors(vectors, k=2)[0]) == 2
        refused += 1
    assert refused == len(PAIRS) == 90


def test_its_own_encoder_is_taken(built: dict[str, Collection], tmp_path: Path) -> None:
    for name, collection in built.items():
        own: Encoder = Collection.open(collection.path).encoder
        (hits,) = collection.query_vectors(collection.vectors()[:1], k=1, encoder=own)
        assert hits[0].distance == 0
        shutil.copytree(collection.path, tmp_path / name)
        copy = Collection.open(tmp_path / name)
        copy.add_vectors(collection.vectors()[:1] + 1, ["new"], encoder=own)
        assert len(copy) == 25


def test_vectors_without_an_encoder(built: dict[str, Collection]) -> None:
    mine = Collection.from_vectors([[1, 2], [3, 4]])
    for collection in built.values():
        with pytest.raises(InvalidArgument, match="which holds vectors without one"):
            mine.query_vectors([[1, 2]], encoder=collection.encoder)
        with pytest.raises(InvalidArgument, match="which holds vectors without one"):
            mine.add_vectors([[1, 2]], ["new"], encoder=collection.encoder)


def swapped(mine: Collection, theirs: Collection, place: Path, name: bool) -> Path:
    """A copy with the other's encoder in the place of its own, and hashes that are right.

    Args:
        mine: The collection.
        theirs: Whose encoder is put there.
        place: Where the copy goes.
        name: Whether the name of the encoder is forged too.
    """
    shutil.copytree(mine.path, place)
    bodies = [
        json.loads((one.path / "manifest-000001.json").read_text())["manifest"]
        for one in (mine, theirs)
    ]
    entry = bodies[0]["encoder"]
    folder = place / entry["folder"]
    shutil.rmtree(folder)
    shutil.copytree(theirs.path / bodies[1]["encoder"]["folder"], folder)
    files = {key: stamp for key, stamp in bodies[0]["files"].items() if "encoder/" not in key}
    for path in folder.iterdir():
        files[f"{entry['folder']}/{path.name}"] = vars(stamp_of(path))
    if name:
        entry = {**entry, "name": bodies[1]["encoder"]["name"]}
    forged(place, files=files, encoder=entry)
    return place


@pytest.mark.parametrize("name", [False, True])
def test_an_encoder_that_was_put_in_its_place_is_refused(
    built: dict[str, Collection], tmp_path: Path, name: bool
) -> None:
    """Whoever can forge a manifest could do anything; but two folders mixed up are noticed."""
    image, images = np.full((4, 4), 7, np.uint8), built["pca"].path.parent / "other"
    refused = 0
    for number, (mine, theirs) in enumerate(PAIRS):
        place = swapped(built[mine], built[theirs], tmp_path / str(number), name)
        collection = Collection.open(place)
        for use in (
            lambda one=collection: one.query([image]),
            lambda one=collection: one.encoder,
            lambda one=collection: one.add([images], jobs=1),
        ):
            with pytest.raises(
                (DamagedCollection, InvalidArgument), match=r"holds (another|the) encoder"
            ):
                use()
        assert len(Collection.open(place)) == 24
        assert len(collection.query_vectors([[1, 2]])[0]) == 10  # its vectors are its own
        refused += 1
    assert refused == len(PAIRS)
