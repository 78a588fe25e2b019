"""From the JSON of a server to the types of the library, and back."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vecsearch.errors import ImageError, InvalidArgument
from vecsearch.types import JSON, Hit, Item

if TYPE_CHECKING:  # it brings FAISS, which a client has no use for until it classifies
    from vecsearch.classification import Prediction


def as_item(body: Mapping[str, Any]) -> Item:
    """An item, from JSON."""
    path = None if body["path"] is None else Path(body["path"])
    return Item(body["id"], path, body["label"], body["metadata"])


def as_hit(body: Mapping[str, Any]) -> Hit:
    """A hit, from JSON."""
    return Hit(as_item(body), body["distance"], body["score"])


def as_hits(body: Mapping[str, Any]) -> list[Hit]:
    """The hits of an answer."""
    return [as_hit(one) for one in body["hits"]]


def as_prediction(body: Mapping[str, Any]) -> "Prediction":
    """What something was taken for, from JSON."""
    from vecsearch.classification import Prediction

    return Prediction(
        body["label"],
        body["nearest"],
        body["confidence"],
        body["distance"],
        body["method"],
        [as_hit(one) for one in body["neighbours"]],
    )


def bytes_of(image: str | Path | bytes) -> bytes:
    """The bytes of an image.

    Raises:
        ImageError: There is no such file.
    """
    if isinstance(image, bytes):
        return image
    try:
        return Path(image).read_bytes()
    except OSError as error:
        raise ImageError(f"{image}: cannot be read: {error.strerror}") from error


def listed(given: Sequence[Any]) -> list[Any]:
    """What came as a list.

    Raises:
        InvalidArgument: It is one thing.
    """
    if isinstance(given, str | bytes | Path):
        raise InvalidArgument(f"It comes as a list: [{given!r}].")
    return list(given)


def texts(where: Mapping[str, JSON] | str | Sequence[str] | None) -> list[str]:
    """Conditions as a list of texts.

    Raises:
        InvalidArgument: A value cannot be asked for by text.
    """
    if isinstance(where, Mapping):
        return [f"{key}=={_plain(key, value)}" for key, value in where.items()]
    return [where] if isinstance(where, str) else list(where or ())


def _plain(key: str, value: JSON) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if not isinstance(value, str | int | float):
        raise InvalidArgument(f"A server is asked for text, numbers or truths: {key} is {value!r}.")
    return str(value)
