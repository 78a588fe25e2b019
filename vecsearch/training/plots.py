"""The pictures of a training: its curves, and what the embedding looks like."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from vecsearch.encoders.siamese import SiameseEncoder
from vecsearch.figures import new_figure, save_figure
from vecsearch.projection.colouring import Classes
from vecsearch.projection.drawing import draw_classes, draw_hexbin
from vecsearch.projection.linear import principal_plane
from vecsearch.training.choice import HELD_OUT_LOSS, MEASURED
from vecsearch.training.data import TrainingImages
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
    figure = new_figure(10, 4)
    left, right = figure.subplots(1, 2)
    epochs = [int(str(line["epoch"])) for line in history]
    left.plot(epochs, [line["loss"] for line in history], color="black", label="learned from")
    left.set(xlabel="epoch", title="Loss")
    right.set(xlabel="epoch", title="Figures on held-out images")
    for name in MEASURED:
        if name in history[0]:
            axes, label = right, name.replace("_", " ")
            if name == HELD_OUT_LOSS:
                axes, label = left, "held out"
            axes.plot(epochs, [line[name] for line in history], label=label)
    for axes, place in ((left, "upper right"), (right, "lower right")):
        axes.axvline(int(str(facts["best_epoch"])), color="grey", linestyle=":", label="kept")
        axes.legend(loc=place)
        axes.grid(alpha=0.3)
        axes.xaxis.get_major_locator().set_params(integer=True)
    save_figure(figure, path)


def draw_embedding(
    path: Path, images: TrainingImages, rows: Rows, train: Rows, encoder: SiameseEncoder
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
    from vecsearch.encoders.affine import FIT_BYTES
    from vecsearch.encoders.pca import PCAEncoder

    most_points = min(MOST_POINTS, max(2, POINT_BYTES // images.pixels[0].size))
    rows = rows[:: max(1, -(-len(rows) // most_points))]
    shown, codes = images.pixels[rows], images.codes[rows]
    learned = images.pixels[train[:: max(1, -(-len(train) // most_points))]]
    most = min(len(learned) - 1, learned[0].size, FIT_BYTES // (4 * learned[0].size) - 1)
    pca = PCAEncoder(max(1, min(encoder.dim, most)), encoder.preprocess).fit(learned)
    figure = new_figure(11, 10)
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
    save_figure(figure, path)


def draw_reconstructions(
    path: Path, images: TrainingImages, rows: Rows, encoder: SiameseEncoder, outcome: "Outcome"
) -> None:
    """Draw images, and below each what the autoencoder makes of its embedding."""
    import torch

    chosen = rows[:: max(1, len(rows) // SHOWN)][:SHOWN]
    originals = images.pixels[chosen].astype(np.float32) / 255
    decoder: Any = outcome.objective.eval()
    with torch.inference_mode():
        drawn = decoder.drawn(torch.from_numpy(encoder.encode(images.pixels[chosen])))
    again = drawn.permute(0, 2, 3, 1).numpy()
    figure = new_figure(len(chosen), 2.2)
    grid = figure.subplots(2, len(chosen), squeeze=False)
    for line, pictures in zip(grid, (originals, again), strict=True):
        for axes, picture in zip(line, pictures, strict=True):
            grey = picture.shape[2] == 1
            shown = picture[:, :, 0] if grey else picture
            axes.imshow(shown, cmap="gray" if grey else None, vmin=0, vmax=1)
            axes.set_axis_off()
    figure.suptitle("Images, and what is drawn from their embeddings", fontsize=9)
    save_figure(figure, path)
