"""A folder that is there for as long as something needs it."""

import shutil
import tempfile
import weakref
from pathlib import Path
from types import TracebackType
from typing import Self


class Temporary:
    """A new folder, which is removed once nothing refers to this object any more.

    As a context manager it is removed at once if there is an error, and stays otherwise.
    """

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="vecsearch-"))
        self._remove = weakref.finalize(self, shutil.rmtree, self.folder, ignore_errors=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if error is not None:
            self._remove()
