"""A trained network as an encoder: it runs under onnxruntime, or under torch."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np

from vecsearch.encoders.base import (
    WEIGHTS,
    Requires,
    check_pixels,
    fingerprint,
    reading,
    save_settings,
)
from vecsearch.encoders.registry import lacking
from vecsearch.encoders.runtimes import FEW_IMAGES, Run, Trained, network_of, runtime_of
from vecsearch.errors import DamagedCollection, InvalidArgument, MissingPackage, NotFitted
from vecsearch.images import Preprocess
from vecsearch.types import JSON, Pixels, Vectors

NETWORK = "network.onnx"
# What the layers of a block may take: images of 28 × 28 go through some 160 at a time.
BLOCK_BYTES = 32 << 20
BYTES_A_PIXEL = 256
# What a network may have been told its mistakes by, without looking at labels.
WITHOUT_LABELS = ("simclr", "autoencoder")


class SiameseEncoder:
    """A convolutional network that was trained so that images of one class lie close together.

    ``vecsearch train``, or ``SiameseEncoder.train``, makes one and keeps it in a folder. Where it
    is named without a model, as in ``build --encoder siamese``, ``fit`` trains one on the spot.

    Args:
        dim: How long the vectors are; 32 by default.
        preprocess: The size, fit and colour of the images.
        seed: For everything random in training.
        settings: What else the training shall be like: names and values of ``TrainSettings``.

    Example:
        >>> SiameseEncoder(dim=8, settings={"preset": "fast"}).get_params()["dim"]
        8
    """

    name: ClassVar[str] = "siamese"
    needs_labels: ClassVar[bool] = True
    slow_to_fit: ClassVar[bool] = True
    requires_to_fit: ClassVar[Requires] = tuple(
        (package, "torch") for package in ("torch", "pytorch_metric_learning", "onnx", "onnxscript")
    )

    def __init__(
        self,
        dim: float | None = None,
        preprocess: Preprocess | None = None,
        seed: int = 0,
        settings: Mapping[str, Any] | None = None,
    ) -> None:
        if dim is not None and (dim % 1 or dim < 1):
            raise InvalidArgument(f"The dim of a network is a whole number from 1, not {dim}.")
        self.requested_dim = None if dim is None else int(dim)
        self.preprocess = preprocess or Preprocess()
        self.seed = seed
        self.settings: dict[str, Any] = dict(settings or {})
        self._trained: Trained | None = None
        self._run: Run | None = None

    @property
    def trained(self) -> Trained:
        """The network.

        Raises:
            NotFitted: There is none yet.
        """
        if self._trained is None:
            raise NotFitted("This network is not trained: call train or fit first.")
        return self._trained

    @property
    def knows_labels(self) -> bool:
        """Whether it has learned from labels."""
        return self.facts().get("objective") not in WITHOUT_LABELS

    @property
    def dim(self) -> int:
        """The length of the vectors, known once it is trained."""
        return int(str(self.trained.architecture["dim"]))

    @property
    def fingerprint(self) -> str:
        """A sha256 over name, parameters, architecture and weights, in hex."""
        described = {**self.get_params(), "architecture": dict(self.trained.architecture)}
        return fingerprint(self.name, described, self.trained.weights)

    def get_params(self) -> dict[str, JSON]:
        """The parameters it was made with."""
        return {
            "dim": self.requested_dim,
            "seed": self.seed,
            "settings": self.settings,
            **self.preprocess.to_json(),
        }

    def facts(self) -> dict[str, JSON]:
        """How it was trained, and what came out."""
        return dict(self._trained.facts) if self._trained is not None else {}

    @classmethod
    def train(cls, folder: str | Path, out: str | Path, **settings: Any) -> "SiameseEncoder":
        """Train a network on a folder of images: takes, gives and raises what ``train`` does."""
        from vecsearch.training.trainer import train

        return train(folder, out, **settings)

    def fit(self, images: Pixels, labels: Sequence[str | None] | None = None) -> Self:
        """Train the network.

        Args:
            images: ``(n, height, width, channels)`` uint8, which may be memory-mapped.
            labels: The class of each; images without one are left out, unless the objective is
                one that needs none.

        Raises:
            InvalidArgument: There are no two classes to tell apart.
            MissingPackage: torch is not installed.
        """
        from vecsearch.training.trainer import fit

        return self.take(fit(check_pixels(images, self.preprocess), labels, self))

    def take(self, trained: Trained) -> Self:
        """Be the encoder of a network that is trained."""
        self._trained, self._run = trained, None
        return self

    def encode(self, images: Pixels) -> Vectors:
        """Embed images.

        Args:
            images: ``(n, height, width, channels)`` uint8.

        Returns:
            ``(n, dim)`` float32; of length 1, but for ``pairs``, ``classifier`` and
            ``autoencoder``.

        Raises:
            InvalidArgument: The images are of another size, colour or type.
            NotFitted: The network is not trained yet.
            MissingPackage: Neither onnxruntime nor torch is installed.
        """
        checked = check_pixels(images, self.preprocess)
        if self._run is None:
            self._run = runtime_of(self.trained)
        vectors = np.empty((len(checked), self.dim), np.float32)
        height, width, _ = self.preprocess.shape
        step = max(1, BLOCK_BYTES // (BYTES_A_PIXEL * height * width))
        many = len(checked) > FEW_IMAGES  # large images come a few at a time, however many
        for start in range(0, len(checked), step):
            block = np.ascontiguousarray(checked[start : start + step])
            found = self._run(block, many)
            if found.shape != (len(block), vectors.shape[1]):
                raise DamagedCollection(f"The network gives {found.shape}, not vectors of its dim.")
            vectors[start : start + step] = found
        return vectors

    def save(self, folder: str | Path) -> None:
        """Write settings, weights and the network as ONNX into ``folder``.

        Raises:
            NotFitted: There is nothing to save yet.
            MissingPackage: It is not exported yet, and what exports it is not installed.
        """
        from safetensors.numpy import save

        folder, trained = Path(folder), self.trained
        if trained.onnx is None:
            if lack := lacking(type(self), "requires_to_fit"):
                raise MissingPackage(f"To save a network {lack}")
            from vecsearch.encoders.export import to_onnx

            height, width, _ = self.preprocess.shape
            trained = replace(trained, onnx=to_onnx(network_of(trained), height, width))
            self.take(trained)
        onnx = trained.onnx or b""
        settings: dict[str, JSON] = {
            "params": self.get_params(),
            "architecture": dict(trained.architecture),
            "facts": dict(trained.facts),
        }
        folder.mkdir(parents=True, exist_ok=True)
        for name, data in ((WEIGHTS, save(dict(trained.weights))), (NETWORK, onnx)):
            (folder / name).write_bytes(data)
            settings[name] = hashlib.sha256(data).hexdigest()
        save_settings(folder, self.name, settings)

    @classmethod
    def load(cls, folder: str | Path) -> Self:
        """Read what ``save`` wrote.

        Raises:
            DamagedCollection: It cannot be read.
        """
        from safetensors.numpy import load

        folder = Path(folder)
        with reading(folder, cls.name) as settings:
            params = dict(settings["params"])
            preprocess = Preprocess.from_json(params)
            found = {name: (folder / name).read_bytes() for name in (WEIGHTS, NETWORK)}
            for name, data in found.items():
                if hashlib.sha256(data).hexdigest() != settings[name]:
                    raise ValueError(f"{name} is not as it was written")
            encoder = cls(params["dim"], preprocess, params["seed"], params["settings"])
            weights, facts = load(found[WEIGHTS]), dict(settings["facts"])
            trained = Trained(dict(settings["architecture"]), weights, facts, found[NETWORK])
            dim = trained.architecture["dim"]
            if not isinstance(dim, int) or dim != len(weights["head.bias"]):
                raise ValueError(f"its dim is {dim!r}")
        return encoder.take(trained)
