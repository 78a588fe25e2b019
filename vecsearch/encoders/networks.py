"""What encoders have in common that are a network which others have trained, in ONNX's format."""

import hashlib
import importlib.util
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from vecsearch.encoders.base import Requires, check_pixels, reading, save_settings
from vecsearch.encoders.runtimes import ELSEWHERE, session_options, told_threads
from vecsearch.errors import InvalidArgument, MissingPackage, VecsearchError
from vecsearch.images import Preprocess
from vecsearch.types import JSON, Pixels, Vectors

NETWORK = "network.onnx"
BATCH = 4
# What onnxruntime runs networks on if there is no other device; the first asks a server, if told.
WITHOUT_DEVICE = frozenset({"AzureExecutionProvider", "CPUExecutionProvider"})
ONNXRUNTIME: Requires = (("onnxruntime", "onnx"),)


def processors() -> int:
    """On how many of them networks are run: all, or as many as OMP_NUM_THREADS grants."""
    import loky

    there = int(loky.cpu_count())
    return min(told_threads() or there, there)


def check_batch(batch_size: int | None) -> int | None:
    """How many images go through a network at once.

    Raises:
        InvalidArgument: It is no count.
    """
    if batch_size is not None and (isinstance(batch_size, bool) or batch_size < 1):
        raise InvalidArgument(f"A batch is of 1 image or more, not {batch_size}.")
    return batch_size


