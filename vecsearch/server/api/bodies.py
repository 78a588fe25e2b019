"""What is asked about: the body of a question, a picture or JSON."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from fastapi import Request

from vecsearch.encoders import Encoder
from vecsearch.encoding import encode_pixels
from vecsearch.errors import InvalidArgument
from vecsearch.server.bodies import body_of
from vecsearch.server.generation import Generation, What
from vecsearch.server.models import Query
from vecsearch.server.problems import Problem
from vecsearch.server.served import in_pool
from vecsearch.server.state import State
from vecsearch.types import Vectors

# What a route that takes either says in the OpenAPI document.
_BYTES = {"schema": {"type": "string", "format": "binary"}}
_IMAGES = {"image/*": _BYTES, "application/octet-stream": _BYTES}
_JSON = {"application/json": {"schema": Query.model_json_schema()}}
BODY: dict[str, Any] = {"requestBody": {"required": True, "content": {**_JSON, **_IMAGES}}}
IMAGES: dict[str, Any] = {"requestBody": {"required": True, "content": _IMAGES}}


@dataclass(frozen=True)
class Subject:
    """What is asked about.

    Attributes:
        name: What it is called in the answer.
        what: The id of an item, or a vector, ``(dim,)``.
        encoded: Whether its vector was made here, of a picture or of words.
    """

    name: str
    what: What
    encoded: bool = False


async def subject_of(request: Request, generation: Generation, state: State) -> Subject:
    """What a question is about.

    Raises:
        Problem: The body is neither, or too large.
        ImageError: It is a picture that cannot be read.
    """
    if kind_of(request) == "application/json":
        query = Query.model_validate_json(await body_of(request))
        given = [one for one in (query.id, query.vector, query.text) if one is not None]
        if len(given) != 1:
            raise Problem(422, "Ask by one of these: id, vector, text.")
        if query.id is not None:
            return Subject(query.id, query.id)
        if query.vector is not None:
            return Subject("vector", as_vector(query.vector, generation))
        text = query.text or ""
        vector = await in_pool(generation.light, _words, generation, text)
        return Subject(text, vector, encoded=True)
    image = await image_of(request, generation, state, " or JSON as application/json")
    return Subject("upload", image.vector, encoded=True)


@dataclass(frozen=True)
class Upload:
    """A picture that a client sent.

    Attributes:
        data: The bytes of its file.
        size: Its width and height.
        vector: What the encoder made of it, ``(dim,)``.
        encoder: That of the collection.
    """

    data: bytes
    size: tuple[int, int]
    vector: Vectors
    encoder: Encoder


async def image_of(
    request: Request, generation: Generation, state: State, otherwise: str = ""
) -> Upload:
    """The picture in the body of a request, encoded.

    Args:
        request: What has the body.
        generation: What has the encoder.
        state: What takes in and decodes.
        otherwise: What else could have been sent.

    Raises:
        Problem: There is none, or it is too large.
        ImageError: It cannot be read.
    """
    kind = kind_of(request)
    if not (kind.startswith("image/") or kind == "application/octet-stream"):
        raise Problem(
            415,
            "Send the bytes of an image, as image/jpeg and so on or application/octet-stream,"
            f"{otherwise or ' and nothing else'}.",
        )
    if generation.collection.encoder_name is None:
        raise Problem(
            400,
            "This collection was made from vectors and has no encoder for images: ask by vector "
            "or id.",
        )
    data = await body_of(request)
    if not data:
        raise Problem(422, "The body is empty: send the bytes of an image.")
    encoder = await in_pool(generation.light, lambda: generation.collection.encoder)
    pixels, size = await state.decoder.pixels(data, encoder.preprocess)
    vectors = await in_pool(state.light, encode_pixels, pixels[None], encoder)
    return Upload(data, size, vectors[0], encoder)


def kind_of(request: Request) -> str:
    """The media type of a body, without its parameters."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def as_vector(given: list[float], generation: Generation) -> Vectors:
    """Numbers as a vector of a collection.

    Raises:
        InvalidArgument: They are more or fewer than its vectors have.
    """
    dim = generation.collection.dim
    if len(given) != dim:
        raise InvalidArgument(f"The vector has {len(given)} numbers, and those here have {dim}.")
    with np.errstate(over="ignore"):
        vector: Vectors = np.array(given, np.float32)
    return vector


def _words(generation: Generation, text: str) -> Vectors:
    collection = generation.collection
    encode_text = None
    if collection.encoder_name is not None:
        encode_text = getattr(collection.encoder, "encode_text", None)
    if encode_text is None:
        raise InvalidArgument("The encoder of this collection knows no words: ask by an image.")
    vector: Vectors = encode_text([text])[0]
    return vector
