"""What all networks have in common that were trained elsewhere and run under torch."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np

from vecsearch.encoders.base import (
    WEIGHTS,
    Requires,
    check_pixels,
    fingerprint,
    reading,
    save_settings,
)
from vecsearch.encoders.networks import check_batch
from vecsearch.encoders.registry import lacking
from vecsearch.errors import DamagedCollection, InvalidArgument, MissingPackage, VecsearchError
from vecsearch.images import Preprocess
from vecsearch.images.decoding import Filter, Fit
from vecsearch.types import JSON, Pixels, Vectors

if TYPE_CHECKING:
    from torch import Tensor, nn

DEFAULT = "DEFAULT"
DEVICES = ("auto", "cpu", "cuda", "mps")
BATCHES = {"cpu": 32, "cuda": 256, "mps": 64}


@dataclass(frozen=True)
class Look:
    """How images come to a network.

    Attributes:
        size: Width and height that it takes.
        resize: What they are brought to first, of which the middle is cut.
        mean: Taken from the channels of pixels in [0, 1].
        std: What they are divided by then.
        filter: What they are resized by.
        fit: How they come to ``resize``.
    """

    size: tuple[int, int]
    resize: tuple[int, int]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    filter: Filter
    fit: Fit = "crop"

    @classmethod
    def from_json(cls, values: Any, filtered: Filter) -> "Look":
        """Back from ``to_json``, and the filter, which stands with the preprocessing."""
        sizes: dict[str, Any] = {name: tuple(value) for name, value in values.items()}
        return cls(**sizes, filter=filtered)

    def to_json(self) -> dict[str, JSON]:
        """As plain values, less what stands with the preprocessing."""
        return {
            name: list(value) for name, value in vars(self).items() if name not in ("filter", "fit")
        }


class TorchEncoder:
    """A network that was trained elsewhere.

    A class that derives from it has a ``name``, and gives networks in ``_network``.

    Args:
        network: Which one, by its name in the package that has it.
        weights: A file with its weights, ``.pth`` or ``.safetensors``; or the name of those that
            the package has or fetches, as ``DEFAULT``.
        preprocess: Another fit of the images, or another size that the network takes.
        device: ``auto``, ``cpu``, ``cuda`` or ``mps``. On ``cuda`` it computes in half precision
            where that is safe.
        batch_size: How many images go through it at once; None for as many as suit the device.

    Raises:
        InvalidArgument: There is no such network, or the weights are not its own.
        MissingPackage: A package is not installed.
    """

    name: ClassVar[str]
    requires: ClassVar[Requires]
    argument: ClassVar[str] = "network"

    def __init__(
        self,
        network: str,
        weights: str | None = None,
        preprocess: Preprocess | None = None,
        device: str = "auto",
        batch_size: int | None = None,
    ) -> None:
        if lack := lacking(self):
            raise MissingPackage(f"The encoder {self.name!r} {lack}")
        if device not in DEVICES:
            raise InvalidArgument(f"{device!r} is no device: {', '.join(DEVICES)}.")
        self.network, self.weights, self.device = network, weights, device
        self.batch_size = check_batch(batch_size)
        if preprocess is not None and preprocess.color == "grey":
            raise InvalidArgument(f"{self.name}:{network} takes RGB images.")
        self._given = preprocess
        self._loaded: tuple[Look, dict[str, np.ndarray[Any, Any]]] | None = None

    @property
    def preprocess(self) -> Preprocess:
        """What images are brought to."""
        fit = self.look.fit if self._given is None else self._given.fit
        return Preprocess(self.look.resize, fit, filter=self.look.filter)

    @property
    def look(self) -> Look:
        """How images come to the network."""
        look = self._opened[1]
        if self._given is None or self._given.size == look.resize:
            return look
        return replace(look, size=self._given.size, resize=self._given.size)

    @cached_property
    def dim(self) -> int:
        """The length of its vectors."""
        return int(self.encode(np.zeros((1, *self.preprocess.shape), np.uint8)).shape[1])

    @cached_property
    def fingerprint(self) -> str:
        """A sha256 over name, network, preprocessing and weights, in hex."""
        told: dict[str, JSON] = {
            "network": self.network,
            "look": self.look.to_json(),
            **self.preprocess.to_json(),
        }
        return fingerprint(self.name, told, self._arrays())

    def get_params(self) -> dict[str, JSON]:
        """The parameters it was made with."""
        return {"network": self.network, "weights": self.weights, **self.preprocess.to_json()}

    def facts(self) -> dict[str, JSON]:
        """What is worth knowing of the network."""
        return {"network": f"{self.name}:{self.network}"}

    def encode(self, images: Pixels) -> Vectors:
        """Embed images.

        Args:
            images: ``(n, height, width, 3)`` uint8.

        Returns:
            ``(n, dim)`` float32.

        Raises:
            InvalidArgument: The images are of another size, colour or type.
        """
        import torch

        from vecsearch.encoders.memory import is_out_of_memory

        checked = check_pixels(images, self.preprocess)
        width, height = self.look.size
        top, left = (checked.shape[1] - height) // 2, (checked.shape[2] - width) // 2
        network, look = self._opened[0], self.look
        device = next(network.parameters()).device
        mean, std = (torch.tensor(one, device=device) for one in (look.mean, look.std))
        found: list[Any] = []
        with torch.inference_mode(), torch.autocast(device.type, enabled=device.type == "cuda"):
            step = self.batch_size or BATCHES.get(device.type, BATCHES["cpu"])
            for start in range(0, len(checked), step):
                cut = checked[start : start + step, top : top + height, left : left + width]
                try:
                    pixels = torch.from_numpy(np.array(cut)).to(device)
                    values = ((pixels / 255 - mean) / std).permute(0, 3, 1, 2)
                    found.append(self._features(network, values).float().cpu().numpy())
                except (RuntimeError, MemoryError, AssertionError) as error:
                    raise InvalidArgument(
                        f"There is not enough memory for {len(cut)} images in {self.name}:"
                        f"{self.network} at once: take a smaller --batch-size."
                        if is_out_of_memory(error)
                        else f"{self.name}:{self.network} cannot take {width}x{height}: {error}"
                    ) from error
        return np.concatenate(found) if found else np.empty((0, self.dim), np.float32)

    def save(self, folder: Path) -> None:
        """Write settings and weights into ``folder``."""
        from safetensors.numpy import save

        folder.mkdir(parents=True, exist_ok=True)
        (folder / WEIGHTS).write_bytes(save(self._arrays()))
        settings: dict[str, JSON] = {"params": self.get_params(), "look": self.look.to_json()}
        save_settings(folder, self.name, settings)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what ``save`` wrote.

        Raises:
            DamagedCollection: It cannot be read.
            MissingPackage: The package that has the network is not installed.
        """
        from safetensors.numpy import load_file

        with reading(folder, cls.name) as settings:
            params = settings["params"]
            preprocess = Preprocess.from_json(params)
            encoder = cls(params["network"], params["weights"], preprocess)
            look = Look.from_json(settings["look"], preprocess.filter)
            encoder._loaded = look, load_file(folder / WEIGHTS)
        return encoder

    @cached_property
    def _opened(self) -> "tuple[nn.Module, Look]":
        """The network with its weights, ready to encode, and how images come to it."""
        import torch

        self._check_name()
        if self.weights is None and self._loaded is None:
            raise InvalidArgument(
                f"{self.name}:{self.network} needs its weights: --weights FILE, or --weights "
                f"{self._known()[0]} for those that {self.name} has, which may be fetched."
            )
        asked = self.weights if self._loaded is None and self.weights in self._known() else None
        try:
            network, look = self._network(asked)
        except (OSError, RuntimeError, ValueError) as error:
            if asked is None:
                raise InvalidArgument(
                    f"{self.name}:{self.network} cannot be made: {error}"
                ) from error
            raise VecsearchError(
                f"The weights {asked!r} of {self.name}:{self.network} cannot be had: {error}"
            ) from error
        if self._loaded is not None:
            look, arrays = self._loaded
            tensors = {name: torch.from_numpy(np.array(one)) for name, one in arrays.items()}
            try:
                network.load_state_dict(tensors)
            except RuntimeError as error:
                raise DamagedCollection(
                    f"The weights are not of {self.network}: {error}"
                ) from error
        elif asked is None:
            from vecsearch.encoders.pretrained_files import take_weights

            file = Path(str(self.weights))
            if not file.exists():
                raise InvalidArgument(
                    f"{file} is no file with weights, nor what {self.name} calls those that it "
                    f"has of {self.network}: {', '.join(self._known())}."
                )
            take_weights(network, file, f"{self.name}:{self.network}")
        for parameter in network.parameters():
            parameter.requires_grad_(False)
        from vecsearch.encoders.devices import quickest

        device = quickest() if self.device == "auto" else self.device
        try:
            return network.eval().to(device), look
        except (RuntimeError, AssertionError) as error:
            raise InvalidArgument(f"There is no {device} here: {error}") from error

    def _arrays(self) -> dict[str, np.ndarray[Any, Any]]:
        state = self._opened[0].state_dict()
        return {name: value.cpu().numpy() for name, value in state.items()}

    def _check_name(self) -> None:
        """Refuse a network that there is not."""
        raise NotImplementedError

    def _known(self) -> Sequence[str]:
        """What the weights are called that the package has or fetches."""
        return (DEFAULT,)

    def _network(self, fetched: str | None) -> "tuple[nn.Module, Look]":
        """The network without what names classes, with weights of the package's or with none."""
        raise NotImplementedError

    def _features(self, network: "nn.Module", values: "Tensor") -> "Tensor":
        features: Tensor = network(values)
        return features.flatten(1)