class NetworkEncoder:
    """A network in the format of ONNX, run by onnxruntime.

    A class that derives from it has a ``name``, makes its network in ``_make``, and may bring
    images to what the network takes in ``_prepared``, and its answer to vectors in ``_vectors``.

    Args:
        preprocess: The size, fit and colour of the images.
        batch_size: How many images go through it at once; None for as many as suit a processor.
            It changes no vector.
    """

    name: ClassVar[str]
    licence: ClassVar[str] = ""

    def __init__(self, preprocess: Preprocess, batch_size: int | None = None) -> None:
        self.preprocess = preprocess
        self.batch_size = check_batch(batch_size)
        self._loaded: bytes | None = None

    @cached_property
    def network(self) -> bytes:
        """The network, as it lies in its file.

        Raises:
            MissingPackage: A package that brings it is not installed.
            InvalidArgument: It cannot be used.
        """
        network = self._make() if self._loaded is None else self._loaded
        if ELSEWHERE in network:
            raise InvalidArgument(
                "The network keeps weights in other files: save it as one file first."
            )
        return network

    @cached_property
    def dim(self) -> int:
        """The length of its vectors."""
        fixed = self._session.get_inputs()[0].shape[0]
        count = fixed if isinstance(fixed, int) else 1
        blank = np.zeros((count, *self.preprocess.shape), np.uint8)
        return int(self._encoded(blank, self._session).shape[1])

    @property
    def fingerprint(self) -> str:
        """A sha256 over name, parameters and network, in hex."""
        digest = hashlib.sha256(repr((self.name, sorted(self._identity().items()))).encode())
        digest.update(self.network)
        return digest.hexdigest()

    def get_params(self) -> dict[str, JSON]:
        """The parameters it was made with."""
        return self.preprocess.to_json()

    def facts(self) -> dict[str, JSON]:
        """What is worth knowing of the network."""
        return {"licence": self.licence} if self.licence else {}

    def encode(self, images: Pixels) -> Vectors:
        """Embed images.

        Args:
            images: ``(n, height, width, channels)`` uint8.

        Returns:
            ``(n, dim)`` float32.

        Raises:
            InvalidArgument: The images are of another size, colour or type.
            MissingPackage: onnxruntime is not installed.
            VecsearchError: The network cannot be run.
        """
        checked = check_pixels(images, self.preprocess)
        vectors = np.empty((len(checked), self.dim), np.float32)
        fixed = self._session.get_inputs()[0].shape[0]
        step = fixed if isinstance(fixed, int) else self.batch_size or BATCH
        several = len(checked) > step and WITHOUT_DEVICE.issuperset(self._session.get_providers())
        session = self._session_alone if several else self._session

        def embed(start: int) -> None:
            block = checked[start : start + step]
            if isinstance(fixed, int) and len(block) < fixed:
                block = np.concatenate(
                    [block, np.zeros((fixed - len(block), *block.shape[1:]), np.uint8)]
                )
            vectors[start : start + step] = self._encoded(block, session)[: len(checked) - start]

        # Processors that each take other images need not wait for one another, as they must when
        # they share each (benchmarks/encode_speed.py).
        with ThreadPoolExecutor(processors() if several else 1) as threads:
            for _ in threads.map(embed, range(0, len(checked), step)):
                pass
        return vectors

    def save(self, folder: Path) -> None:
        """Write settings and network into ``folder``."""
        folder.mkdir(parents=True, exist_ok=True)
        (folder / NETWORK).write_bytes(self.network)
        save_settings(
            folder,
            self.name,
            {"params": self.get_params(), NETWORK: hashlib.sha256(self.network).hexdigest()},
        )

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what ``save`` wrote.

        Raises:
            DamagedCollection: It cannot be read.
        """
        with reading(folder, cls.name) as settings:
            encoder = cls._from_params(settings["params"])
            network = (folder / NETWORK).read_bytes()
            if hashlib.sha256(network).hexdigest() != settings[NETWORK]:
                raise ValueError(f"{NETWORK} is not as it was written")
        encoder._loaded = network
        return encoder

    @classmethod
    def _from_params(cls, params: dict[str, Any]) -> Self:
        return cls(preprocess=Preprocess.from_json(params))

    def _make(self) -> bytes:
        """The network of an encoder that was not loaded."""
        raise NotImplementedError

    def _identity(self) -> dict[str, JSON]:
        """The parameters that its vectors depend on."""
        return self.get_params()

    def _prepared(self, images: Pixels) -> NDArray[Any]:
        """What the network takes, of uint8 images."""
        return images

    def _vectors(self, answer: NDArray[Any]) -> NDArray[Any]:
        """Vectors, of what the network gives."""
        return answer

    def _encoded(self, images: Pixels, session: Any) -> NDArray[Any]:
        fed = {session.get_inputs()[0].name: self._prepared(images)}
        try:
            (answer,) = session.run([self._output()], fed)
        except Exception as error:
            # onnxruntime raises a class of its own for each kind of fault.
            raise VecsearchError(f"The network cannot be run: {error}") from error
        vectors = self._vectors(answer)
        if vectors.ndim != 2 or len(vectors) != len(images):
            raise InvalidArgument(
                f"The network gives {answer.shape} for {len(images)} images, where a vector each "
                "was expected: name another output, or how to pool it."
            )
        return vectors

    def _output(self) -> str:
        """Which output of the network is taken."""
        return str(self._session.get_outputs()[0].name)

    @cached_property
    def _session(self) -> Any:
        """What runs one batch on all processors."""
        return self._opened()

    @cached_property
    def _session_alone(self) -> Any:
        """What runs a batch on one processor, while others run others."""
        return self._opened(alone=True)

    def _opened(self, alone: bool = False) -> Any:
        if not importlib.util.find_spec("onnxruntime"):
            raise MissingPackage(
                f"The encoder {self.name!r} needs the package onnxruntime: "
                "pip install 'vecsearch[onnx]'"
            )
        import onnxruntime

        options = session_options()
        if alone:
            options.intra_op_num_threads = 1
        # A thread that waits by spinning holds up those that decode the next images.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        try:
            return onnxruntime.InferenceSession(
                self.network, options, providers=onnxruntime.get_available_providers()
            )
        except Exception as error:
            raise InvalidArgument(f"The network cannot be loaded: {error}") from error
