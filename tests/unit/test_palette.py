"""Colours that stay apart for those who see them differently, by Machado 2009 and CIEDE2000."""

import numpy as np
import pytest
from colour_vision import VISIONS, apart, ciede2000, from_hex, to_lab

from vecsearch.projection.drawing import MOST_LISTED
from vecsearch.projection.palette import (
    COLOURS,
    NONE,
    OKABE_ITO,
    SHAPES,
    colour_of,
    shape_of,
    viridis,
)

# Of the test data of Sharma, Wu and Dalal, 2005.
PAIRS = [
    ((50, 2.6772, -79.7751), (50, 0, -82.7485), 2.0425),
    ((50, -1.3802, -84.2814), (50, 0, -82.7485), 1.0),
    ((50, 2.5, 0), (73, 25, -18), 27.1492),
    ((50, 2.5, 0), (50, 3.2592, 0.3350), 1.0),
    ((2.0776, 0.0795, -1.1350), (0.9033, -0.0636, -0.5514), 0.9082),
]


@pytest.mark.parametrize(("one", "other", "expected"), PAIRS)
def test_the_difference_is_that_of_its_authors(
    one: tuple[float, ...], other: tuple[float, ...], expected: float
) -> None:
    assert ciede2000(one, other) == pytest.approx(expected, abs=5e-5)
    assert ciede2000(other, one) == pytest.approx(expected, abs=5e-5)


def least(colours: tuple[str, ...]) -> float:
    """How far apart the two nearest are, for whom they are nearest."""
    found = apart(from_hex(list(colours)))
    return float(found[~np.eye(len(found), dtype=bool)].min())


def test_no_two_colours_are_nearer_than_two_of_okabe_and_ito() -> None:
    assert len(COLOURS) == len(set(COLOURS)) == 20
    assert COLOURS[:8] == OKABE_ITO
    assert least(OKABE_ITO) == pytest.approx(10.87, abs=0.01)
    assert least(COLOURS) == least(OKABE_ITO)
    # The palette that matplotlib begins with would not pass.
    assert least(("#1f77b4", "#ff7f0e", "#2ca02c", "#d62728", "#9467bd", "#8c564b", "#e377c2")) < 5


@pytest.mark.parametrize("vision", VISIONS)
def test_none_and_paper_are_no_class(vision: str) -> None:
    seen = to_lab(from_hex(list(COLOURS)), vision)
    # Okabe and Ito's own purple is grey to those without green cones, as their paper says of it.
    others = [row for row, one in enumerate(COLOURS) if one != "#cc79a7"]
    assert ciede2000(seen[others], to_lab(from_hex([NONE]), vision)).min() > 9
    assert ciede2000(seen, to_lab(from_hex(["#ffffff"]), vision)).min() > 9


def test_a_hundred_and_forty_classes_differ_in_colour_or_shape() -> None:
    pairs = {(colour_of(code), shape_of(code, 140)) for code in range(140)}
    assert len(pairs) == 140 == MOST_LISTED
    assert {shape_of(code, 8) for code in range(8)} == {0}
    assert max(shape_of(code, 140) for code in range(140)) == len(SHAPES) - 1
    assert (colour_of(-1), shape_of(-1, 100)) == (NONE, 0)


def test_the_scale_is_viridis() -> None:
    from matplotlib import colormaps

    theirs = np.round(colormaps["viridis"](np.linspace(0, 1, 256))[:, :3] * 255)
    assert np.abs(viridis() - theirs).max() <= 5
    # It rises in lightness, for all.
    for vision in VISIONS:
        assert (np.diff(to_lab(viridis(32) / 255, vision)[:, 0]) > 0).all()
