"""A learned affine map behind another encoder: often the best quality for its bytes."""

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from vecsearch.encoders.base import (
    WEIGHTS,
    Encoder,
    check_pixels,
    fingerprint,
    is_fitted,
    is_trainable,
    save_settings,
)
from vecsearch.encoders.composite import CompositeEncoder
from vecsearch.encoders.lda import UNLABELLED
from vecsearch.encoders.registry import load_encoder, made_by_name, make_part, unfitted
from vecsearch.encoders.steps import STEP, Affine, Step
from vecsearch.errors import InvalidArgument, NotFitted
from vecsearch.images import Preprocess
from vecsearch.types import JSON, Pixels, Vectors

BASE = "base"
# How many bytes of vectors the steps are fitted on at most.
FIT_BYTES = 256 << 20
FIT_BATCH = 256
# How many bytes of vectors are kept that were made while fitting, to be made only once.
SEEN_BYTES = 64 << 20


class ChainEncoder(CompositeEncoder):
    """An encoder, and behind it PCA, LDA or whitening of its vectors, one or more of them.

    It takes what ``CompositeEncoder`` takes. Its parts are the encoder and the steps, as
    ``efficientnet-lite0+pca128+whiten``; the encoder is named as any other, or by a folder that it
    was saved in. The seed is also for the choice of images to fit on when there are too many.
    """

    name: ClassVar[str] = "chain"
    form: ClassVar[str] = "chain:ENCODER+STEP"
    example: ClassVar[str] = "chain:efficientnet-lite0+pca128"

    def _make(self, preprocess: Preprocess | None, how: Mapping[str, Any]) -> None:
        whole, texts = self.parts, list[str]()
        while "+" in whole and STEP.fullmatch(whole.rpartition("+")[2]):
            whole, _, last = whole.rpartition("+")
            texts.insert(0, last)
        if not texts or not whole:
            raise InvalidArgument(
                f"{self.parts!r} is no chain: write ENCODER+pca128, ENCODER+lda or ENCODER+whiten."
            )
        self.steps = [Step.parse(text) for text in texts]
        self._whole = whole
        self.base = make_part(whole, preprocess, **how)
        own = self.base.preprocess
        if (
            preprocess is not None
            and not made_by_name(self.base, whole)
            and (own.size, own.fit, own.color)
            != (preprocess.size, preprocess.fit, preprocess.color)
        ):
            raise InvalidArgument(
                f"{whole} has its own size, fit and colour, which it was made with: leave these "
                "options out."
            )
        self.preprocess = self.base.preprocess
        self._maps: list[Affine] = []
        self._facts: dict[str, JSON] = {}
        self._seen: dict[bytes, NDArray[np.float32]] = {}

    @property
    def made_of(self) -> Sequence[Encoder]:
        """The encoder before the steps."""
        return (self.base,)

    @property
    def needs_labels(self) -> bool:
        """Whether a part of it learns from labels."""
        return any(step.kind == "lda" for step in self.steps) or bool(
            made_by_name(self.base, self._whole) and getattr(self.base, "needs_labels", False)
        )

    @property
    def slow_to_fit(self) -> bool:
        """Whether the encoder is one that is still to be trained."""
        return bool(
            made_by_name(self.base, self._whole) and getattr(self.base, "slow_to_fit", False)
        )

    @property
    def dim(self) -> int:
        """The length of the vectors, known once fitted."""
        return int(self._fitted()[-1].components.shape[1])

    @property
    def fingerprint(self) -> str:
        """A sha256 over its parts and all that they have learned, in hex."""
        learned = {
            f"{name} {number}": array
            for number, part in enumerate(self._fitted())
            for name, array in vars(part).items()
        }
        told: dict[str, JSON] = {"base": self.base.fingerprint, "steps": _told(self.steps)}
        return fingerprint(self.name, told, learned)

    def facts(self) -> dict[str, JSON]:
        """What the encoder and fitting told."""
        return {**self.base.facts(), **self._facts}

    def fit(self, images: Pixels, labels: Sequence[str | None] | None = None) -> Self:
        """Fit the encoder, if it learns and has not yet, and each step to what comes before it.

        Args:
            images: ``(n, height, width, channels)`` uint8, which may be memory-mapped. Where their
                vectors are more than 256 MiB, a random choice of that size is used.
            labels: The class of each; for LDA, images without one are left out.

        Raises:
            InvalidArgument: There are too few images or labels.
        """
        check_pixels(images, self.preprocess)
        if labels is not None and len(labels) != len(images):
            raise InvalidArgument(f"{len(labels)} labels do not fit {len(images)} images.")
        if is_trainable(self.base) and not is_fitted(self.base):
            self.base.fit(images, labels)
            self._seen = {}
        usable = np.arange(len(images))
        if self.needs_labels:
            if labels is None:
                raise InvalidArgument(UNLABELLED)
            usable = np.array(
                [row for row, label in enumerate(labels) if label is not None], np.int64
            )
        if len(usable) < 2:
            raise InvalidArgument(f"A chain learns from 2 images or more, not {len(usable)}.")
        most = max(2, FIT_BYTES // (4 * self.base.dim))
        if len(usable) > most:
            usable = np.sort(np.random.default_rng(self.seed).choice(usable, most, replace=False))
        vectors = self._base_vectors(images, usable)
        names = None if labels is None else np.array([str(labels[row]) for row in usable.tolist()])
        self._maps, self._facts = [], {}
        for step in self.steps:
            learned, facts = step.fitted(vectors, names, self.seed)
            self._maps.append(learned)
            several = len(self.steps) > 1
            self._facts |= {
                f"{step.kind}: {name}" if several else name: value for name, value in facts.items()
            }
            vectors = learned(vectors)
        return self

    def encode(self, images: Pixels) -> Vectors:
        """Embed images.

        Args:
            images: ``(n, height, width, channels)`` uint8.

        Returns:
            ``(n, dim)`` float32.

        Raises:
            InvalidArgument: The images are of another size, colour or type.
            NotFitted: ``fit`` was not called.
        """
        maps = self._fitted()
        vectors = self._once(check_pixels(images, self.preprocess))
        for one in maps:
            vectors = one(vectors)
        return vectors

    def save(self, folder: Path) -> None:
        """Write settings, weights, and the encoder into ``folder``.

        Raises:
            NotFitted: There is nothing to save yet.
        """
        from safetensors.numpy import save

        maps = self._fitted()
        self.base.save(folder / BASE)
        learned = {
            f"{name}{number}": array
            for number, part in enumerate(maps)
            for name, array in vars(part).items()
        }
        (folder / WEIGHTS).write_bytes(save(learned))
        settings: dict[str, JSON] = {
            "params": self.get_params(),
            "base": self.base.name,
            "facts": self._facts,
        }
        save_settings(folder, self.name, settings)

    def _read(self, folder: Path, settings: Mapping[str, Any]) -> None:
        from safetensors.numpy import load_file

        self.base = load_encoder(str(settings["base"]), folder / BASE)
        self.preprocess = self.base.preprocess
        found = load_file(folder / WEIGHTS)
        self._maps = [
            Affine.of(found[f"mean{number}"], found[f"components{number}"])
            for number in range(len(found) // 2)
        ]
        if not self._maps:
            raise ValueError(f"{WEIGHTS} holds no step")
        sizes = [self.base.dim, *(one.components.shape[1] for one in self._maps)]
        if sizes[:-1] != [len(one.mean) for one in self._maps]:
            raise ValueError(f"{WEIGHTS} does not fit the encoder before it")
        texts = self.parts.split("+")
        first = len(texts) - len(self._maps)
        self._whole = "+".join(texts[:first])
        self.steps = [Step.parse(text) for text in texts[first:]]
        self._facts, self._seen = dict(settings["facts"]), {}

    def _forget(self) -> None:
        if is_trainable(self.base) and made_by_name(self.base, self._whole):
            self.base, self._seen = unfitted(self.base), {}
        # Else what it made of images stays true, and the two encoders share it.
        self._maps, self._facts = [], {}

    def _base_vectors(self, images: Pixels, rows: NDArray[np.int64]) -> Vectors:
        vectors = np.empty((len(rows), self.base.dim), np.float32)
        for start in range(0, len(rows), FIT_BATCH):
            block = np.ascontiguousarray(images[rows[start : start + FIT_BATCH]])
            found = self._once(block)
            vectors[start : start + len(block)] = found
            if (len(self._seen) + len(block)) * found[0].nbytes <= SEEN_BYTES:
                self._seen |= zip(map(_digest, block), found, strict=True)
        return vectors

    def _once(self, images: Pixels) -> Vectors:
        """Vectors of the encoder, those anew that fitting has not made already."""
        if not self._seen:
            return self.base.encode(images)
        if len(images) > FIT_BATCH:  # so that no more of a memory-mapped array is in memory
            return np.concatenate(
                [
                    self._once(images[start : start + FIT_BATCH])
                    for start in range(0, len(images), FIT_BATCH)
                ]
            )
        known = [self._seen.get(_digest(image)) for image in images]
        new = [row for row, vector in enumerate(known) if vector is None]
        vectors = np.empty((len(images), self.base.dim), np.float32)
        for row, vector in enumerate(known):
            if vector is not None:
                vectors[row] = vector
        if new:
            vectors[new] = self.base.encode(np.ascontiguousarray(images[new]))
        return vectors

    def _fitted(self) -> list[Affine]:
        if not self._maps:
            raise NotFitted(f"The chain {self.parts!r} has not seen any images: call fit first.")
        return self._maps


def _told(steps: Sequence[Step]) -> list[JSON]:
    return [{"kind": step.kind, "dim": step.dim} for step in steps]


def _digest(image: NDArray[Any]) -> bytes:
    return hashlib.blake2b(image.tobytes(), digest_size=16).digest()
