"""Several encoders side by side, as one vector."""

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from PIL import Image

from vecsearch.encoders.affine import FIT_BYTES, AffineEncoder, fitted_on
from vecsearch.encoders.base import (
    Encoder,
    check_pixels,
    fingerprint,
    is_fitted,
    is_trainable,
    save_settings,
)
from vecsearch.encoders.composite import CompositeEncoder
from vecsearch.encoders.registry import load_encoder, made_by_name, make_part, unfitted
from vecsearch.errors import InvalidArgument
from vecsearch.images import Preprocess, prepare
from vecsearch.images.decoding import Color, Fit
from vecsearch.types import JSON, Pixels, Rows, Vectors

# Images are brought to what each part wants so many at a time.
BLOCK_IMAGES = 256


class ConcatEncoder(CompositeEncoder):
    """The vectors of several encoders one behind the other, each brought to length 1 first.

    So each part counts the same, under both metrics. Images are read once, at the largest size
    and with the colours that any part wants, and brought to that of each part from there.

    It takes what ``CompositeEncoder`` takes. Its parts are encoders with commas between, as
    ``efficientnet-lite0,pca``, each named as any other, or by a folder that it was saved in. All
    must be able to see images that are fitted in one way.
    """

    name: ClassVar[str] = "concat"
    form: ClassVar[str] = "concat:ENCODER,ENCODER"
    example: ClassVar[str] = "concat:efficientnet-lite0,pca"
    # Nothing is fitted in it but its parts.
    learns_by_parts: ClassVar[bool] = True

    def _make(self, preprocess: Preprocess | None, how: Mapping[str, Any]) -> None:
        names = self._names
        if len(names) < 2 or not all(names):
            raise InvalidArgument(f"{self.parts!r} are no two encoders: write ENCODER,ENCODER.")
        self.encoders: list[Encoder] = [make_part(name, None, **how) for name in names]
        own = self._common(self.encoders[0].preprocess.fit)
        asked = preprocess or own
        changed = {key: value for key, value in vars(asked).items() if value != vars(own)[key]}
        changed["fit"] = asked.fit
        for at, name in enumerate(names):
            look = replace(self.encoders[at].preprocess, **changed)
            if look != self.encoders[at].preprocess:
                self.encoders[at] = self._seeing(name, look, how)
            if self.encoders[at].preprocess.fit != asked.fit:
                raise InvalidArgument(
                    f"{name!r} wants images fitted by {self.encoders[at].preprocess.fit}, "
                    f"{names[0]!r} by {asked.fit}: they cannot see the same ones."
                )
        for key in changed.keys() & {"size", "color"}:
            if not any(vars(part.preprocess)[key] == changed[key] for part in self.encoders):
                raise InvalidArgument(f"No part of {self.parts!r} takes {key}.")
        self.preprocess = self._common(asked.fit)

    @property
    def _names(self) -> list[str]:
        return [name.strip() for name in self.parts.split(",")]

    def _common(self, fit: Fit) -> Preprocess:
        """The largest size and all the colours that a part wants."""
        looks = [part.preprocess for part in self.encoders]
        widths, heights = zip(*(look.size for look in looks), strict=True)
        color: Color = "rgb" if any(look.color == "rgb" for look in looks) else "grey"
        filters = {look.filter for look in looks}
        filtered = filters.pop() if len(filters) == 1 else "lanczos"
        return Preprocess((max(widths), max(heights)), fit, color, filtered)

    def _seeing(self, name: str, look: Preprocess, how: Mapping[str, Any]) -> Encoder:
        """A part that sees images in another way; only their fit, if that is all it can change."""
        try:
            return make_part(name, look, **how)
        except InvalidArgument:
            own = make_part(name, None, **how)
            return make_part(name, replace(own.preprocess, fit=look.fit), **how)

    @property
    def made_of(self) -> Sequence[Encoder]:
        """The encoders."""
        return self.encoders

    @property
    def needs_labels(self) -> bool:
        """Whether a part of it learns from labels."""
        return self._by_name("needs_labels")

    @property
    def slow_to_fit(self) -> bool:
        """Whether a part is one that is still to be trained."""
        return self._by_name("slow_to_fit")

    def _by_name(self, trait: str) -> bool:
        """Whether a part has a trait, of those that come from no folder."""
        return any(
            getattr(part, trait, False) and made_by_name(part, name)
            for part, name in zip(self.encoders, self._names, strict=True)
        )

    @property
    def dim(self) -> int:
        """The length of the vectors: those of the parts together."""
        return sum(part.dim for part in self.encoders)

    @property
    def fingerprint(self) -> str:
        """A sha256 over the fingerprints of its parts, in hex."""
        parts: list[JSON] = [part.fingerprint for part in self.encoders]
        return fingerprint(self.name, {"parts": parts, **self.preprocess.to_json()}, {})

    def facts(self) -> dict[str, JSON]:
        """What each part has to tell."""
        return {
            f"{part.name}: {name}": value
            for part in self.encoders
            for name, value in part.facts().items()
        }

    def fit(self, images: Pixels, labels: Sequence[str | None] | None = None) -> Self:
        """Fit those parts that learn and have not yet.

        Args:
            images: ``(n, height, width, channels)`` uint8, which may be memory-mapped.
            labels: The class of each.

        Returns:
            The encoder itself.

        Raises:
            InvalidArgument: There are other images or more labels than fit, or too few for a part.
        """
        check_pixels(images, self.preprocess)
        if labels is not None and len(labels) != len(images):
            raise InvalidArgument(f"{len(labels)} labels do not fit {len(images)} images.")
        for part in self.encoders:
            if is_trainable(part) and not is_fitted(part):
                rows = self._learned_by(part, len(images), labels)
                given = labels if labels is None else [labels[row] for row in rows.tolist()]
                part.fit(self._all_seen_by(part, images, rows), given)
        return self

    def encode(self, images: Pixels) -> Vectors:
        """Embed images.

        Args:
            images: ``(n, height, width, channels)`` uint8.

        Returns:
            ``(n, dim)`` float32.

        Raises:
            InvalidArgument: The images are of another size, colour or type.
            NotFitted: A part has not been fitted yet.
        """
        checked = check_pixels(images, self.preprocess)
        found = [np.empty((0, self.dim), np.float32)]
        for start in range(0, len(checked), BLOCK_IMAGES):
            block = checked[start : start + BLOCK_IMAGES]
            rows = np.arange(len(block))
            vectors = [part.encode(self._seen_by(part, block, rows)) for part in self.encoders]
            found.append(np.concatenate([_of_length_1(one) for one in vectors], axis=1))
        return np.concatenate(found)

    def save(self, folder: Path) -> None:
        """Write settings, and each part into a folder of its own, into ``folder``."""
        for number, part in enumerate(self.encoders):
            part.save(folder / str(number))
        names: list[JSON] = [part.name for part in self.encoders]
        save_settings(folder, self.name, {"params": self.get_params(), "encoders": names})

    def _read(self, folder: Path, settings: Mapping[str, Any]) -> None:
        self.preprocess = Preprocess.from_json(settings["params"])
        self.encoders = [
            load_encoder(str(name), folder / str(number))
            for number, name in enumerate(settings["encoders"])
        ]
        if len(self.encoders) != len(self._names):
            raise ValueError(f"{self.parts!r} are not {len(self.encoders)} encoders")

    def _forget(self) -> None:
        self.encoders = [
            unfitted(part) if made_by_name(part, name) else part
            for part, name in zip(self.encoders, self._names, strict=True)
        ]

    def _learned_by(self, part: Encoder, count: int, labels: Sequence[str | None] | None) -> Rows:
        """The images that a part learns from, of which it would itself choose the same."""
        rows = np.arange(count)
        if part.preprocess == self.preprocess or not isinstance(part, AffineEncoder):
            return rows
        if getattr(part, "needs_labels", False) and labels is not None:
            rows = np.array([row for row in rows.tolist() if labels[row] is not None], np.int64)
        return fitted_on(rows, FIT_BYTES // 4, part.preprocess, part.seed)

    def _all_seen_by(self, part: Encoder, images: Pixels, rows: Rows) -> Pixels:
        """Some images as a part wants them, on the disk if they are not so already."""
        if part.preprocess == self.preprocess:
            return images
        if not len(rows):
            return self._seen_by(part, images, rows)
        with tempfile.TemporaryFile(prefix="vecsearch-") as file:
            for start in range(0, len(rows), BLOCK_IMAGES):
                file.write(self._seen_by(part, images, rows[start : start + BLOCK_IMAGES]).data)
            file.flush()
            return np.memmap(file, np.uint8, "r", shape=(len(rows), *part.preprocess.shape))

    def _seen_by(self, part: Encoder, images: Pixels, rows: Rows) -> Pixels:
        """Some images as a part wants them."""
        if part.preprocess == self.preprocess:
            return images
        seen = np.empty((len(rows), *part.preprocess.shape), np.uint8)
        for at, row in enumerate(rows.tolist()):
            image = images[row]
            whole = Image.fromarray(image if image.shape[2] == 3 else image[:, :, 0])
            seen[at] = prepare(whole, part.preprocess)
        return seen


def _of_length_1(vectors: Vectors) -> Vectors:
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    lengths[lengths == 0] = 1
    unit: Vectors = vectors / lengths
    return unit
