"""A folder of images with their labels, and all of its pixels where an encoder needs them."""

import csv
import posixpath
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from vecsearch.errors import InvalidArgument
from vecsearch.images.decoding import Preprocess
from vecsearch.images.reading import Batch, File
from vecsearch.images.walking import walk
from vecsearch.types import Pixels, Skipped

FROM_FOLDERS = "folder"
NO_LABELS = "none"


@dataclass(frozen=True)
class ImageFolder:
    """The images below a folder.

    Attributes:
        root: The folder.
        paths: The images, as POSIX paths below it, sorted.
        labels: The label of each path; a path that is not here has none.
        skipped: What else was seen there, with reasons.
    """

    root: Path
    paths: Sequence[str]
    labels: Mapping[str, str]
    skipped: Sequence[Skipped]


@dataclass(frozen=True)
class Gathered:
    """The decoded images of a folder, all of them.

    Attributes:
        files: Those that could be decoded.
        pixels: ``(len(files), height, width, channels)`` uint8, on disk rather than in memory.
        skipped: The others.
    """

    files: Sequence[File]
    pixels: Pixels
    skipped: Sequence[Skipped]


def scan(folder: str | Path, labels: str | Path = FROM_FOLDERS) -> ImageFolder:
    """Find the images below a folder and what they are called.

    Args:
        folder: Where to look, to any depth.
        labels: ``folder``: the first sub-folder is the label, and an image that lies in none has
            no label. ``none``: no image has one. Else a CSV file with the columns ``path`` (below
            the folder) and ``label``.

    Raises:
        InvalidArgument: The folder or the CSV file cannot be read, or they do not fit each other.

    Example:
        >>> scan("tests/data/photos").labels["cat/alpha.png"]
        'cat'
    """
    root = Path(folder)
    paths, skipped = walk(root)
    if labels == NO_LABELS:
        return ImageFolder(root, paths, {}, skipped)
    if labels == FROM_FOLDERS:
        named = {path: path.split("/", 1)[0] for path in paths if "/" in path}
        return ImageFolder(root, paths, named, skipped)
    table = Path(labels)
    named = _read_labels(table)
    known = {path: named[path] for path in paths if path in named}
    if not known:
        first = next(iter(named), None)
        raise InvalidArgument(
            f"No path in {table} is an image below {root}; they are relative to that folder. "
            f"The first one with a label is {first!r}."
        )
    # The table may lie among the images; it was seen for what it is.
    others = [one for one in skipped if one.path.resolve() != table.resolve()]
    if strangers := [path for path in named if path not in known]:
        reason = f"{len(strangers)} of its paths are no images here, as {strangers[0]!r}"
        others.append(Skipped(table, reason))
    return ImageFolder(root, paths, known, others)


def gather(batches: Iterable[Batch], preprocess: Preprocess, scratch: Path) -> Gathered:
    """Bring all images together, so that an encoder can learn from them and then encode them.

    Args:
        batches: From ``read``.
        preprocess: What they were read with.
        scratch: A folder with room for them; nothing is left there, whatever happens.
    """
    files: list[File] = []
    skipped: list[Skipped] = []
    with tempfile.TemporaryFile(dir=scratch) as file:
        for batch in batches:
            file.write(np.ascontiguousarray(batch.pixels).data)
            files += batch.files
            skipped += batch.skipped
        file.flush()
        shape = (len(files), *preprocess.shape)
        pixels = np.memmap(file, np.uint8, "r", shape=shape) if files else np.empty(shape, np.uint8)
    return Gathered(files, pixels, skipped)


def _read_labels(table: Path) -> dict[str, str]:
    try:
        with open(table, encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            columns = reader.fieldnames or []
            if "path" not in columns or "label" not in columns:
                raise InvalidArgument(
                    f"{table} needs the columns path and label, with commas between; its first "
                    f"line has: {', '.join(columns) or 'nothing'}."
                )
            labels: dict[str, str] = {}
            for row in reader:
                path = posixpath.normpath((row["path"] or "").strip())
                label = (row["label"] or "").strip()
                if labels.setdefault(path, label) != label:
                    raise InvalidArgument(
                        f"{table}, line {reader.line_num}: {path} is both {labels[path]!r} and "
                        f"{label!r}."
                    )
    except OSError as error:
        raise InvalidArgument(
            f"Labels are 'folder', 'none' or a CSV file; {table} cannot be read: {error.strerror}."
        ) from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise InvalidArgument(f"{table} is not a CSV file in UTF-8: {error}.") from error
    return {path: label for path, label in labels.items() if label}
