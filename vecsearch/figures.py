"""What all figures are drawn on, and how they become files."""

import io
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vecsearch.errors import InvalidArgument, MissingPackage
from vecsearch.store import put_whole

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


def save_figure(
    figure: "Figure", path: str | Path, dpi: int = DPI, kind: str | None = None
) -> None:
    """Write a figure to a file, whole or not at all.

    Args:
        figure: The figure.
        path: Where to.
        dpi: Points an inch.
        kind: In which format; as the ending of ``path`` says, by default, PNG if it has none.

    Raises:
        InvalidArgument: It has the ending of no picture.
    """
    kind = kind or Path(path).suffix.removeprefix(".").lower() or "png"
    if kind not in (known := figure.canvas.get_supported_filetypes()):
        raise InvalidArgument(f"{path} is no picture that can be drawn: {', '.join(known)}.")
    data = _drawn(figure, format=kind, dpi=dpi)
    with put_whole(Path(path)) as file:
        file.write(data)


def as_svg(figure: "Figure") -> bytes:
    """A figure as SVG, always the same bytes for the same figure."""
    import matplotlib as mpl

    with mpl.rc_context({"svg.hashsalt": "vecsearch", "svg.fonttype": "none"}):
        return _drawn(figure, format="svg", metadata={"Date": None})


def as_png(figure: "Figure") -> bytes:
    """A figure as PNG."""
    return _drawn(figure, format="png", dpi=DPI)


def _drawn(figure: "Figure", **how: Any) -> bytes:
    file = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of letters that the font has not got
        figure.savefig(file, **how)
    return file.getvalue()
