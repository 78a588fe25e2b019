"""Weights that torch has saved, read without torch, and without running what stands in the file.

A ``.pth`` file is a pickle, a program that builds objects. Here its instructions are followed by
hand, and only those that build tensors by name are known.
"""

import io
import math
import pickletools
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from vecsearch.errors import InvalidArgument

# How a file begins that torch wrote before it took to zip archives, as a pickled number.
MAGIC = 0x1950A86A20F9469CFC6C
KINDS = {
    "torch FloatStorage": "<f4",
    "torch DoubleStorage": "<f8",
    "torch HalfStorage": "<f2",
    "torch LongStorage": "<i8",
    "torch IntStorage": "<i4",
    "torch ShortStorage": "<i2",
    "torch CharStorage": "|i1",
    "torch ByteStorage": "|u1",
    "torch BoolStorage": "|b1",
}
TENSORS = ("torch._utils _rebuild_tensor_v2", "torch._utils _rebuild_tensor")
PARAMETER = "torch._utils _rebuild_parameter"
MAPPING = "collections OrderedDict"
# What instructions without an argument put on the stack.
_EMPTY: dict[str, Callable[[], Any]] = {
    "empty_dict": dict,
    "empty_list": list,
    "empty_tuple": tuple,
    "none": lambda: None,
    "newtrue": lambda: True,
    "newfalse": lambda: False,
}


def read_pth(path: Path) -> dict[str, NDArray[Any]]:
    """Read tensors by name from a file that ``torch.save`` wrote.

    Raises:
        InvalidArgument: It cannot be read, or holds something else than tensors by name.
    """
    try:
        with open(path, "rb") as file:
            zipped = zipfile.is_zipfile(file)
            file.seek(0)
            found = _from_zip(file) if zipped else _from_stream(file)
    except InvalidArgument as error:
        raise InvalidArgument(f"The weights in {path} cannot be read: {error}") from error
    except (OSError, ValueError, LookupError, TypeError, AttributeError, BadZipFile) as error:
        raise InvalidArgument(f"The weights in {path} cannot be read: {error!r}.") from error
    inner = found.get("state_dict", found) if isinstance(found, dict) else found
    if not isinstance(inner, dict) or not all(
        isinstance(name, str) and isinstance(value, np.ndarray) for name, value in inner.items()
    ):
        raise InvalidArgument(f"{path} holds something else than weights by their names.")
    return inner


@dataclass(frozen=True)
class _Tensor:
    """A tensor whose numbers are yet to be read."""

    storage: tuple[str, str]
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]

    def filled(self, numbers: NDArray[Any]) -> NDArray[Any]:
        """The tensor, from the numbers of its storage."""
        last = sum(
            stride * (size - 1) for stride, size in zip(self.strides, self.shape, strict=True)
        )
        empty = 0 in self.shape
        whole = all(isinstance(n, int) and n >= 0 for n in (*self.shape, *self.strides))
        if not whole or self.offset < 0 or (not empty and self.offset + last >= len(numbers)):
            raise ValueError("a tensor does not fit its storage")
        step = numbers.itemsize
        view = np.lib.stride_tricks.as_strided(
            numbers[self.offset :], self.shape, [step * stride for stride in self.strides]
        )
        return np.ascontiguousarray(view).reshape(self.shape)


def _from_zip(file: BinaryIO) -> Any:
    with zipfile.ZipFile(file) as archive:
        (plan,) = [name for name in archive.namelist() if name.endswith("/data.pkl")]
        root = plan.removesuffix("data.pkl")
        order = f"{root}byteorder"
        if order in archive.namelist() and archive.read(order) != b"little":
            raise InvalidArgument("its numbers are big-endian.")
        built = _build(io.BytesIO(archive.read(plan)))
        return _fill(built, lambda key: archive.read(f"{root}data/{key}"))


def _from_stream(file: BinaryIO) -> Any:
    if _build(file) != MAGIC:
        raise InvalidArgument("torch has not written it.")
    _build(file)  # the version
    if not _build(file)["little_endian"]:
        raise InvalidArgument("its numbers are big-endian.")
    built = _build(file)
    kinds = {storage[1]: KINDS[storage[0]] for storage in _storages(built)}
    contents = {}
    for key in _build(file):
        count = int.from_bytes(file.read(8), "little")
        contents[key] = file.read(count * np.dtype(kinds[key]).itemsize)
    return _fill(built, contents.__getitem__)


def _storages(built: Any) -> set[tuple[str, str]]:
    if isinstance(built, dict):
        return {storage for value in built.values() for storage in _storages(value)}
    return {built.storage} if isinstance(built, _Tensor) else set()


