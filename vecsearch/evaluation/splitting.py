"""Which images an encoder learns from, which are asked, and which are asked about."""

import posixpath
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from vecsearch.errors import LABEL_THEM, InvalidArgument
from vecsearch.images import ImageFolder, read_table

PROTOCOLS = ("holdout", "kfold", "unseen")
SPLITS = ("train", "validation", "val", "test")
TRUTHS = {"true": True, "1": True, "false": False, "0": False, "": False}


@dataclass(frozen=True)
class Split:
    """One way to deal images, by their whole paths; each may have more than one part.

    Attributes:
        learned: What an encoder learns from.
        gallery: What is asked.
        queries: What is asked about. One that is in the gallery too is not its own answer.
    """

    learned: Sequence[str]
    gallery: Sequence[str]
    queries: Sequence[str]


@dataclass(frozen=True)
class Dealt:
    """All the ways that a protocol deals the images of a folder.

    Attributes:
        splits: How they are dealt; figures are of the queries of all splits together.
        labels: The label of each whole path that has one.
        categories: What kind of thing some of them are.
    """

    splits: Sequence[Split]
    labels: Mapping[str, str]
    categories: Mapping[str, str]


def deal(
    folder: ImageFolder, protocol: str | Path, *, holdout: float, folds: int, seed: int
) -> Dealt:
    """Deal the images of a folder by a protocol.

    Args:
        folder: The images; a table names them by their paths below it.
        protocol: ``holdout``: some of each class are asked about. ``kfold``: each class is dealt
            into folds, and each fold is asked about in its turn. ``unseen``: the classes are dealt
            into folds, an encoder learns from all others, and each image of the fold is asked
            about among the others of the fold. Or a CSV file with the columns ``path``,
            ``label``, ``split`` (``train`` is learned from), ``is_query``, ``is_gallery`` and
            perhaps ``category``, as open-metric-learning has it.
        holdout: Which fraction of each class ``holdout`` asks about.
        folds: How many folds there are.
        seed: For all that is drawn.

    Raises:
        InvalidArgument: A value makes no sense, there are too few classes, or the file is none.
    """
    if protocol in ("holdout", "kfold") and not folder.labels:
        raise InvalidArgument(
            f"Nothing in {folder.root} has a label, so there is nothing to deal: {LABEL_THEM}."
        )
    if protocol == "holdout":
        shown, asked = hold_out(folder, holdout, seed)
        if not asked.paths:
            raise InvalidArgument(
                f"No class in {folder.root} has two images, one of which could be held out: bring "
                "more, or give a folder of queries."
            )
        paths = whole_paths(shown)
        return Dealt([Split(paths, paths, whole_paths(asked))], whole_labels(folder), {})
    if protocol in PROTOCOLS and folds < 2:
        raise InvalidArgument(f"There are 2 folds or more, not {folds}.")
    if protocol == "kfold":
        splits = _stratified(folder, folds, seed)
        if not splits:
            raise InvalidArgument(f"The only image in {folder.root} cannot be dealt into folds.")
        return Dealt(splits, whole_labels(folder), {})
    if protocol == "unseen":
        return Dealt(_class_disjoint(folder, folds, seed), whole_labels(folder), {})
    return _from_table(folder, Path(protocol))


def hold_out(folder: ImageFolder, fraction: float, seed: int) -> tuple[ImageFolder, ImageFolder]:
    """Split a labelled folder into a gallery and queries.

    Of each class that has two images or more, the fraction is held out, at least one and never
    all; unlabelled images stay in the gallery.

    Raises:
        InvalidArgument: The fraction is not between 0 and 1.
    """
    if not 0 < fraction < 1:
        raise InvalidArgument(f"The fraction held out is between 0 and 1, not {fraction}.")
    held: set[str] = set()
    for members in _shuffled(folder, seed).values():
        held.update(members[: min(len(members) - 1, max(1, round(fraction * len(members))))])
    return (
        replace(folder, paths=[path for path in folder.paths if path not in held]),
        replace(folder, paths=[path for path in folder.paths if path in held]),
    )


def whole_paths(folder: ImageFolder, paths: Sequence[str] | None = None) -> list[str]:
    """Where images of a folder lie; all of them by default."""
    root = folder.root.resolve()
    return [(root / path).as_posix() for path in (folder.paths if paths is None else paths)]


