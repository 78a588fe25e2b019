"""One writer at a time, and who it is."""

import json
import os
import socket
import sys
from contextlib import suppress
from pathlib import Path

from vecsearch.errors import CollectionLocked

LOCK_SECONDS = 5.0


class Lock:
    """The right to write to a collection. The system lets go of it when its holder dies.

    Args:
        folder: The collection's folder, which need not exist yet.
    """

    def __init__(self, folder: Path) -> None:
        from filelock import FileLock

        self._folder = folder
        self._lock = FileLock(folder / ".lock", timeout=LOCK_SECONDS)
        self._holder = folder / ".writer"

    def acquire(self) -> None:
        """Wait for the lock for up to five seconds.

        Raises:
            CollectionLocked: Another writer holds it; the text says who.
        """
        from filelock import Timeout

        while True:
            self._folder.mkdir(parents=True, exist_ok=True)
            try:
                self._lock.acquire()
            except FileNotFoundError:
                continue  # the writer that we waited for failed and took the folder away
            except Timeout as error:
                raise CollectionLocked(
                    f"{self._who()} is writing to {self._folder}: wait until it is done."
                ) from error
            break
        me = {"pid": os.getpid(), "host": socket.gethostname(), "program": Path(sys.argv[0]).name}
        with suppress(OSError):  # a full disk: then nobody is told our name
            self._holder.unlink(missing_ok=True)  # which may be a link to somewhere
            with open(self._holder, "x") as file:
                json.dump(me, file)

    def release(self) -> None:
        """Let others write."""
        with suppress(OSError):
            self._holder.unlink()
        self._lock.release()

    def remove_folder(self) -> None:
        """Take away the folder, if it holds nothing but the lock.

        Under the lock: who waits for it sees that the file is gone, and begins anew.
        """
        with suppress(OSError):
            self._holder.unlink(missing_ok=True)
            (self._folder / ".lock").unlink()
            self._folder.rmdir()

    def _who(self) -> str:
        try:
            holder = json.loads(self._holder.read_text())
            return f"Process {holder['pid']} ({holder['program']}) on {holder['host']}"
        except (OSError, ValueError, KeyError, TypeError):
            return "Another process"
