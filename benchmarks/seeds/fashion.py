"""Fashion-MNIST: what PCA keeps, what 32 numbers look like, and how well neighbours vote.

    python benchmarks/seeds/fashion.py FOLDER

FOLDER is what benchmarks/fashion_mnist.py export wrote. Two networks are trained, in a quarter of
an hour.
"""

import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from page import Page
from sklearn.decomposition import PCA

from vecsearch import Collection, SiameseEncoder, evaluate, train
from vecsearch.projection.drawing import draw_density

DIM = 32
# The founding article's network and loss, without augmentation; and our own, in less time.
NETWORKS: dict[str, dict[str, Any]] = {
    "the article's network and loss": {
        "backbone": "conv3", "loss": "pairs", "augment": "none", "budget": 600.0,
    },
    "`--preset fast`": {"preset": "fast"},
}  # fmt: skip
THEIRS = {"pca": 0.8276, "the article's network and loss": 0.9223}
SHOWN = 10_000


def tell(page: Page, folder: Path) -> None:
    page.heading("Fashion-MNIST")
    page.command("python benchmarks/seeds/fashion.py FOLDER")
    with tempfile.TemporaryDirectory() as scratch:
        place = Path(scratch)
        shape: dict[str, Any] = {"size": (28, 28), "color": "grey"}
        made = {
            "pca": Collection.build(
                folder / "train", place / "pca", encoder="pca", dim=DIM, **shape
            )
        }
        for name, settings in NETWORKS.items():
            model: SiameseEncoder = train(
                folder / "train", place / f"model{len(made)}", seed=0, **settings
            )
            made[name] = Collection.build(
                folder / "train", place / f"network{len(made)}", encoder=model
            )
        rows = []
        for name, collection in made.items():
            measures = evaluate(collection, folder / "test", ks=[1], neighbours=5).measures
            theirs = THEIRS.get(name)
            rows.append(
                [
                    f"PCA-{DIM}" if name == "pca" else name,
                    f"{measures['accuracy']:.4f}",
                    "" if theirs is None else f"{theirs:.4f}",
                    f"{measures['centroid_accuracy']:.4f}",
                    f"{measures['map']:.4f}",
                ]
            )
        page.text(
            "60,000 images indexed by 32 numbers each, the 10,000 test images asked, 5 neighbours. "
            "The article scaled its pixels in a way that cost PCA some of its worth. Networks are "
            "of one seed: [figures](figures.md#a-trained-network) has three of each."
        )
        page.table(["vectors", "5 neighbours", "the article's", "centroid", "mAP"], rows)
        variance(page, folder)
        density(page, made["pca"])
        planes(page, made)


def variance(page: Page, folder: Path) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        place = Path(scratch) / "pixels"
        whole = Collection.build(
            folder / "test", place, encoder="pixels", size=(28, 28), color="grey"
        )
        kept = np.cumsum(PCA(random_state=0).fit(whole.vectors()).explained_variance_ratio_)
    figure = page.figure(6, 3.5)
    axes = figure.subplots()
    axes.plot(np.arange(1, len(kept) + 1), kept)
    for share in (0.8, 0.9, 0.95):
        count = int(np.searchsorted(kept, share)) + 1
        axes.axhline(share, color="grey", linewidth=0.5)
        axes.annotate(
            f"{count} dims: {share:.0%}", (count, share), xytext=(count + 30, share - 0.05)
        )
    axes.set(xscale="log", xlabel="dims of PCA", ylabel="variance kept", ylim=(0, 1.02))
    page.text(
        f"PCA of the 10,000 test images: {DIM} dims keep {kept[DIM - 1]:.1%} of the variance."
    )
    page.picture(figure, "variance", "How much of the variance the first dims of PCA keep")


def density(page: Page, collection: Collection) -> None:
    """How many of the images lie where on the first two axes of PCA, drawn in two ways."""
    points = collection.vectors()[:, :2].astype(np.float64)
    figure = page.figure(11, 4)
    smooth, counted = figure.subplots(1, 2)
    draw_density(smooth, points)
    counted.hexbin(*points.T, gridsize=60, bins="log", cmap="viridis", mincnt=1)
    smooth.set_title("60,000 images on the first two axes of PCA: density")
    counted.set_title("the same, counted in hexagons")
    for axes in (smooth, counted):
        axes.set(xticks=[], yticks=[])
    page.picture(figure, "density", "Density and hexbin plots of the first two axes of PCA")


def planes(page: Page, made: dict[str, Collection]) -> None:
    """The two axes along which the vectors vary most: classes, and how many lie where."""
    figure = page.figure(11, 4 * len(made))
    grid = figure.subplots(len(made), 2)
    for line, (name, collection) in zip(grid, made.items(), strict=True):
        rows = np.random.default_rng(0).choice(len(collection), SHOWN, replace=False)
        points = PCA(2, random_state=0).fit_transform(collection.vectors()[rows])
        labels = np.array(collection.labels())[rows]
        for label in np.unique(labels):
            line[0].scatter(*points[labels == label].T, s=2, label=label, alpha=0.5)
        line[0].legend(markerscale=5, fontsize=7)
        line[1].hexbin(*points.T, gridsize=60, bins="log", cmap="viridis", mincnt=1)
        line[0].set_title(f"{name.strip('`')}: classes")
        line[1].set_title(f"{name.strip('`')}: how many")
        for axes in line:
            axes.set(xticks=[], yticks=[])
    page.picture(figure, "fashion", "32 numbers in two dimensions, by class and by density")


if __name__ == "__main__":
    Page().print(lambda page: tell(page, Path(sys.argv[1])))
