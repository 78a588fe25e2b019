"""The command in forks of a process that has imported already what most verbs import.

By itself a command takes most of a second to start, and the tests run hundreds. Also the script of
that process.
"""

import gc
import importlib
import json
import os
import signal
import subprocess
import sys
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import IO

SECONDS = 300
IMPORTED = (
    "vecsearch_cli.main",
    "vecsearch.evaluation",
    "loky",
    "pathspec",
    "PIL.Image",
    "safetensors.numpy",
    "scipy.stats",
    "sklearn.decomposition",
    "sklearn.discriminant_analysis",
    "tqdm",
)


class Forks:
    """Runs commands, one at a time."""

    def __init__(self) -> None:
        self._server = subprocess.Popen(
            [sys.executable, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def run(
        self, arguments: list[str], stdin: str, cwd: Path, env: dict[str, str]
    ) -> "subprocess.CompletedProcess[str]":
        """What a command says and returns, as ``subprocess.run`` has it."""
        with tempfile.TemporaryDirectory() as scratch:
            streams = [Path(scratch) / name for name in ("stdin", "stdout", "stderr")]
            streams[0].write_text(stdin)
            task = {"argv": arguments, "streams": [*map(str, streams)], "cwd": str(cwd), "env": env}
            assert self._server.stdin is not None
            assert self._server.stdout is not None
            _say(self._server.stdin, task)
            code = json.loads(self._server.stdout.readline())
            return subprocess.CompletedProcess(
                arguments, code, streams[1].read_text(), streams[2].read_text()
            )

    def close(self) -> None:
        """End it."""
        self._server.communicate()


def _say(to: IO[str], message: object) -> None:
    to.write(json.dumps(message) + "\n")
    to.flush()


def serve() -> None:
    """Fork for each line that comes; a fork ends as the command does."""
    for name in IMPORTED:
        with suppress(ModuleNotFoundError):  # the core alone has not all of them
            importlib.import_module(name)
    gc.freeze()  # what is not looked at is not copied
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            become(**json.loads(line))
        _say(sys.stdout, os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))


def become(argv: list[str], streams: list[str], cwd: str, env: dict[str, str]) -> None:
    """Be the command."""
    for number, (path, mode) in enumerate(zip(streams, ("r", "w", "w"), strict=True)):
        with open(path, mode) as file:
            os.dup2(file.fileno(), number)
    sys.stdin, sys.stdout, sys.stderr = (
        os.fdopen(number, mode) for number, mode in enumerate("rww")
    )
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(env)
    sys.argv = argv
    signal.alarm(SECONDS)
    importlib.import_module("vecsearch_cli.main").main()


if __name__ == "__main__":
    serve()
