"""K-means step by step, and whether it ends where scikit-learn's ends.

python benchmarks/seeds/kmeans.py
"""

import numpy as np
from page import Page
from sklearn.cluster import KMeans

from vecsearch import Metric
from vecsearch.clustering import lloyd_steps

MIDDLES = np.array([[0.0, 0.0], [4.0, 1.0], [1.5, 4.5]])
EACH = 60
SHOWN = (0, 1, 2)


def tell(page: Page) -> None:
    page.heading("K-means, step by step")
    rng = np.random.default_rng(7)
    points = np.concatenate([middle + rng.normal(size=(EACH, 2)) for middle in MIDDLES])
    points = points.astype(np.float32)
    start = points[:3]  # three points of one cluster: a bad beginning
    steps = list(lloyd_steps(points, start, Metric.EUCLIDEAN))
    last = steps[-1]
    theirs = KMeans(3, init=start, n_init=1, tol=0).fit(points.astype(np.float64))
    apart = np.abs(theirs.cluster_centers_ - last.centers).max()
    page.text(
        f"{len(points)} points around three middles, and three centres that begin as three points "
        "of one and the same cluster. Each step gives every point to its nearest centre and moves "
        f"each centre to the mean of its points; after {len(steps)} steps nothing moves. "
        f"scikit-learn, from the same beginning, ends at the same centres (to {apart:.0e}) with "
        f"the same inertia: {theirs.inertia_:.3f} and {last.inertia:.3f}. Of vectors of your own, "
        "`vecsearch cluster --trace FOLDER` draws every step."
    )
    assert apart < 1e-6
    assert (theirs.labels_ == last.codes).all()
    rows = [
        [number, f"{step.inertia:.3f}", f"{np.abs(step.moved - step.centers).max():.4f}"]
        for number, step in enumerate(steps)
    ]
    page.table(["step", "inertia before it", "how far a centre moves"], rows)
    shown = [*SHOWN, len(steps) - 1]
    figure = page.figure(3 * len(shown), 3)
    for axes, number in zip(figure.subplots(1, len(shown)), shown, strict=True):
        step = steps[number]
        axes.scatter(*points.T, s=6, c=[f"C{one}" for one in step.codes])
        axes.scatter(*step.centers.T, s=90, marker="X", c=["C0", "C1", "C2"], edgecolors="black")
        axes.set(xticks=[], yticks=[], title=f"step {number}")
    page.picture(figure, "kmeans", "K-means: colours are the nearest centre, crosses the centres")


if __name__ == "__main__":
    Page().print(tell)