def whole_labels(folder: ImageFolder) -> dict[str, str]:
    """The labels of a folder's images, by where they lie."""
    labelled = [path for path in folder.paths if path in folder.labels]
    names = [folder.labels[path] for path in labelled]
    return dict(zip(whole_paths(folder, labelled), names, strict=True))


def _shuffled(folder: ImageFolder, seed: int) -> dict[str, list[str]]:
    """The images of each class, in an order that was drawn."""
    classes: dict[str, list[str]] = {}
    for path in folder.paths:
        if path in folder.labels:
            classes.setdefault(folder.labels[path], []).append(path)
    rng = np.random.default_rng(seed)
    return {label: rng.permutation(classes[label]).tolist() for label in sorted(classes)}


def _stratified(folder: ImageFolder, folds: int, seed: int) -> list[Split]:
    fold_of: dict[str, int] = {}
    start = 0
    for members in _shuffled(folder, seed).values():
        # Each class goes on where the one before ended, so that folds are equally large.
        fold_of |= {path: (start + at) % folds for at, path in enumerate(members)}
        start += len(members)
    splits = []
    for fold in range(folds):
        others = whole_paths(folder, [one for one in folder.paths if fold_of.get(one) != fold])
        queries = whole_paths(folder, [one for one in folder.paths if fold_of.get(one) == fold])
        splits.append(Split(others, others, queries))
    return [split for split in splits if split.queries and split.gallery]


def _class_disjoint(folder: ImageFolder, folds: int, seed: int) -> list[Split]:
    labels = sorted({folder.labels[path] for path in folder.paths if path in folder.labels})
    if len(labels) < 2 * folds:
        raise InvalidArgument(
            f"{len(labels)} classes cannot be dealt into {folds} folds of 2 or more: ask for fewer "
            "folds."
        )
    drawn = np.random.default_rng(seed).permutation(labels).tolist()
    fold_of = {label: at % folds for at, label in enumerate(drawn)}
    fold_at = {path: fold_of.get(folder.labels.get(path, ""), -1) for path in folder.paths}
    splits = []
    for fold in range(folds):
        inside = whole_paths(folder, [one for one in folder.paths if fold_at[one] == fold])
        others = whole_paths(folder, [one for one in folder.paths if fold_at[one] != fold])
        splits.append(Split(others, inside, inside))
    return splits


def _from_table(folder: ImageFolder, table: Path) -> Dealt:
    if not table.is_file():
        raise InvalidArgument(
            f"{str(table)!r} is no protocol: {', '.join(PROTOCOLS)}, or a CSV file."
        )
    rows = read_table(table)
    known = dict(zip(folder.paths, whole_paths(folder), strict=True))
    labels: dict[str, str] = {}
    categories: dict[str, str] = {}
    parts: dict[str, list[str]] = {"learned": [], "gallery": [], "queries": []}
    for line, row in rows:
        name = posixpath.normpath(str(row.get("path", "")))
        if name not in known:
            raise InvalidArgument(
                f"{table}, line {line}: there is no image {name!r} in the folder."
            )
        if "label" not in row or "split" not in row:
            raise InvalidArgument(f"{table}, line {line}: {name} has no label or no split.")
        path = known[name]
        if path in labels:
            raise InvalidArgument(f"{table}, line {line}: {name} is there twice.")
        labels[path] = str(row["label"]).strip()
        if "category" in row:
            categories[path] = str(row["category"]).strip()
        split = str(row["split"]).strip().lower()
        if split not in SPLITS:
            raise InvalidArgument(
                f"{table}, line {line}: {row['split']!r} is no split: {', '.join(SPLITS)}."
            )
        if split == "train":
            parts["learned"].append(path)
            continue
        for part, column in (("queries", "is_query"), ("gallery", "is_gallery")):
            if _is_true(row.get(column), table, line):
                parts[part].append(path)
    for part, members in parts.items():
        if not members and part != "learned":
            raise InvalidArgument(f"{table} has no {part}: rows with is_query and is_gallery true.")
    return Dealt([Split(**parts)], labels, categories)


def _is_true(cell: Any, table: Path, line: int) -> bool:
    try:
        return TRUTHS[str("" if cell is None else cell).strip().lower()]
    except KeyError as error:
        raise InvalidArgument(
            f"{table}, line {line}: {cell!r} is neither true nor false."
        ) from error
