"""Find damage in a collection, and mend it with its images' help where vectors are lost."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from vecsearch.ann import keep_indexed
from vecsearch.encoding import encode, encoder_of, facts_of, read_folder
from vecsearch.images import ImageFolder, is_absolute
from vecsearch.store import (
    Encode,
    Record,
    Repair,
    Store,
    Verification,
    repair_store,
    verify_store,
)
from vecsearch.types import Vectors


def verify(path: str | Path) -> Verification:
    """Read every byte of a collection and compare it with the hashes that were written.

    Raises:
        CollectionNotFound: There is none.
        CollectionReplaced: It was written anew meanwhile, more than once: verify it again.
        NewerFormat: A later version has written it.

    Example:
        >>> from vecsearch import Collection
        >>> books = Collection.from_vectors([[5, 1], [1, 5]], path=tmp / "books")
        >>> verify(tmp / "books").damages
        []
    """
    return verify_store(Path(path))


def repair(path: str | Path) -> Repair:
    """Save what can be saved of a collection, as a new generation; nothing else is touched.

    Files that are whole stay. Of a damaged list of items every page that is whole is saved; where
    vectors are damaged, their images are encoded anew if they have not changed since. If the
    newest manifest cannot be read, the one before it is taken.

    Raises:
        CollectionNotFound: There is none.
        DamagedCollection: No manifest of it can be read.
        CollectionLocked: Another process is writing to it.

    Example:
        >>> from vecsearch import Collection
        >>> books = Collection.from_vectors([[5, 1], [1, 5]], path=tmp / "harmed")
        >>> next((tmp / "harmed" / "segments").glob("*.columns.safetensors")).unlink()
        >>> repair(tmp / "harmed").lost
        0
    """
    result = repair_store(Path(path), _encoding)
    keep_indexed(Path(path), anew=bool(result.notes))
    return result


def _encoding(store: Store) -> Encode:
    """What encodes items of a collection anew."""

    def encode_again(records: Sequence[Record]) -> tuple[list[Record], Vectors]:
        manifest = store.manifest
        source = manifest.source
        nothing = np.empty((0, manifest.dim), np.float32)
        with_files = {one.path: one for one in records if one.path is not None}
        if source is None:  # of images that a list named: these can be found where they are
            with_files = {path: one for path, one in with_files.items() if is_absolute(path)}
        if manifest.encoder is None or not with_files:
            return [], nothing
        encoder = encoder_of(store)
        root = Path("/" if source is None else source.root)
        images = ImageFolder(root, list(with_files), {}, ())
        saved: list[Record] = []
        vectors = [nothing]
        for batch in read_folder(images, images.paths, encoder.preprocess, None, None):
            block = encode(batch, root, encoder, manifest.metric)
            for row, file in enumerate(block.files):
                record = with_files[file.path]
                if record.file is not None and record.file["sha256"] == facts_of(file)["sha256"]:
                    saved.append(record)
                    vectors.append(block.vectors[row : row + 1])
        return saved, np.concatenate(vectors)

    return encode_again
