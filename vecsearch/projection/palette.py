"""Colours that people tell apart however they see them, and shapes that help."""

import numpy as np
from numpy.typing import NDArray

# Okabe and Ito, Color universal design, 2008; the yellow, which is faint on white, last.
OKABE_ITO = (
    "#0072b2", "#e69f00", "#009e73", "#cc79a7", "#d55e00", "#56b4e9", "#000000", "#f0e442",
)  # fmt: skip
# Found by benchmarks/palette.py: none is nearer to another, or to one of the eight, than two of
# the eight are to each other, 10.87 by CIEDE2000, for whoever tells them apart least.
MORE = (
    "#460074", "#465d46", "#b9d1a2", "#8b5d74", "#0000e8", "#8b4600", "#2e2e00", "#8b74ff",
    "#5d4674", "#00e8e8", "#5d002e", "#004646",
)  # fmt: skip
COLOURS = (*OKABE_ITO, *MORE)
NONE = "#b8b8b8"
# As matplotlib names them; circle, square, triangle, diamond, plus, cross, triangle upside down.
# Seven, which with twenty colours make 140 pairs before one comes back.
SHAPES = ("o", "s", "^", "D", "P", "X", "v")
# matplotlib's viridis, by Smith and van der Walt, 2015, at eighteen even steps: its lightness rises
# evenly, for all kinds of sight.
VIRIDIS = (
    "#440154", "#481769", "#472a7a", "#433d84", "#3d4e8a", "#355e8d", "#2e6d8e", "#297b8e",
    "#23898e", "#1f978b", "#21a585", "#2eb37c", "#46c06f", "#65cb5e", "#89d548", "#b0dd2f",
    "#d8e219", "#fde725",
)  # fmt: skip


def colour_of(code: int) -> str:
    """The colour of a class, by its number; grey for −1, which is none.

    Example:
        >>> colour_of(0), colour_of(20), colour_of(-1)
        ('#0072b2', '#0072b2', '#b8b8b8')
    """
    return NONE if code < 0 else COLOURS[code % len(COLOURS)]


def shape_of(code: int, classes: int) -> int:
    """Which of the shapes a class has: circles all where eight colours do.

    Args:
        code: The number of the class; −1 is none.
        classes: How many there are.
    """
    return 0 if code < 0 or classes <= len(OKABE_ITO) else code % len(SHAPES)


def viridis(count: int = 256) -> NDArray[np.uint8]:
    """The colours of a scale from low to high, ``(count, 3)`` uint8."""
    steps = np.array([[int(one[at : at + 2], 16) for at in (1, 3, 5)] for one in VIRIDIS])
    places = np.linspace(0, len(steps) - 1, count)
    known = np.arange(len(steps))
    columns = [np.interp(places, known, column) for column in steps.T]
    return np.stack(columns, axis=1).round().astype(np.uint8)
