"""What encoders have in common that are made of others."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Self

from vecsearch.encoders.base import Encoder, check_seed, reading
from vecsearch.encoders.registry import only_taken
from vecsearch.errors import InvalidArgument
from vecsearch.images import Preprocess
from vecsearch.types import JSON


class CompositeEncoder(ABC):
    """An encoder that is made of others.

    Args:
        parts: Which; see the encoder itself.
        preprocess: The size, fit and colour of the images; by default what its parts want.
        seed: For everything random in it and its parts.
        weights: Those of the parts that take any, and so with the following.
        device: What they run on.
        batch_size: How many images go through them at once.

    Raises:
        InvalidArgument: A part is not known, they do not go together, or none takes an option.
    """

    name: ClassVar[str]
    argument: ClassVar[str] = "parts"
    preprocess: Preprocess

    def __init__(
        self,
        parts: str,
        preprocess: Preprocess | None = None,
        seed: int = 0,
        weights: str | None = None,
        device: str | None = None,
        batch_size: int | None = None,
    ) -> None:
        check_seed(seed)
        self.parts, self.seed, self.weights = parts, seed, weights
        how = {"seed": seed, "weights": weights, "device": device, "batch_size": batch_size}
        self._make(preprocess, how)
        for option in ("weights", "device", "batch_size"):
            if how[option] is not None and not any(
                only_taken(part.name, {option: None}) for part in self.made_of
            ):
                raise InvalidArgument(f"No part of {parts!r} takes {option}.")

    def get_params(self) -> dict[str, JSON]:
        """The parameters it was made with."""
        return {
            "parts": self.parts,
            "seed": self.seed,
            "weights": self.weights,
            **self.preprocess.to_json(),
        }

    @property
    @abstractmethod
    def made_of(self) -> Sequence[Encoder]:
        """Its parts."""

    def unfitted(self) -> Self:
        """The same before it was fitted; parts that came from folders stay as they are."""
        copy = type(self).__new__(type(self))
        vars(copy).update(vars(self))
        copy._forget()
        return copy

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what ``save`` wrote.

        Raises:
            DamagedCollection: It cannot be read, or its parts do not fit each other.
        """
        encoder = cls.__new__(cls)
        with reading(folder, cls.name) as settings:
            params = settings["params"]
            encoder.parts, encoder.seed = str(params["parts"]), int(params["seed"])
            encoder.weights = params["weights"]
            encoder._read(folder, settings)
        return encoder

    @abstractmethod
    def _make(self, preprocess: Preprocess | None, how: Mapping[str, Any]) -> None:
        """Make the parts anew, each with those of the options that it takes."""

    @abstractmethod
    def _forget(self) -> None:
        """Forget what was learned."""

    @abstractmethod
    def _read(self, folder: Path, settings: Mapping[str, Any]) -> None:
        """Read the parts; whatever that raises means that the encoder is damaged."""
