"""A folder that is there for as long as something needs it."""

import shutil
import tempfile
import weakref
from pathlib import Path


class Temporary:
    """A new folder, which is removed once nothing refers to this object any more.

    Attributes:
        folder: Where it is.
        remove: Removes it at once.
    """

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="vecsearch-"))
        self.remove = weakref.finalize(self, shutil.rmtree, self.folder, ignore_errors=True)
