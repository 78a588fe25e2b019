"""What all figures are drawn on, and how they become files."""

import io
from typing import TYPE_CHECKING

from vecsearch.errors import MissingPackage

if TYPE_CHECKING:
    from matplotlib.figure import Figure

DPI = 110


def new_figure(width: float, height: float) -> "Figure":
    """An empty figure, in inches.

    Raises:
        MissingPackage: matplotlib is not installed.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingPackage(
            "Pictures of figures need matplotlib: pip install 'vecsearch[plot]'"
        ) from error
    return Figure(figsize=(width, height), layout="constrained")


def plain(label: str) -> str:
    """A label that matplotlib takes as it is, neither for a formula nor for one to be hidden."""
    text = str(label).replace("$", r"\$")
    return f" {text}" if text.startswith("_") else text


def as_svg(figure: "Figure") -> bytes:
    """A figure as SVG, always the same bytes for the same figure."""
    import matplotlib as mpl

    file = io.BytesIO()
    with mpl.rc_context({"svg.hashsalt": "vecsearch", "svg.fonttype": "none"}):
        figure.savefig(file, format="svg", metadata={"Date": None})
    return file.getvalue()


def as_png(figure: "Figure", dpi: int = DPI) -> bytes:
    """A figure as PNG."""
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=dpi)
    return file.getvalue()
