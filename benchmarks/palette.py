"""How the colours for more than eight classes were found: as far apart as they can be.

    python benchmarks/palette.py [COUNT]

To the eight colours of Okabe and Ito COUNT others are added, out of a grid of those that show on
white, have some colour, and are not the grey of what has no class. They are chosen so that the two
that are nearest to each other, or to one of the eight, are as far apart as possible: by CIEDE2000,
for normal sight and three kinds of colour blindness at once. The first ones are the farthest.
"""

import itertools
import sys
from pathlib import Path

import numpy as np

from vecsearch.projection.palette import NONE, OKABE_ITO

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from colour_vision import VISIONS, apart, ciede2000, from_hex, to_lab

STEPS = np.linspace(0, 255, 12).round().astype(int)
LIGHTNESS = (18, 85)
CHROMA = 16
FROM_GREY = 10
STARTS = 40


def main(count: int) -> None:
    grid = np.array(list(itertools.product(STEPS, repeat=3))) / 255
    light, *colour = to_lab(grid).T
    shown = (light > LIGHTNESS[0]) & (light < LIGHTNESS[1]) & (np.hypot(*colour) > CHROMA)
    grid = grid[shown]
    grid = grid[between(grid, from_hex([NONE])).min(axis=1) > FROM_GREY]
    given = from_hex(list(OKABE_ITO))
    fixed = between(grid, given).min(axis=1)
    far = between(grid, grid)
    found = [exchanged(far, fixed, count, np.random.default_rng(seed)) for seed in range(STARTS)]
    chosen = in_order(far, fixed, max(found, key=lambda one: closest(far, fixed, one)))
    names = [f"#{''.join(f'{round(255 * part):02x}' for part in grid[one])}" for one in chosen]
    print(names)
    for more in range(count + 1):
        colours = from_hex([*OKABE_ITO, *names[:more]])
        least = apart(colours)[~np.eye(len(colours), dtype=bool)].min()
        print(f"the first {len(colours)}: {least:.2f} apart")


def between(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """How far colours are apart for whom they are least apart, ``(n, m)``."""
    far = np.full((len(one), len(other)), np.inf)
    for vision in VISIONS:
        left, right = to_lab(one, vision), to_lab(other, vision)
        far = np.minimum(far, ciede2000(left[:, None], right[None]))
    return far


def closest(far: np.ndarray, fixed: np.ndarray, chosen: np.ndarray) -> float:
    """How far apart the two nearest are, of the chosen ones and those that were given."""
    inside = far[np.ix_(chosen, chosen)]
    return float(min(inside[~np.eye(len(inside), dtype=bool)].min(), fixed[chosen].min()))


def exchanged(
    far: np.ndarray, fixed: np.ndarray, count: int, rng: np.random.Generator
) -> np.ndarray:
    """Colours one of which is exchanged, again and again, for the one that is farthest off."""
    chosen = rng.choice(len(far), count, replace=False)
    for _ in range(60):
        before = chosen.copy()
        for at in rng.permutation(count):
            others = np.delete(chosen, at)
            chosen[at] = np.minimum(fixed, far[:, others].min(axis=1)).argmax()
        if np.array_equal(before, chosen):
            break
    return chosen


def in_order(far: np.ndarray, fixed: np.ndarray, chosen: np.ndarray) -> list[int]:
    """Always the one that is farthest from those before it."""
    nearest = fixed[chosen].copy()
    order: list[int] = []
    while len(order) < len(chosen):
        at = int(nearest.argmax())
        order.append(int(chosen[at]))
        nearest = np.minimum(nearest, far[chosen, chosen[at]])
    return order


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 12)
