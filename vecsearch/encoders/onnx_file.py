"""Any image network in the format of ONNX, with a note beside it of what it takes."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from vecsearch.encoders.base import Requires
from vecsearch.encoders.networks import ONNXRUNTIME, NetworkEncoder
from vecsearch.errors import InvalidArgument
from vecsearch.images import Preprocess
from vecsearch.images.decoding import FILTERS, Color
from vecsearch.types import JSON, Pixels

POOLS = ("none", "mean", "max", "first")
CHANNELS = {"rgb": 3, "bgr": 3, "grey": 1}
FLOATS = ("tensor(float)", "tensor(float16)", "tensor(double)")
LAYOUTS = ("nchw", "nhwc")
USUAL = (224, 224)
KINDS: Mapping[str, Any] = {
    "tensor(float)": np.float32,
    "tensor(float16)": np.float16,
    "tensor(uint8)": np.uint8,
}


@dataclass(frozen=True)
class Takes:
    """What a network takes and gives: the content of the JSON file beside it.

    Attributes:
        size: Width and height of its images; by default what the network tells, or 224 × 224.
        resize: What images are brought to first, of which the middle of ``size`` is cut; the same
            as ``size`` by default.
        fit: How images of other proportions come to that: ``stretch``, ``crop`` or ``pad``.
        filter: What they are resized by: ``lanczos``, ``bicubic`` or ``bilinear``.
        channels: ``rgb``, ``bgr`` or ``grey``; by default what the network tells.
        layout: ``nchw`` or ``nhwc``; by default what the network tells.
        divisor: What pixels from 0 to 255 are divided by.
        mean: What is taken from them then, for each channel or for all.
        std: What they are divided by after that.
        output: The name of the output that is taken; the first by default.
        pool: How a map of features becomes a vector: ``mean``, ``max``, ``first`` (of the tokens of
            a transformer), or ``none`` where the output is a vector.
        licence: That of the network, to be told.
    """

    size: tuple[int, int] | None = None
    resize: tuple[int, int] | None = None
    fit: str = "crop"
    filter: str = "lanczos"
    channels: str | None = None
    layout: str | None = None
    divisor: float = 255.0
    mean: tuple[float, ...] = (0.0,)
    std: tuple[float, ...] = (1.0,)
    output: str | None = None
    pool: str = "none"
    licence: str = ""

    @classmethod
    def from_json(cls, values: Any) -> Self:
        """From what a JSON file holds.

        Raises:
            InvalidArgument: A key or value of it is not known.
        """
        known = {field.name for field in fields(cls)}
        if not isinstance(values, Mapping) or not set(values) <= known:
            strange = sorted(set(values) - known)[0] if isinstance(values, Mapping) else values
            raise InvalidArgument(f"no {strange!r} is known; there are {', '.join(sorted(known))}.")
        given: dict[str, Any] = {
            key: tuple(value) if isinstance(value, list) else value
            for key, value in values.items()
            if value is not None
        }
        for key in ("mean", "std"):
            if isinstance(given.get(key), int | float):
                given[key] = (given[key],)
        return cls(**given)

    def __post_init__(self) -> None:
        for name, allowed in (
            ("pool", POOLS),
            ("channels", (*CHANNELS, None)),
            ("layout", (*LAYOUTS, None)),
            ("fit", ("stretch", "crop", "pad")),
            ("filter", tuple(FILTERS)),
        ):
            if getattr(self, name) not in allowed:
                names = ", ".join(one for one in allowed if one)
                raise InvalidArgument(f"the {name} is one of {names}.")
        numbers = (self.divisor, *self.mean, *self.std)
        if not all(isinstance(one, int | float) and np.isfinite(one) for one in numbers):
            raise InvalidArgument("divisor, mean and std are numbers.")
        if 0 in (self.divisor, *self.std):
            raise InvalidArgument("nothing can be divided by 0.")
        for sides in (self.size, self.resize):
            if sides is not None:
                Preprocess(sides)


class OnnxEncoder(NetworkEncoder):
    """A network from a file of ONNX's format.

    What it takes stands in a JSON file of the same name beside it, ``resnet.json`` for
    ``resnet.onnx``; see ``Takes``. Without one, size, channels and layout are those that the
    network itself tells, and pixels are divided by 255.

    Args:
        file: The network, in one file.
        preprocess: Another fit of the images, or another size that the network takes.
        batch_size: How many images go through it at once.

    Raises:
        InvalidArgument: There is no such file, it is no network of images, or the note beside it
            does not fit it.
        MissingPackage: onnxruntime is not installed.
    """

    name: ClassVar[str] = "onnx"
    requires: ClassVar[Requires] = ONNXRUNTIME
    argument: ClassVar[str] = "file"
    form: ClassVar[str] = "onnx:FILE"
    example: ClassVar[str] = "onnx:resnet.onnx"

    def __init__(
        self, file: str, preprocess: Preprocess | None = None, batch_size: int | None = None
    ) -> None:
        path = Path(file)
        if not path.is_file():
            raise InvalidArgument(f"There is no file {file!r}: name a network, as onnx:FILE.onnx.")
        super().__init__(Preprocess(), batch_size)
        self.file, self._loaded = file, path.read_bytes()
        try:
            self.takes = self._completed(_note_beside(path), preprocess)
        except InvalidArgument as error:
            raise InvalidArgument(f"{path} cannot be used: {error}") from error
        size: Any = self.takes.resize or self.takes.size
        fit: Any = self.takes.fit
        filtered: Any = self.takes.filter
        color: Color = "grey" if self.takes.channels == "grey" else "rgb"
        self.preprocess = Preprocess(size, fit, color, filtered)
        if preprocess is not None and preprocess.color != self.preprocess.color:
            raise InvalidArgument(f"{path} takes {self.takes.channels} images.")

    def get_params(self) -> dict[str, JSON]:
        """The parameters it was made with."""
        return {"file": self.file, **self._identity()}

    def facts(self) -> dict[str, JSON]:
        """What is worth knowing of the network."""
        licence: dict[str, JSON] = {"licence": self.takes.licence} if self.takes.licence else {}
        return {"file": Path(self.file).name, **licence}

    @classmethod
    def _from_params(cls, params: dict[str, Any]) -> Self:
        encoder = cls.__new__(cls)
        NetworkEncoder.__init__(encoder, Preprocess.from_json(params))
        encoder.file = str(params["file"])
        encoder.takes = Takes.from_json(params["takes"])
        return encoder

    def _identity(self) -> dict[str, JSON]:
        takes: dict[str, JSON] = {
            key: list(value) if isinstance(value, tuple) else value
            for key, value in vars(self.takes).items()
            if key != "filter"  # which stands with the preprocessing
        }
        return {"takes": takes, **self.preprocess.to_json()}

    def _completed(self, takes: Takes, preprocess: Preprocess | None) -> Takes:
        """What the network takes, with what it tells itself."""
        inputs = self._session.get_inputs()
        if len(inputs) != 1 or len(inputs[0].shape) != 4 or inputs[0].type not in KINDS:
            told = ", ".join(f"{each.name} {each.type} {each.shape}" for each in inputs)
            raise InvalidArgument(f"it takes {told or 'nothing'}, and not images alone.")
        (one,) = inputs
        shape = [side if isinstance(side, int) else None for side in one.shape]
        known = {1: "grey", 3: "rgb"}
        layout = takes.layout or next(
            (name for name, at in (("nchw", 1), ("nhwc", 3)) if shape[at] in known), None
        )
        if layout is None:
            raise InvalidArgument(f"its input {one.shape} does not tell the layout: note it.")
        depth, height, width = shape[1:] if layout == "nchw" else (shape[3], *shape[1:3])
        channels = takes.channels or known.get(depth or 0)
        if channels is None or (depth is not None and (depth == 1) != (channels == "grey")):
            raise InvalidArgument(f"its input {one.shape} does not fit the channels {channels}.")
        own = (width, height) if width and height else None
        asked = preprocess.size if preprocess is not None else None
        size = takes.size or own or asked or USUAL
        if asked is not None and asked not in (size, takes.resize):
            size, takes = asked, replace(takes, resize=None)
        if own is not None and own != size:
            raise InvalidArgument(f"it takes images of {width}x{height}, not {size[0]}x{size[1]}.")
        if takes.resize and any(a < b for a, b in zip(takes.resize, size, strict=True)):
            raise InvalidArgument("images are resized to less than what is cut of them.")
        wrong = [
            part for part in (takes.mean, takes.std) if len(part) not in (1, CHANNELS[channels])
        ]
        if wrong:
            raise InvalidArgument(f"mean and std are 1 number or {CHANNELS[channels]}: {wrong[0]}.")
        kinds = {each.name: each.type for each in self._session.get_outputs()}
        if takes.output is not None and takes.output not in kinds:
            raise InvalidArgument(f"it gives {', '.join(kinds)}, not {takes.output}.")
        if (kind := kinds[takes.output or next(iter(kinds))]) not in FLOATS:
            raise InvalidArgument(f"it gives {kind}, and no vectors: name another output.")
        fit = takes.fit if preprocess is None else preprocess.fit
        return replace(takes, size=size, channels=channels, layout=layout, fit=fit)

    def _prepared(self, images: Pixels) -> NDArray[Any]:
        takes = self.takes
        width, height = takes.size or self.preprocess.size
        top, left = (images.shape[1] - height) // 2, (images.shape[2] - width) // 2
        cut = images[:, top : top + height, left : left + width]
        if takes.channels == "bgr":
            cut = cut[..., ::-1]
        kind = KINDS[self._session.get_inputs()[0].type]
        if kind != np.uint8:
            scale = 1 / (takes.divisor * np.array(takes.std))
            shift = np.array(takes.mean) / np.array(takes.std)
            cut = (cut * scale.astype(np.float32) - shift.astype(np.float32)).astype(kind)
        if takes.layout == "nchw":
            cut = cut.transpose(0, 3, 1, 2)
        return np.ascontiguousarray(cut)

    def _output(self) -> str:
        return self.takes.output or super()._output()

    def _vectors(self, answer: NDArray[Any]) -> NDArray[Any]:
        pool = self.takes.pool
        if pool == "none":
            # A map of one place is a vector, in either layout.
            one_place = answer.ndim == 4 and answer.size == len(answer) * max(answer.shape[1:])
            return answer.reshape(len(answer), -1) if one_place else answer
        if answer.ndim == 3:
            axes: tuple[int, ...] = (1,)
        elif answer.ndim == 4:
            axes = (2, 3) if self.takes.layout == "nchw" else (1, 2)
        else:
            raise InvalidArgument(f"The network gives {answer.shape}, of which nothing is pooled.")
        if pool == "first":
            for axis in reversed(axes):
                answer = answer.take(0, axis)
            return answer
        pooled: NDArray[Any] = answer.mean(axis=axes) if pool == "mean" else answer.max(axis=axes)
        return pooled


def _note_beside(file: Path) -> Takes:
    note = file.with_suffix(".json")
    if not note.exists():
        return Takes()
    try:
        return Takes.from_json(json.loads(note.read_bytes()))
    except (OSError, ValueError, RecursionError) as error:
        raise InvalidArgument(f"{note} is no JSON: {error}.") from error
    except (TypeError, InvalidArgument) as error:
        raise InvalidArgument(f"{note}: {error}") from error
