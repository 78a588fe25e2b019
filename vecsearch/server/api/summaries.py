"""What a collection is, and what it can be asked."""

from typing import Any

from vecsearch.errors import VecsearchError
from vecsearch.server.generation import Generation
from vecsearch.server.state import State


def summary_of(name: str, generation: Generation, state: State) -> dict[str, Any]:
    """What a collection is, as plain values."""
    known = generation.kept("summary", lambda: _facts(generation))
    return {
        "name": name,
        **known,
        "reports": name in state.settings.reports,
        "writable": state.settings.writable,
    }


def _facts(generation: Generation) -> dict[str, Any]:
    collection = generation.collection
    return {
        "items": len(collection),
        "dim": collection.dim,
        "metric": collection.metric.value,
        "encoder": collection.encoder_name,
        "generation": generation.number,
        **generation.facts(),
        "text": _takes_text(generation),
        "images": collection.encoder_name is not None,
        "calibrated": bool(collection.calibration),
        "clusterings": sorted(generation.clusterings),
    }


def _takes_text(generation: Generation) -> bool:
    if generation.collection.encoder_name is None:
        return False
    try:
        return hasattr(generation.collection.encoder, "encode_text")
    except (OSError, VecsearchError):
        return False  # its package is not installed here
