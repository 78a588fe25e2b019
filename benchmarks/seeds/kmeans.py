"""K-means step by step, and whether it ends where scikit-learn's ends.

python benchmarks/seeds/kmeans.py
"""

import numpy as np
from numpy.typing import NDArray
from page import Page
from sklearn.cluster import KMeans

MIDDLES = np.array([[0.0, 0.0], [4.0, 1.0], [1.5, 4.5]])
EACH = 60
SHOWN = (0, 1, 2)


def step(
    points: NDArray[np.float64], centres: NDArray[np.float64]
) -> tuple[NDArray[np.int64], NDArray[np.float64], float]:
    """Give each point to its nearest centre, and move each centre to the mean of its points."""
    apart = np.square(points[:, None] - centres).sum(axis=2)
    nearest = apart.argmin(axis=1)
    moved = np.array([points[nearest == one].mean(axis=0) for one in range(len(centres))])
    return nearest, moved, float(apart.min(axis=1).sum())


def tell(page: Page) -> None:
    page.heading("K-means, step by step")
    rng = np.random.default_rng(7)
    points = np.concatenate([middle + rng.normal(size=(EACH, 2)) for middle in MIDDLES])
    start = points[:3].copy()  # three points of one cluster: a bad beginning
    centres, rows, kept = start, [], []
    for number in range(100):
        nearest, moved, inertia = step(points, centres)
        kept.append((nearest, centres))
        rows.append([number, f"{inertia:.3f}", f"{np.abs(moved - centres).max():.4f}"])
        if np.array_equal(moved, centres):
            break
        centres = moved
    theirs = KMeans(3, init=start, n_init=1, tol=0).fit(points)
    page.text(
        f"{len(points)} points around three middles, and three centres that begin as three points "
        "of one and the same cluster. Each step gives every point to its nearest centre and moves "
        f"each centre to the mean of its points; after {len(rows)} steps nothing moves. "
        "scikit-learn, from the same beginning, ends at the same centres (to "
        f"{np.abs(np.sort(theirs.cluster_centers_, 0) - np.sort(centres, 0)).max():.0e}) with the "
        f"same inertia: {theirs.inertia_:.3f} and {step(points, centres)[2]:.3f}."
    )
    assert np.allclose(theirs.cluster_centers_, centres, atol=1e-9)
    assert (theirs.labels_ == nearest).all()
    page.table(["step", "inertia before it", "how far a centre moves"], rows)
    shown = [*SHOWN, len(kept) - 1]
    figure = page.figure(3 * len(shown), 3)
    for axes, number in zip(figure.subplots(1, len(shown)), shown, strict=True):
        nearest, at = kept[number]
        axes.scatter(*points.T, s=6, c=[f"C{one}" for one in nearest])
        axes.scatter(*at.T, s=90, marker="X", c=["C0", "C1", "C2"], edgecolors="black")
        axes.set(xticks=[], yticks=[], title=f"step {number}")
    page.picture(figure, "kmeans", "K-means: colours are the nearest centre, crosses the centres")


if __name__ == "__main__":
    Page().print(tell)
