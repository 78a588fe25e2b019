"""The pictures of a training: its curves, and what the embedding looks like."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from vecsearch.encoders.siamese import SiameseEncoder
from vecsearch.projection.colouring import Classes
from vecsearch.projection.drawing import draw_classes, draw_hexbin
from vecsearch.projection.linear import principal_plane
from vecsearch.training.choice import MEASURED
from vecsearch.training.data import Pictures
from vecsearch.types import JSON, Rows

if TYPE_CHECKING:
    from vecsearch.training.run import Outcome

MOST_POINTS = 5000
POINT_BYTES = 64 << 20
MOST_CLASSES = 20
HEXAGONS = 50
SHOWN = 12


def draw_curves(
    path: Path, history: Sequence[Mapping[str, JSON]], facts: Mapping[str, JSON]
) -> None:
    """Draw the loss, and the figures on held-out images, of each epoch."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 4), layout="constrained")
    left, right = figure.subplots(1, 2)
    epochs = [int(str(line["epoch"])) for line in history]
    left.plot(epochs, [line["loss"] for line in history], color="black")
    left.set(xlabel="epoch", ylabel="loss", title="Loss on the images learned from")
    for name in MEASURED:
        if name in history[0]:
            right.plot(epochs, [line[name] for line in history], label=name.replace("_", " "))
    right.axvline(int(str(facts["best_epoch"])), color="grey", linestyle=":", label="kept")
    right.set(xlabel="epoch", title="Figures on held-out images")
    right.legend(loc="lower right")
    for axes in (left, right):
        axes.grid(alpha=0.3)
        axes.xaxis.get_major_locator().set_params(integer=True)
    figure.savefig(path, dpi=110)


def draw_embedding(
    path: Path, images: Pictures, rows: Rows, train: Rows, encoder: SiameseEncoder
) -> None:
    """Draw images in two dimensions, by density and by class, for PCA and the network.

    Both embeddings have the same number of dims; the two dimensions drawn are the principal axes
    of each.

    Args:
        path: Where to.
        images: All there are.
        rows: Those that are drawn; each has a class.
        train: Those that PCA learns from, as the network has.
        encoder: The network.
    """
    from matplotlib.figure import Figure

    from vecsearch.encoders.affine import FIT_BYTES
    from vecsearch.encoders.pca import PCAEncoder

    most_points = min(MOST_POINTS, max(2, POINT_BYTES // images.pixels[0].size))
    rows = rows[:: max(1, -(-len(rows) // most_points))]
    shown, codes = images.pixels[rows], images.codes[rows]
    learned = images.pixels[train[:: max(1, -(-len(train) // most_points))]]
    most = min(len(learned) - 1, learned[0].size, FIT_BYTES // (4 * learned[0].size) - 1)
    pca = PCAEncoder(max(1, min(encoder.dim, most)), encoder.preprocess).fit(learned)
    figure = Figure(figsize=(11, 10), layout="constrained")
    grid = figure.subplots(2, 2)
    for name, vectors, (dense, classes) in zip(
        ("PCA", str(encoder.facts()["objective"])),
        (pca.encode(shown), encoder.encode(shown)),
        grid,
        strict=True,
    ):
        points = principal_plane(vectors)
        draw_hexbin(dense, points, HEXAGONS)
        dense.set_title(f"{name}, {vectors.shape[1]} numbers: density")
        listed = draw_classes(classes, points, Classes(images.names, codes), MOST_CLASSES)
        classes.legend(handles=listed, fontsize=7, loc="best")
        classes.set_title(f"{name}: classes")
        for axes in (dense, classes):
            axes.set(xticks=[], yticks=[])
            axes.set_aspect("equal", adjustable="datalim")
    figure.savefig(path, dpi=110)


def draw_reconstructions(
    path: Path, images: Pictures, rows: Rows, encoder: SiameseEncoder, outcome: "Outcome"
) -> None:
    """Draw images, and below each what the autoencoder makes of its embedding."""
    import torch
    from matplotlib.figure import Figure

    chosen = rows[:: max(1, len(rows) // SHOWN)][:SHOWN]
    originals = images.pixels[chosen].astype(np.float32) / 255
    decoder: Any = outcome.objective.eval()
    with torch.inference_mode():
        drawn = decoder.drawn(torch.from_numpy(encoder.encode(images.pixels[chosen])))
    again = drawn.permute(0, 2, 3, 1).numpy()
    figure = Figure(figsize=(len(chosen), 2.2), layout="constrained")
    grid = figure.subplots(2, len(chosen), squeeze=False)
    for line, pictures in zip(grid, (originals, again), strict=True):
        for axes, picture in zip(line, pictures, strict=True):
            grey = picture.shape[2] == 1
            shown = picture[:, :, 0] if grey else picture
            axes.imshow(shown, cmap="gray" if grey else None, vmin=0, vmax=1)
            axes.set_axis_off()
    figure.suptitle("Images, and what is drawn from their embeddings", fontsize=9)
    figure.savefig(path, dpi=110)
