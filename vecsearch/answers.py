"""Answers as plain values, in the form that the command line and the HTTP API both give them."""

from collections.abc import Sequence

from vecsearch.classification import Prediction
from vecsearch.clustering import Assignment
from vecsearch.types import JSON, Hit


def ranked(hits: Sequence[Hit], first: int = 1) -> list[dict[str, JSON]]:
    """Hits with their ranks.

    Args:
        hits: Nearest first.
        first: The rank of the first one.
    """
    return [
        {
            "rank": rank,
            "id": hit.item.id,
            "label": hit.item.label,
            "distance": hit.distance,
            "score": hit.score,
            "path": str(hit.item.path) if hit.item.path else None,
            "metadata": dict(hit.item.metadata),
        }
        for rank, hit in enumerate(hits, first)
    ]


def classified(query: str, found: Prediction | Assignment) -> dict[str, JSON]:
    """What something was taken for.

    Args:
        query: What was asked about.
        found: What it is, or the cluster that it belongs to.
    """
    told: dict[str, JSON] = {
        "query": query,
        "label": found.label,
        "confidence": found.confidence,
        "distance": found.distance,
    }
    if isinstance(found, Assignment):
        return {
            **told,
            "method": "clusters",
            "neighbours": [],
            "cluster": found.cluster,
            "size": found.size,
            "medoid": found.medoid,
        }
    neighbours: list[JSON] = [*ranked(found.neighbours)]
    return {**told, "method": found.method, "neighbours": neighbours, "nearest": found.nearest}
