"""What the API takes and gives: the types that its OpenAPI document is made of."""

from typing import Annotated, Any, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field

MOST = 1000
MOST_OFFSET = 100_000
MOST_EXAMPLES = 100

Finite: TypeAlias = Annotated[float, Field(strict=True, allow_inf_nan=False)]
Vector: TypeAlias = Annotated[list[Finite], Field(min_length=1, max_length=65_536)]
Id: TypeAlias = Annotated[str, Field(max_length=4096)]
Limit: TypeAlias = Annotated[int, Field(ge=1, le=MOST)]
Offset: TypeAlias = Annotated[int, Field(ge=0, le=MOST_OFFSET)]
Place: TypeAlias = Annotated[int, Field(ge=0, lt=1 << 53)]
Conditions: TypeAlias = Annotated[
    list[Annotated[str, Field(max_length=1000)]], Field(max_length=20)
]
MetricName: TypeAlias = Literal["euclidean", "cosine"]


class Taken(BaseModel):
    """Something that a client sends: what is not known is refused."""

    model_config = ConfigDict(extra="forbid")


class Query(Taken):
    """What to look for: an item, a vector or words; just one of them."""

    id: Id | None = None
    vector: Vector | None = None
    text: Annotated[str, Field(min_length=1, max_length=1000)] | None = None


class Search(Taken):
    """How to look for it."""

    k: Limit = 10
    offset: Offset = 0
    metric: MetricName | None = None
    where: Conditions = []
    exact: bool = False
    recall: Annotated[float, Field(gt=0, le=1)] | None = None


class Judge(Taken):
    """How to say what something is."""

    method: Literal["knn", "centroid"] = "knn"
    k: Limit | None = None
    weights: Literal["uniform", "distance"] | None = None
    reject: Annotated[str, Field(max_length=40)] | None = None
    metric: MetricName | None = None
    clusters: Annotated[str, Field(max_length=100)] | None = None


class Recommend(Taken):
    """Examples, and how to choose."""

    like: Annotated[list[Id], Field(max_length=MOST_EXAMPLES)] = []
    unlike: Annotated[list[Id], Field(max_length=MOST_EXAMPLES)] = []
    like_vectors: Annotated[list[Vector], Field(max_length=MOST_EXAMPLES)] = []
    unlike_vectors: Annotated[list[Vector], Field(max_length=MOST_EXAMPLES)] = []
    k: Limit = 10
    offset: Annotated[int, Field(ge=0, le=MOST)] = 0
    strategy: Literal["mean", "best", "sum"] = "mean"
    diversity: Annotated[float, Field(ge=0, le=1)] = 0.0
    max_per: dict[str, Annotated[int, Field(ge=1, le=MOST)]] = {}
    collapse: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None = None
    boost: dict[str, Finite] = {}
    where: Conditions = []
    metric: MetricName | None = None
    exact: bool = False


class Change(Taken):
    """What an item is to have instead; what is left out stays."""

    label: Annotated[str, Field(max_length=1000)] | None = None
    metadata: dict[str, Any] | None = None


class Item(BaseModel):
    """An item; its path is that below the collection's folder."""

    id: str
    label: str | None
    path: str | None
    metadata: dict[str, Any]


class Items(BaseModel):
    """A page of items."""

    items: list[Item]
    total: int
    next: int | None = Field(description="The offset of the next page; null on the last.")


class Hit(BaseModel):
    """An item that was found."""

    rank: int
    id: str
    label: str | None
    distance: float
    score: float
    path: str | None
    metadata: dict[str, Any]


class Hits(BaseModel):
    """What was found, nearest first."""

    query: str
    hits: list[Hit]
    vector: list[float] | None = Field(
        default=None,
        description="Of a picture or of words, so that it can be asked for again without them.",
    )


class Classified(BaseModel):
    """What something was taken for; label is null for a stranger."""

    query: str
    label: str | None
    confidence: float
    distance: float
    method: str
    neighbours: list[Hit]
    nearest: str


class Assigned(BaseModel):
    """The cluster that something belongs to."""

    query: str
    label: str | None
    confidence: float
    distance: float
    method: Literal["clusters"]
    neighbours: list[Hit]
    cluster: int
    size: int
    medoid: str


class Summary(BaseModel):
    """What a collection is, and what it can be asked."""

    name: str
    items: int
    dim: int
    metric: str
    encoder: str | None
    generation: int
    labels: dict[str, int] | None = Field(
        description="How many items have each; null of more than are counted on another server."
    )
    unlabelled: int | None
    keys: list[str] = Field(description="The keys of the metadata.")
    text: bool = Field(description="Whether it can be asked in words.")
    images: bool = Field(description="Whether it can be asked by pictures.")
    pictures: bool = Field(description="Whether its items have pictures to be shown.")
    calibrated: bool = Field(description="Whether it tells strangers, with reject=auto.")
    clusterings: list[str]
    reports: bool
    writable: bool


class Summaries(BaseModel):
    """All collections."""

    collections: list[Summary]


class Map(BaseModel):
    """Items in two dimensions."""

    method: str
    ids: list[str]
    labels: list[str | None]
    points: list[tuple[float, float]]
    total: int = Field(description="How many items there are; more than ids if some were drawn.")


class Cluster(BaseModel):
    """A cluster, its medoid and the commonest label of its items."""

    cluster: int
    size: int
    share: float
    medoid: str
    label: str | None
    label_share: float


class Clusters(BaseModel):
    """All clusters, the largest first."""

    clusters: list[Cluster]


class Member(Item):
    """An item of a cluster."""

    distance: float = Field(description="How far it is from the centre.")


class Members(BaseModel):
    """A page of the items of a cluster, the medoid first, then by distance from the centre."""

    cluster: int
    items: list[Member]
    total: int
    next: int | None


class Group(BaseModel):
    """Items that are the same picture, or nearly."""

    group: int
    ids: list[str]
    max_distance: float
    exact: bool
    keep: str


class Groups(BaseModel):
    """What is there more than once."""

    threshold: float | None
    groups: list[Group]


class Changed(BaseModel):
    """What a change did."""

    id: str
    indexed: int = Field(description="How many items there are now.")
    generation: int


class Health(BaseModel):
    """Whether it works."""

    status: Literal["ok"]
    version: str
    collections: list[str]
    writable: bool


class ProblemDocument(BaseModel):
    """An error, as RFC 9457 has it."""

    type: str
    title: str
    status: int
    detail: str
