"""A page of the docs as it is made: text, tables and pictures, one after the other."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

DOCS = Path(__file__).parents[2] / "docs"


class Page:
    """Collects what is said; pictures go to docs/pictures at once.

    Args:
        pictures: Where they go; None for nowhere.
    """

    def __init__(self, pictures: Path | None = None) -> None:
        self._parts: list[str] = []
        self._pictures = pictures

    def heading(self, text: str, level: int = 2) -> None:
        """A heading."""
        self._parts.append(f"{'#' * level} {text}")

    def text(self, text: str) -> None:
        """A paragraph."""
        self._parts.append(text)

    def command(self, line: str) -> None:
        """A command that prints what follows."""
        self._parts.append(f"```sh\n{line}\n```")

    def table(self, head: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        """A table."""
        lines = [head, ["---"] * len(head), *rows]
        self._parts.append("\n".join(f"| {' | '.join(map(str, line))} |" for line in lines))

    def figure(self, width: float, height: float) -> Figure:
        """An empty figure, in inches."""
        return Figure(figsize=(width, height), layout="constrained")

    def picture(self, figure: Figure, name: str, caption: str) -> None:
        """A figure, drawn."""
        if self._pictures is not None:
            self._pictures.mkdir(parents=True, exist_ok=True)
            figure.savefig(self._pictures / f"seeds-{name}.png", dpi=80)
        self._parts.append(f"![{caption}](pictures/seeds-{name}.png)")

    def __str__(self) -> str:
        return "\n\n".join(self._parts) + "\n"

    def print(self, tell: Callable[["Page"], None]) -> None:
        """Make one chapter and print it."""
        tell(self)
        print(self)
