"""The kit for authors of encoders: every encoder of ours passes, and faults are told."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import pytest

from vecsearch.encoders import Encoder, make_encoder
from vecsearch.encoders.base import check_pixels, fingerprint, load_settings, save_settings
from vecsearch.errors import NotFitted
from vecsearch.images import Preprocess
from vecsearch.testing import EncoderFault, check_encoder
from vecsearch.types import JSON, Pixels, Vectors

SMALL = Preprocess((16, 12))
MADE: dict[str, Callable[[], Encoder]] = {
    "pixels": lambda: make_encoder("pixels", preprocess=SMALL),
    "pca": lambda: make_encoder("pca", dim=5, preprocess=SMALL),
    "lda": lambda: make_encoder("lda", preprocess=SMALL),
    "siamese": lambda: make_encoder(
        "siamese", preprocess=SMALL, settings={"epochs": 1, "width": 2}
    ),
    "chain": lambda: make_encoder("chain:pixels+pca6+whiten4", preprocess=SMALL),
    "a chain that learns from labels": lambda: make_encoder("chain:pca8+lda", preprocess=SMALL),
    "concat": lambda: make_encoder("concat:pca,pixels", preprocess=SMALL),
    "concat of chains": lambda: make_encoder("concat:chain:pixels+lda,pca", preprocess=SMALL),
}


@pytest.mark.parametrize("name", MADE)
def test_ours_pass(name: str) -> None:
    check_encoder(MADE[name])


def test_a_photo_network_passes() -> None:
    check_encoder(lambda: make_encoder("chain:efficientnet-lite0+pca4"))


class Means:
    """The mean of each channel, as a package might bring it; each test breaks one thing."""

    name: ClassVar[str] = "means"

    def __init__(self, preprocess: Preprocess | None = None) -> None:
        self.preprocess = preprocess or SMALL

    @property
    def dim(self) -> int:
        return self.preprocess.shape[2]

    @property
    def fingerprint(self) -> str:
        return fingerprint(self.name, self.get_params(), {})

    def get_params(self) -> dict[str, JSON]:
        return self.preprocess.to_json()

    def facts(self) -> dict[str, JSON]:
        return {}

    def encode(self, images: Pixels) -> Vectors:
        checked = check_pixels(images, self.preprocess)
        return checked.mean(axis=(1, 2), dtype=np.float32)

    def save(self, folder: Path) -> None:
        save_settings(folder, self.name, {"params": self.get_params()})

    @classmethod
    def load(cls, folder: Path) -> Self:
        return cls(Preprocess.from_json(load_settings(folder, cls.name)["params"]))


class OfBatch(Means):
    def encode(self, images: Pixels) -> Vectors:
        vectors = super().encode(images)
        return vectors - vectors.mean(axis=0) if len(vectors) > 1 else vectors


class Double(Means):
    def encode(self, images: Pixels) -> Any:
        return super().encode(images).astype(np.float64)


class Careless(Means):
    def encode(self, images: Pixels) -> Vectors:
        return np.asarray(images, np.float32).reshape(len(images), -1)[:, :3].copy()


class Painter(Means):
    def encode(self, images: Pixels) -> Vectors:
        vectors = super().encode(images)
        if images.flags.writeable:
            images[:] = 0
        return vectors


class Blind(Means):
    def encode(self, images: Pixels) -> Vectors:
        return np.ones_like(super().encode(images))


class Pickler(Means):
    def save(self, folder: Path) -> None:
        super().save(folder)
        (folder / "weights.pkl").write_bytes(b"")


class Forgetful(Means):
    @classmethod
    def load(cls, folder: Path) -> Self:
        return cls(Preprocess((20, 20)))


class Restless(Means):
    made = 0

    def __init__(self, preprocess: Preprocess | None = None) -> None:
        super().__init__(preprocess)
        Restless.made += 1
        self.number = Restless.made

    def get_params(self) -> dict[str, JSON]:
        return {**super().get_params(), "number": self.number}


class Eager(Means):
    needs_labels: ClassVar[bool] = False

    @property
    def fingerprint(self) -> str:
        raise NotFitted("not yet")

    def fit(self, images: Pixels, labels: Any = None) -> Self:
        return self


@pytest.mark.parametrize(
    ("faulty", "told"),
    [
        (OfBatch, "an image alone has another vector than in a batch"),
        (Double, "float64, where C-contiguous float32 is promised"),
        (Careless, "images of another size must raise InvalidArgument"),
        (Painter, "encode changes the images"),
        (Blind, "all images have the same vector"),
        (Pickler, r"save wrote weights\.pkl"),
        (Forgetful, "saved and loaded, it wants other images"),
        (Restless, "made and fitted twice alike, it has two fingerprints"),
        (Eager, "encode must raise NotFitted before fit was called"),
        (object, "it cannot be made and fitted: AttributeError"),
    ],
)
def test_faults_are_told(faulty: Any, told: str) -> None:
    check_encoder(Means)
    with pytest.raises(EncoderFault, match=told):
        check_encoder(faulty)
