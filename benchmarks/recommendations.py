"""How good recommendations are: on Fashion-MNIST, by a network that has not seen the items.

    python benchmarks/recommendations.py FOLDER MODEL [--liked 1000] [--curve CURVE.png]

FOLDER is what benchmarks/fashion_mnist.py export wrote, MODEL what `vecsearch train FOLDER/train`
wrote. The 10,000 test images are the catalogue. For items drawn from it, 10 are recommended each.
Prints the share of these that have the label of the liked item: for each strategy, alone and with
an item that is not liked, the nearest one of another label; and for rising diversity, beside the
mean distance between two of a list. --curve draws that.
"""

import argparse
import tempfile
from pathlib import Path

import numpy as np

from vecsearch import Collection, open_encoder, recommend
from vecsearch.types import Hit

K = 10
DIVERSITIES = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)


def share(hits: list[Hit], label: str | None) -> float:
    return sum(hit.item.label == label for hit in hits) / len(hits)


def apart(shop: Collection, hits: list[Hit]) -> float:
    """The mean distance between two of a list."""
    vectors = shop.vectors([hit.item.id for hit in hits]).astype(np.float64)
    between = np.linalg.norm(vectors[:, None] - vectors, axis=2)
    return float(between.sum() / (len(hits) * (len(hits) - 1)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("model", type=Path)
    parser.add_argument("--liked", type=int, default=1000)
    parser.add_argument("--curve", type=Path)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        encoder = open_encoder(arguments.model)
        shop = Collection.build(arguments.folder / "test", Path(scratch) / "shop", encoder=encoder)
        items = list(shop)
        drawn = np.random.default_rng(0).permutation(len(items))[: arguments.liked]
        liked = [items[at] for at in drawn]
        near = shop.query_vectors(shop.vectors([item.id for item in liked]), 1000)
        confused = [
            next((hit.item.id for hit in hits if hit.item.label != item.label), None)
            for item, hits in zip(liked, near, strict=True)
        ]
        asked = [(item, other) for item, other in zip(liked, confused, strict=True) if other]
        print(f"{len(asked)} items are liked in turn, {K} recommended each")
        print("strategy  same label  same label, with the nearest other one unliked")
        for strategy in ("mean", "best", "sum"):
            alone = [
                share(recommend(shop, [item.id], k=K, strategy=strategy), item.label)
                for item, _ in asked
            ]
            told = [
                share(recommend(shop, [item.id], [other], K, strategy=strategy), item.label)
                for item, other in asked
            ]
            print(f"{strategy:8}  {np.mean(alone):10.4f}  {np.mean(told):10.4f}", flush=True)
        print("diversity  same label  distance between two of a list")
        rows = []
        for diversity in DIVERSITIES:
            lists = [recommend(shop, [item.id], k=K, diversity=diversity) for item, _ in asked]
            same = [share(hits, item.label) for hits, (item, _) in zip(lists, asked, strict=True)]
            between = [apart(shop, hits) for hits in lists]
            rows.append((diversity, float(np.mean(same)), float(np.mean(between))))
            print(f"{diversity:9.1f}  {rows[-1][1]:10.4f}  {rows[-1][2]:10.4f}", flush=True)
    if arguments.curve:
        draw(rows, arguments.curve)


def draw(rows: list[tuple[float, float, float]], out: Path) -> None:
    from matplotlib.figure import Figure

    figure = Figure((6, 4), layout="constrained")
    axes = figure.subplots()
    _, same, between = zip(*rows, strict=True)
    axes.plot(between, same, "o-")
    for diversity, precision, distance in rows:
        axes.annotate(f"{diversity:g}", (distance, precision), (4, 4), textcoords="offset points")
    axes.set(
        xlabel="mean distance between two of a list",
        ylabel="share with the label of the liked item",
        title=f"{K} recommendations, by diversity",
    )
    figure.savefig(out, dpi=120)


if __name__ == "__main__":
    main()