def _fill(built: Any, read: Callable[[str], bytes]) -> Any:
    numbers: dict[tuple[str, str], NDArray[Any]] = {}

    def filled(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: filled(one) for name, one in value.items()}
        if not isinstance(value, _Tensor):
            return value
        if value.storage not in numbers:
            kind, key = value.storage
            numbers[value.storage] = np.frombuffer(read(key), KINDS[kind])
        return value.filled(numbers[value.storage])

    return filled(built)


def _build(file: BinaryIO) -> Any:
    """Follow one pickle's instructions; the file stands behind it then."""
    machine = _Machine()
    for opcode, argument, _ in pickletools.genops(file):
        if opcode.name == "STOP":
            break
        machine.follow(opcode, argument)
    return machine.stack.pop()


class _Machine:
    """Follows the instructions that weights are built by, and refuses all others."""

    def __init__(self) -> None:
        self.stack: list[Any] = []
        self._marks: list[int] = []
        self._memo: dict[Any, Any] = {}

    def follow(self, opcode: pickletools.OpcodeInfo, argument: Any) -> None:
        name = opcode.name.removeprefix("LONG_").lower()
        if name in ("proto", "frame"):
            return
        if name in _EMPTY:
            self.stack.append(_EMPTY[name]())
        elif hasattr(self, f"_{name}"):
            getattr(self, f"_{name}")(argument)
        elif argument is not None and not opcode.stack_before:
            self.stack.append(argument)  # a number or text
        else:
            raise InvalidArgument(f"it does more than to hold weights ({opcode.name}).")

    def _mark(self, _: None) -> None:
        self._marks.append(len(self.stack))

    def _since_mark(self) -> list[Any]:
        start = self._marks.pop()
        items = self.stack[start:]
        del self.stack[start:]
        return items

    def _binput(self, place: int) -> None:
        self._memo[place] = self.stack[-1]

    def _memoize(self, _: None) -> None:
        self._memo[len(self._memo)] = self.stack[-1]

    def _binget(self, place: int) -> None:
        self.stack.append(self._memo[place])

    def _tuple(self, _: None) -> None:
        self.stack.append(tuple(self._since_mark()))

    def _tuple1(self, _: None) -> None:
        self.stack[-1:] = [tuple(self.stack[-1:])]

    def _tuple2(self, _: None) -> None:
        self.stack[-2:] = [tuple(self.stack[-2:])]

    def _tuple3(self, _: None) -> None:
        self.stack[-3:] = [tuple(self.stack[-3:])]

    def _append(self, _: None) -> None:
        value = self.stack.pop()
        self.stack[-1].append(value)

    def _appends(self, _: None) -> None:
        items = self._since_mark()
        self.stack[-1].extend(items)

    def _setitem(self, _: None) -> None:
        value, key = self.stack.pop(), self.stack.pop()
        self.stack[-1][key] = value

    def _setitems(self, _: None) -> None:
        items = self._since_mark()
        self.stack[-1].update(zip(items[::2], items[1::2], strict=True))

    def _global(self, name: str) -> None:
        self.stack.append(_Name(name))

    def _stack_global(self, _: None) -> None:
        name, module = self.stack.pop(), self.stack.pop()
        self.stack.append(_Name(f"{module} {name}"))

    def _binpersid(self, _: None) -> None:
        self.stack.append(_storage(self.stack.pop()))

    def _reduce(self, _: None) -> None:
        given, name = self.stack.pop(), self.stack.pop()
        self.stack.append(_made(name, given))

    def _build(self, _: None) -> None:
        self.stack.pop()  # what torch notes on versions beside the tensors


class _Name(str):
    """The name of something in Python, which is not looked up."""

    __slots__ = ()


def _storage(told: Any) -> tuple[str, str]:
    what, kind, key, *_ = told
    if what != "storage" or not isinstance(kind, _Name) or kind not in KINDS:
        raise InvalidArgument(f"it holds numbers of a kind that is not known here ({kind}).")
    return str(kind), str(key)


def _made(name: Any, given: tuple[Any, ...]) -> Any:
    if isinstance(name, _Name) and name == MAPPING:
        return dict(*given)
    if isinstance(name, _Name) and name == PARAMETER:
        return given[0]
    if isinstance(name, _Name) and name in TENSORS:
        storage, offset, shape, strides, *_ = given
        if math.prod(shape) > 2**34:
            raise ValueError("a tensor is too large")
        return _Tensor(storage, offset, tuple(shape), tuple(strides))
    raise InvalidArgument(f"it calls {name}, which no weights need.")
