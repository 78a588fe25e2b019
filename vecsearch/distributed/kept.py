"""Pixels that were decoded for an encoder to learn from, so that they are not decoded again."""

import json
import os
from dataclasses import astuple
from pathlib import Path
from uuid import uuid4
from zipfile import BadZipFile

import numpy as np

from vecsearch.distributed.tasks import Task, name_of
from vecsearch.images import Batch, File, Preprocess
from vecsearch.types import Skipped


def keep_pixels(place: Path, task: Task, preprocess: Preprocess, batch: Batch) -> None:
    """Keep what was decoded of all images of a task.

    Args:
        place: The folder of parts.
        task: The images.
        preprocess: What they were brought to.
        batch: The pixels.
    """
    path = _path(place, task, preprocess)
    draft = path.with_name(f"{path.name}.{uuid4().hex}")
    note = {
        "files": [astuple(file) for file in batch.files],
        "skipped": [
            [os.fsencode(one.path).hex(), one.reason, one.size, one.mtime_ns]
            for one in batch.skipped
        ],
    }
    with open(draft, "wb") as file:
        np.savez(file, pixels=batch.pixels, note=np.frombuffer(json.dumps(note).encode(), np.uint8))
    draft.replace(path)


def kept_pixels(place: Path, task: Task, preprocess: Preprocess) -> Batch | None:
    """What was kept of the images of a task; None if nothing was."""
    try:
        with np.load(_path(place, task, preprocess), allow_pickle=False) as kept:
            pixels, note = kept["pixels"], json.loads(kept["note"].tobytes())
            files = [File(*file) for file in note["files"]]
            skipped = [
                Skipped(Path(os.fsdecode(bytes.fromhex(path))), *facts)
                for path, *facts in note["skipped"]
            ]
    except (OSError, ValueError, KeyError, TypeError, BadZipFile):
        return None  # decoded anew
    if pixels.shape != (len(files), *preprocess.shape) or pixels.dtype != np.uint8:
        return None
    return Batch(files, pixels, skipped)


def _path(place: Path, task: Task, preprocess: Preprocess) -> Path:
    images = {"place": task.place, "paths": task.paths, "facts": task.facts}
    return place / f"pixels-{name_of({**images, 'preprocess': preprocess.to_json()})}.npz"
