"""Ask a ``vecsearch serve`` as one asks a collection; with no package of the web."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import quote

from vecsearch.client.connection import Connection
from vecsearch.client.parsing import (
    as_hits,
    as_item,
    as_prediction,
    bytes_of,
    listed,
    only,
    texts,
)
from vecsearch.errors import InvalidArgument
from vecsearch.types import JSON, Hit, Item, Metric
from vecsearch.where import Where

if TYPE_CHECKING:
    from vecsearch.classification import Prediction

SEARCH = ("where", "metric", "exact", "recall", "offset")
CLASSIFY = ("method", "k", "weights", "reject", "metric")
RECOMMEND = (
    *("strategy", "diversity", "max_per", "collapse", "boost"),
    *("offset", "where", "metric", "exact"),
)
PAGE = 1000
SECONDS = 60.0


class Client:
    """A collection on a server. Its questions are called as those of ``Collection``.

    Images are files, or the bytes of files; k is 1,000 at most, and ``offset`` passes over the
    first. Hits, items and predictions are of the same types as there; what is of the whole, as a
    map, comes as plain values. Changes are of one item after the other.

    Every method raises ``ServerError`` where the server does not answer or refuses, and what the
    same mistake raises there: ``InvalidArgument``, ``ImageError``, ``CollectionNotFound``,
    ``CollectionLocked``.

    ``Item.path`` is that below the folder that the server's collection follows. Conditions go there
    as text, by which a number is equal to the same digits in text, too. Threads may share a client;
    each has a connection of its own.

    Args:
        url: Where the server is, as it says when it starts; its ``?token=`` is taken over.
        collection: Which collection; may be left out where there is one only.
        token: What the server wants to know.
        timeout: How many seconds to wait for an answer.

    Raises:
        InvalidArgument: It is no address, or no token.

    Example:
        >>> photos = Client("http://127.0.0.1:8000/", "photos")  # doctest: +SKIP
        >>> [hit.item.id for hit in photos.query_one("new.jpg", k=3)]  # doctest: +SKIP
    """

    def __init__(
        self,
        url: str,
        collection: str | None = None,
        *,
        token: str | None = None,
        timeout: float = SECONDS,
    ) -> None:
        self._connection = Connection(url, token, timeout)
        self._collection = collection

    def health(self) -> dict[str, JSON]:
        """The server's state, version and collections."""
        found: dict[str, JSON] = self._get("health")
        return found

    def collections(self) -> list[dict[str, JSON]]:
        """What each collection of the server is."""
        found: list[dict[str, JSON]] = self._get("collections")["collections"]
        return found

    def openapi(self) -> dict[str, JSON]:
        """The OpenAPI document of the server."""
        found: dict[str, JSON] = self._get("openapi.json")
        return found

    def metrics(self) -> str:
        """What the server has done so far, in the form of Prometheus."""
        return self._connection.send("GET", "/metrics").decode()

    @property
    def name(self) -> str:
        """What the collection is called.

        Raises:
            InvalidArgument: The server has several, and none was chosen.
        """
        if self._collection is None:
            known: Any = self.health()["collections"]
            if len(known) != 1:
                raise InvalidArgument(f"Say which collection: {', '.join(known)}.")
            self._collection = str(known[0])
        return self._collection

    def info(self) -> dict[str, JSON]:
        """What there is to know about the collection."""
        found: dict[str, JSON] = self._get(self._path())
        return found

    @property
    def metric(self) -> Metric:
        """How its distances are measured."""
        return Metric(str(self.info()["metric"]))

    @property
    def dim(self) -> int:
        """The length of its vectors."""
        return int(str(self.info()["dim"]))

    @property
    def encoder_name(self) -> str | None:
        """What made the vectors is registered as; None if they were brought by their user."""
        name = self.info()["encoder"]
        return None if name is None else str(name)

    def __len__(self) -> int:
        return int(str(self.items(limit=1)[1]))

    def __iter__(self) -> Iterator[Item]:
        """All items as they are now: they are fetched before the first one comes."""
        found: list[dict[str, JSON]] = []
        start: int | None = 0
        while start is not None:
            page = self._get(self._path("items"), limit=PAGE, offset=start)
            found += page["items"]
            start = page["next"]
        yield from map(as_item, found)

    def __contains__(self, name: object) -> bool:
        if not isinstance(name, str):
            return False
        path = self._path("items", name)  # says so, if no collection was chosen
        try:
            self._get(path)
        except InvalidArgument as error:
            if str(error).startswith("There is no item"):
                return False
            raise  # nobody has looked
        return True

    def items(
        self,
        where: Where = None,
        *,
        limit: int = 60,
        offset: int = 0,
    ) -> tuple[list[Item], int]:
        """Some items of which something holds, and how many there are of them in all."""
        page = self._get(self._path("items"), where=texts(where), limit=limit, offset=offset)
        return [as_item(one) for one in page["items"]], int(page["total"])

    def get(self, name: str) -> Item:
        """The item of an id.

        Raises:
            InvalidArgument: There is none.
        """
        return as_item(self._get(self._path("items", name)))

    def thumbnail(self, name: str, size: int = 128) -> bytes:
        """The picture of an item, as WebP, in a box of 64, 128 or 256 pixels."""
        return self._send("GET", self._path("thumbnails", name), {"size": size})

    def query(
        self, images: Sequence[str | Path | bytes], k: int = 10, **options: Any
    ) -> list[list[Hit]]:
        """The items nearest to each of some images: files, or the bytes of files.

        Args:
            images: What to look for.
            k: How many.
            **options: ``where``, ``metric``, ``exact``, ``recall``, ``offset``; see
                ``Collection.query``.

        Raises:
            TypeError: An option is none of these.
        """
        return [self.query_one(image, k, **options) for image in listed(images)]

    def query_one(self, image: str | Path | bytes, k: int = 10, **options: Any) -> list[Hit]:
        """The items nearest to one image; as ``query`` otherwise."""
        return self._nearest(bytes_of(image), k, options)

    def query_vectors(
        self, vectors: Sequence[Sequence[float]], k: int = 10, **options: Any
    ) -> list[list[Hit]]:
        """The items nearest to each of some vectors, ``(n, dim)``; as ``query`` otherwise."""
        return [
            self._nearest({"vector": [float(one) for one in vector]}, k, options)
            for vector in vectors
        ]

    def query_text(self, texts: Sequence[str], k: int = 10, **options: Any) -> list[list[Hit]]:
        """The items that some words describe; as ``query`` otherwise."""
        return [self._nearest({"text": text}, k, options) for text in listed(texts)]

    def query_ids(self, ids: Sequence[str], k: int = 10, **options: Any) -> list[list[Hit]]:
        """The items nearest to each of some items, themselves first; as ``query`` otherwise."""
        return [self._nearest({"id": name}, k, options) for name in listed(ids)]

    def recommend(
        self,
        like: Sequence[str | Sequence[float]] = (),
        unlike: Sequence[str | Sequence[float]] = (),
        k: int = 10,
        **options: Any,
    ) -> list[Hit]:
        """Items that are like some and unlike others: ids, or vectors.

        Args:
            like: What is liked.
            unlike: What is not.
            k: How many.
            **options: ``strategy``, ``diversity``, ``max_per``, ``collapse``, ``boost``,
                ``offset``, ``where``, ``metric``, ``exact``; see ``recommend``.
        """
        chosen = only(options, RECOMMEND)
        body: dict[str, Any] = {"k": k}
        body |= {name: value for name, value in chosen.items() if value is not None}
        for name, given in (("like", like), ("unlike", unlike)):
            several = listed(given)
            body[name] = [one for one in several if isinstance(one, str)]
            body[f"{name}_vectors"] = [
                [float(number) for number in one] for one in several if not isinstance(one, str)
            ]
        if "where" in body:
            body["where"] = texts(body["where"])
        return as_hits(self._json("POST", self._path("recommend"), None, body))

    def classify(self, images: Sequence[str | Path | bytes], **options: Any) -> list["Prediction"]:
        """What each of some images is.

        Args:
            images: Files, or the bytes of files.
            **options: ``method``, ``k``, ``weights``, ``reject``, ``metric``; see ``Classifier``.
        """
        return [
            as_prediction(self._ask("classify", bytes_of(image), **only(options, CLASSIFY)))
            for image in listed(images)
        ]

    def project(self, method: str = "pca") -> dict[str, Any]:
        """The items in two dimensions: ``method``, ``ids``, ``labels``, ``points``, ``total``.

        There are 60,000 at most, and 2,000 by tsne and umap; ``total`` says how many there are.
        """
        found: dict[str, Any] = self._get(self._path("map"), method=method)
        return found

    def clusters(self, name: str | None = None, k: int | None = None) -> list[dict[str, Any]]:
        """The clusters that were saved under a name, or k new ones, 10 by default; not both."""
        found: list[dict[str, Any]] = self._get(self._path("clusters"), name=name, k=k)["clusters"]
        return found

    def cluster_items(
        self,
        number: int,
        name: str | None = None,
        k: int | None = None,
        *,
        limit: int = 60,
        offset: int = 0,
    ) -> tuple[list[Item], int]:
        """Some items of a cluster, its medoid first, and how many it has in all."""
        path = self._path("clusters", str(number))
        page = self._get(path, name=name, k=k, limit=limit, offset=offset)
        return [as_item(one) for one in page["items"]], int(page["total"])

    def duplicates(self, threshold: float | None = None) -> list[dict[str, Any]]:
        """Groups of items that are the same picture, or nearly.

        Args:
            threshold: How far apart they may be; None for what the server works out, as
                ``find_duplicates`` does with ``auto``.
        """
        found: list[dict[str, Any]] = self._get(self._path("duplicates"), threshold=threshold)[
            "groups"
        ]
        return found

    def add(
        self,
        image: str | Path | bytes,
        *,
        id: str | None = None,  # noqa: A002
        label: str | None = None,
    ) -> str:
        """Add a picture; returns its id."""
        values = {"id": id, "label": label}
        path = self._path("items")
        return str(self._json("POST", path, values, bytes_of(image), once=True)["id"])

    def relabel(self, name: str, **changes: Any) -> None:
        """Give an item another ``label`` or ``metadata``."""
        self._send("PATCH", self._path("items", name), None, changes, once=True)

    def remove(self, ids: Sequence[str]) -> None:
        """Remove items, one after the other: those before one that is not there are gone."""
        for name in listed(ids):
            self._send("DELETE", self._path("items", name), once=True)

    def close(self) -> None:
        """Close its connections. A client that is asked again opens others."""
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _path(self, *steps: str) -> str:
        return "/".join(["collections", *(quote(one, safe="/") for one in (self.name, *steps))])

    def _get(self, path: str, **values: Any) -> Any:
        return self._json("GET", path, values)

    def _nearest(self, body: Any, k: int, options: Mapping[str, Any]) -> list[Hit]:
        return as_hits(self._ask("query", body, k=k, **only(options, SEARCH)))

    def _ask(self, verb: str, body: Any, **options: Any) -> Any:
        if "where" in options:
            options["where"] = texts(options["where"])
        return self._json("POST", self._path(verb), options, body)

    def _json(self, method: str, path: str, *given: Any, once: bool = False) -> Any:
        return self._connection.ask(method, f"/api/v1/{path}", *given, once=once)

    def _send(self, method: str, path: str, *given: Any, once: bool = False) -> bytes:
        return self._connection.send(method, f"/api/v1/{path}", *given, once=once)
