"""The files of one generation, none of which is believed before its hash was found to be right."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vecsearch.errors import CollectionReplaced, DamagedCollection
from vecsearch.store.durable import stamp_of
from vecsearch.store.manifest import Manifest, standing

# Files of at least this many bytes are hashed by two threads; others are done before one starts.
LARGE_BYTES = 8 << 20


class ProvenFiles:
    """The files that a manifest names. Each is hashed before it is first used.

    Args:
        folder: Where the collection lies.
        manifest: The generation.
        known: What ``standing`` gave before the manifest was read.
    """

    def __init__(
        self, folder: Path, manifest: Manifest, known: tuple[int, int, int] | None
    ) -> None:
        self.folder, self.standing = folder, known
        self._stamps = manifest.files
        self._proven: set[str] = set()
        self._texts: dict[str, NDArray[np.uint8]] = {}

    def trust(self, other: "ProvenFiles") -> None:
        """Take over what was proven of files that another generation has, too."""
        self._proven = {
            name
            for name in other._proven.copy()  # to which another thread may add
            if self._stamps.get(name) == other._stamps[name]
        }

    def checked(self, name: str, anew: bool = False) -> Path:
        """Where a file is that the manifest names, once its hash was found to be right.

        Args:
            name: Which one.
            anew: Read it again, even if it was found to be right before.

        Raises:
            DamagedCollection: It is missing, or not as it was written.
            CollectionReplaced: It is gone because newer generations have taken its place.
        """
        path = self.present(name)
        if anew:
            self._proven.discard(name)
        if name not in self._proven:
            with self.reading():
                stamp = stamp_of(path)
            if stamp != self._stamps[name]:
                raise DamagedCollection(
                    f"{path} is damaged: its hash is not that of the manifest.{self._advice(name)}"
                )
            self._proven.add(name)
        return path

    def check_large(self, names: Sequence[str]) -> None:
        """Check those of some files that take long, two at a time."""
        large = [
            name
            for name in names
            if name not in self._proven and self._stamps[name].size >= LARGE_BYTES
        ]
        if len(large) > 1:
            with ThreadPoolExecutor(2) as pool:
                list(pool.map(self.checked, large))

    def read(self, name: str) -> tuple[bytes, Path]:
        """What a file holds, and where it is."""
        with self.reading():
            path = self.checked(name)
            return path.read_bytes(), path

    def text(self, name: str) -> NDArray[np.uint8]:
        """A file whose pages have hashes of their own, mapped: a later writer may delete it."""
        if name not in self._texts:
            path = self.present(name)
            empty = self._stamps[name].size == 0  # which a crafted one may be
            text = np.empty(0, np.uint8) if empty else np.memmap(path, np.uint8, "r")
            self._texts[name] = np.asarray(text)  # of a plain kind, quicker to index
        return self._texts[name]

    def present(self, name: str) -> Path:
        """Where a file is that the manifest names, if it is as long as it was written.

        Raises:
            DamagedCollection: It is missing, or has another length.
            CollectionReplaced: It is gone because newer generations have taken its place.
        """
        path = self.folder / name
        if path.resolve() != self.folder.resolve() / name:
            raise DamagedCollection(f"{path} is a link that leads elsewhere.")
        with self.reading():
            try:
                size = path.stat().st_size
            except OSError as error:
                raise DamagedCollection(
                    f"{path} is missing: {error.strerror}.{self._advice(name)}"
                ) from error
        expected = self._stamps[name].size
        if size != expected:
            raise DamagedCollection(
                f"{path} has {size} bytes, but {expected} were written.{self._advice(name)}"
            )
        return path

    def _advice(self, name: str) -> str:
        if name.startswith("encoder/"):
            return f" Fit it anew: vecsearch update {self.folder} --refit"
        return f" Mend it: vecsearch repair {self.folder}"

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Tell a file that went missing since newer generations came from one that is damaged."""
        try:
            yield
        except (OSError, DamagedCollection) as error:
            cause = error if isinstance(error, OSError) else error.__cause__
            if not isinstance(cause, OSError):
                raise
            if standing(self.folder) != self.standing:
                raise CollectionReplaced(
                    f"{self.folder} was written anew, more than once, since it was opened: "
                    "refresh it, or open it again."
                ) from error
            if isinstance(error, DamagedCollection):
                raise
            raise DamagedCollection(
                f"{error.filename} cannot be read: {error.strerror}."
            ) from error
