"""Books by their genres: which is most like another depends on how one compares.

python benchmarks/seeds/books.py
"""

import numpy as np
from page import Page

from vecsearch import Collection

GENRES = ("crime", "love")
BOOKS = {
    "The Moonstone": (5, 1),
    "Gaudy Night": (4, 2),
    "The Hound": (2, 0),
    "Emma": (1, 5),
    "Persuasion": (0, 4),
    "A short romance": (0, 1),
}


def tell(page: Page) -> None:
    page.heading("Books and genres")
    page.text(
        "A book is two numbers: how much crime and how much love is in it. Two similarities rank "
        "the others differently: by Euclidean distance a thin book is far from a thick one of its "
        "kind; by cosine only the mixture counts."
    )
    names, vectors = list(BOOKS), np.array(list(BOOKS.values()), np.float32)
    shelf = {
        metric: Collection.from_vectors(vectors, names, metric=metric)
        for metric in ("euclidean", "cosine")
    }
    rows = []
    for name in names:
        row = [name]
        for metric, books in shelf.items():
            hits = books.query_vectors(books.vectors([name]), k=len(names))[0]
            others = [hit for hit in hits if hit.item.id != name]
            row += [others[0].item.id, f"{others[0].distance:.3f}"]
            # By hand, to be sure.
            one = np.array(BOOKS[name], float)
            for hit in others:
                other = np.array(BOOKS[hit.item.id], float)
                by_hand = (
                    np.linalg.norm(one - other)
                    if metric == "euclidean"
                    else 1 - one @ other / np.linalg.norm(one) / np.linalg.norm(other)
                )
                assert abs(hit.distance - by_hand) < 1e-6
        rows.append(row)
    page.table(
        ["book", "nearest by Euclidean distance", "distance", "nearest by cosine", "1 − cos"], rows
    )
    figure = page.figure(5, 4)
    axes = figure.subplots()
    axes.scatter(vectors[:, 0], vectors[:, 1])
    for name, (crime, love) in BOOKS.items():
        axes.annotate(name, (crime, love), textcoords="offset points", xytext=(5, 5), fontsize=8)
        axes.plot([0, crime], [0, love], color="grey", linewidth=0.5)
    axes.set(xlabel=GENRES[0], ylabel=GENRES[1], xlim=(-0.3, 6.5), ylim=(-0.3, 6))
    page.picture(
        figure, "books", "Books by genre: points for Euclidean distance, angles for cosine"
    )


if __name__ == "__main__":
    Page().print(tell)
