"""Where measurements are kept: JSON, from which tables are made, and plots."""

import argparse
import json
import os
import time
from pathlib import Path
from typing import Any

from machine import machine

RESULTS = Path(__file__).parents[1] / "results"


def arguments(doc: str) -> argparse.ArgumentParser:
    """What every script here takes."""
    parser = argparse.ArgumentParser(description=doc.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="small sizes, to see that it works")
    return parser


def folder(quick: bool) -> Path:
    """Where results go: those of quick runs apart, so that they replace no others."""
    place = RESULTS / "quick" if quick else RESULTS
    place.mkdir(parents=True, exist_ok=True)
    return place


def conditions() -> dict[str, Any]:
    """Where and when something is measured."""
    return {"machine": machine(), "measured": time.strftime("%Y-%m-%d")}


def keep(name: str, body: dict[str, Any], quick: bool) -> None:
    """Write what a script measured, whole: a kill leaves what was known before."""
    path = folder(quick) / f"{name}.json"
    unfinished = path.with_suffix(".tmp")
    unfinished.write_text(json.dumps({**conditions(), "quick": quick, **body}, indent=1) + "\n")
    os.replace(unfinished, path)


def kept(name: str, quick: bool) -> dict[str, Any] | None:
    """What a script measured last; None if it did not run."""
    path = folder(quick) / f"{name}.json"
    return json.loads(path.read_text()) if path.exists() else None


def plotted(name: str, quick: bool, panels: int = 1, width: float = 5.5):
    """A figure with some panels, side by side or three a row; ``save`` writes it."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    across = min(panels, 3)
    down = -(-panels // across)
    figure, axes = plt.subplots(
        down, across, figsize=(width * across, 4.2 * down), squeeze=False, layout="constrained"
    )
    for axis in axes.flat[panels:]:
        axis.set_visible(False)

    def save() -> None:
        figure.savefig(folder(quick) / f"{name}.png", dpi=110)
        plt.close(figure)

    return axes.flat, save
