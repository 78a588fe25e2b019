"""Affine maps of vectors that are learned: PCA, LDA and whitening behind another encoder."""

import re
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vecsearch.encoders.lda import UNLABELLED, discriminant_axes
from vecsearch.encoders.pca import principal_axes
from vecsearch.errors import InvalidArgument
from vecsearch.types import JSON, Vectors

STEP = re.compile(r"(pca|whiten|lda)(\d+|0?\.\d+)?")
# What whitening adds to each variance, as a part of the mean one, so that noise is not blown up.
SHRINKAGE = 0.05


@dataclass(frozen=True)
class Step:
    """What is learned behind an encoder.

    Attributes:
        kind: ``pca``: the axes along which the vectors differ most. ``whiten``: the same, each
            divided by the standard deviation along it, whose square is raised by a twentieth of
            their mean. ``lda``: the axes along which the classes differ most.
        dim: How many axes, or the part of the variance that they keep; None for the default of
            the encoder of that name.
    """

    kind: str
    dim: float | None = None

    @classmethod
    def parse(cls, text: str) -> "Step":
        """From ``pca128``, ``pca0.95``, ``lda``, ``whiten64`` and so on.

        Raises:
            InvalidArgument: It is none of these.
        """
        match = STEP.fullmatch(text)
        dim = float(match[2]) if match and match[2] else None
        if match is None or dim == 0 or (match[1] == "lda" and dim is not None and dim < 1):
            raise InvalidArgument(
                f"{text!r} is no step of a chain: write pca, lda or whiten, with the number of "
                "dims behind it or not, as pca128."
            )
        return cls(match[1], dim)

    def fitted(
        self, vectors: Vectors, labels: NDArray[np.str_] | None, seed: int
    ) -> tuple["Affine", dict[str, JSON]]:
        """Learn from vectors, ``(n, dim)``, and of ``lda`` their labels, ``(n,)``.

        Raises:
            InvalidArgument: There are too few vectors or labels, or fewer dims than are wanted.
        """
        if self.kind == "lda":
            if labels is None:
                raise InvalidArgument(UNLABELLED)
            found = discriminant_axes(vectors, labels, self.dim, seed)
            return Affine.of(found.mean, found.components), found.facts
        axes = principal_axes(vectors, self.dim, seed)
        facts: dict[str, JSON] = {
            "variance_kept": round(axes.variance_kept, 6),
            "fitted_on": len(vectors),
        }
        components: NDArray[Any] = axes.components
        if self.kind == "whiten":
            along = np.var((vectors - axes.mean) @ components, axis=0, dtype=np.float64)
            spread = np.sqrt(along + SHRINKAGE * along.mean() + 1e-12)
            components = np.asarray(components / spread, np.float32)
        return Affine.of(axes.mean, components), facts


@dataclass(frozen=True)
class Affine:
    """(vectors − mean) · components: ``mean`` is ``(dim,)``, ``components`` ``(dim, new)``."""

    mean: NDArray[np.float32]
    components: NDArray[np.float32]

    def __post_init__(self) -> None:
        if self.components.ndim != 2 or self.mean.shape != self.components.shape[:1]:
            raise ValueError(f"{self.mean.shape} numbers do not fit {self.components.shape}")

    @classmethod
    def of(cls, mean: NDArray[Any], components: NDArray[Any]) -> "Affine":
        """Of any kind of numbers."""
        return cls(
            np.ascontiguousarray(mean, np.float32), np.ascontiguousarray(components, np.float32)
        )

    def __call__(self, vectors: Vectors) -> Vectors:
        """The vectors, mapped."""
        mapped: Vectors = np.matmul(vectors - self.mean, self.components, dtype=np.float32)
        return mapped
