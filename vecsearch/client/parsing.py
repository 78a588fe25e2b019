"""From the JSON of a server to the types of the library, and back."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vecsearch.errors import ImageError, InvalidArgument
from vecsearch.types import Hit, Item
from vecsearch.where import Condition, Where, as_conditions, parse_condition

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


def only(options: Mapping[str, Any], known: Sequence[str]) -> dict[str, Any]:
    """Options, all of which are known.

    Raises:
        TypeError: One is not: it would go unheard.
    """
    if strangers := sorted(options.keys() - set(known)):
        raise TypeError(f"{strangers[0]!r} is no option here; there are: {', '.join(known)}.")
    return dict(options)


def texts(where: Where) -> list[str]:
    """Conditions as a list of texts.

    Raises:
        InvalidArgument: One cannot be asked for by text.
    """
    if isinstance(where, Mapping):
        return [_text_of(one) for one in as_conditions(where)]
    several = [where] if isinstance(where, str | Condition) else list(where or ())
    return [_text_of(one) if isinstance(one, Condition) else one for one in several]


def _text_of(condition: Condition) -> str:
    key, operator, value = condition.key, condition.operator, condition.value
    several = {"in": value, "exists": ()}.get(operator, (value,))
    shown = [str(one).lower() if isinstance(one, bool) else str(one) for one in several]
    sign = "==" if operator == "=" else operator  # after = alone, a < would be part of it
    text = f"{key} {sign} {', '.join(shown)}".rstrip()
    with suppress(InvalidArgument):
        read = parse_condition(text)
        asked = {"in": read.value, "exists": ()}.get(read.operator, (read.value,))
        plain = all(isinstance(one, str | int | float) for one in several)
        if plain and (read.key, read.operator, asked) == (key, operator, tuple(shown)):
            return text
    raise InvalidArgument(
        f"A server is asked in text, which cannot say that {key} {operator} {value!r}."
    )
