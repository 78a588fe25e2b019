"""Records what is done to a folder, and replays what a loss of power may leave of it."""

import os
import random
import stat
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import pytest

Files: TypeAlias = "dict[str, bytes | None]"
"""A tree on disk: the content of each file, None for a folder."""

WATCHED = {
    "open", "os.mkdir", "os.link", "os.rename", "os.remove", "os.rmdir", "os.truncate",
}  # fmt: skip
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC
_sync = os.fsync
_recorder: "Recorder | None" = None


@dataclass(frozen=True)
class Step:
    """What stood on the disk, were nothing ever lost, before one file operation.

    Attributes:
        names: Of each folder, by its number, the numbers of what it holds.
        contents: Of each file, by its number.
        synced: The number of what this operation brings to the disk, or None.
        done: How many changes had been acknowledged.
    """

    names: Mapping[int, Mapping[str, int]]
    contents: Mapping[int, bytes]
    synced: int | None
    done: int


class Recorder:
    """Takes a picture of a folder before each file operation in it.

    Files and folders have numbers of their own, since inode numbers are used again.
    """

    def __init__(self, root: Path, ignored: Callable[[int], bool]) -> None:
        self.root = root
        self.ignored = ignored
        self.steps: list[Step] = []
        self.done = 0
        self._numbers: dict[int, int] = {}
        self._count = 0
        self._lock = threading.RLock()  # a segment is written by a thread of its own
        self._looking = False

    def saw(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open":
            path, _, flags = arguments
            inside = not isinstance(path, int) and os.fsdecode(path).startswith(str(self.root))
            if not inside or not flags & WRITING:
                return
        self.look(None)

    def fsync(self, descriptor: int) -> None:
        status = os.fstat(descriptor)
        if self.ignored(status.st_mode):
            return
        self.look(status.st_ino)
        _sync(descriptor)

    def look(self, synced: int | None) -> None:
        with self._lock:
            if self._looking:  # what this very method opens
                return
            self._looking = True
            try:
                self._look(synced)
            finally:
                self._looking = False

    def _look(self, synced: int | None) -> None:
        numbers: dict[int, int] = {}
        contents: dict[int, bytes] = {}
        names: dict[int, dict[str, int]] = {}

        def number_of(inode: int) -> int:
            if inode not in numbers:
                self._count += 1
                numbers[inode] = self._numbers.get(inode, self._count)
            return numbers[inode]

        def read(folder: Path, number: int) -> None:
            names[number] = {}
            for path in sorted(folder.iterdir()):
                status = path.stat()
                child = names[number][path.name] = number_of(status.st_ino)
                if stat.S_ISDIR(status.st_mode):
                    read(path, child)
                else:
                    contents[child] = path.read_bytes()

        read(self.root, number_of(self.root.stat().st_ino))
        self._numbers = numbers
        number = None if synced is None else numbers.get(synced)
        step = Step(names, contents, number, self.done)
        if not self.steps or step != self.steps[-1]:
            self.steps.append(step)


def _audit(event: str, arguments: tuple[Any, ...]) -> None:
    if _recorder is not None and event in WATCHED:
        _recorder.saw(event, arguments)


@contextmanager
def recording(recorder: Recorder, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    global _recorder  # noqa: PLW0603 - an audit hook stays until the process ends
    if _audit not in _hooks:
        sys.addaudithook(_audit)
        _hooks.append(_audit)
    recorder.look(None)
    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", recorder.fsync)
        _recorder = recorder
        try:
            yield
        finally:
            _recorder = None


_hooks: list[object] = []


@dataclass(frozen=True)
class Crash:
    """What a disk may hold if the power goes at one moment.

    Attributes:
        root: The number of the folder that everything lies in.
        contents: Of each file, as it would be were nothing lost.
        safe_contents: Of each file, as it was at its last fsync.
        safe_names: Of each folder, what it held at its last fsync.
        changes: Of each folder, which names came (with a number) and went (None) since.
        done: How many changes had been acknowledged.
    """

    root: int
    contents: Mapping[int, bytes]
    safe_contents: Mapping[int, bytes]
    safe_names: Mapping[int, Mapping[str, int]]
    changes: Mapping[int, Sequence[tuple[str, int | None]]]
    done: int

    def disk(self, how: str, rng: random.Random) -> Files:
        """One of the states that the disk may be in: all unsynced lost, or kept, or a mixture."""
        contents: dict[int, bytes] = {}

        def content(number: int) -> bytes:
            whole, safe = self.contents[number], self.safe_contents.get(number)
            if how == "lost":
                return safe or b""
            if how == "kept" or whole == safe:
                return whole
            torn = [b"", bytes(len(whole)), whole[: rng.randint(0, len(whole))], whole]
            return rng.choice([*torn, *([] if safe is None else [safe])])

        def lay(number: int, above: str) -> Iterator[tuple[str, bytes | None]]:
            names = dict(self.safe_names.get(number, {}))
            odds = {"lost": 0.0, "kept": 1.0, "mixed": rng.random()}[how]
            for name, child in self.changes.get(number, ()):
                if rng.random() >= odds:
                    continue
                if child is None:
                    names.pop(name, None)
                else:
                    names[name] = child
            for name, child in sorted(names.items()):
                if child in self.contents:
                    contents.setdefault(child, content(child))
                    yield above + name, contents[child]
                else:
                    yield above + name, None
                    yield from lay(child, f"{above}{name}/")

        return dict(lay(self.root, ""))


def crashes(steps: Sequence[Step]) -> list[Crash]:
    """A loss of power at each step; the first step stands safely on the disk."""
    first = steps[0]
    root = next(iter(first.names))
    contents = dict(first.contents)
    safe_contents = dict(first.contents)
    safe_names: dict[int, Mapping[str, int]] = dict(first.names)
    changes: dict[int, list[tuple[str, int | None]]] = {}
    before = first.names
    found = []
    for step in steps:
        contents |= step.contents
        for folder, names in step.names.items():
            old = before.get(folder, {})
            gone: list[tuple[str, int | None]] = [(name, None) for name in old.keys() - names]
            came = [(name, child) for name, child in names.items() if old.get(name) != child]
            changes[folder] = [*changes.get(folder, []), *sorted(gone), *came]
        before = step.names
        whole = {folder: tuple(log) for folder, log in changes.items()}
        found.append(Crash(root, {**contents}, {**safe_contents}, {**safe_names}, whole, step.done))
        if step.synced in step.names:
            safe_names[step.synced] = step.names[step.synced]
            changes[step.synced] = []
        elif step.synced is not None:
            safe_contents[step.synced] = step.contents[step.synced]
    return found
