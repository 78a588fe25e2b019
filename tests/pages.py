"""Pages of the documentation are run from top to bottom, and must print what they say."""

import contextlib
import doctest
import io
import os
import re
import subprocess
from pathlib import Path
from typing import Any

from conftest import COMMAND, PROJECT

BLOCK = re.compile(r"^( *)```(sh|python|text)\n(.*?)^ *```$", re.DOTALL | re.MULTILINE)
FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


def blocks(name: str) -> list[tuple[str, str]]:
    """Language and text of each block of commands, Python or output of a page, in order.

    What stands right behind a block of commands or Python is its output, and called ``output``; any
    other text is just ``text``.
    """
    page = (PROJECT / "docs" / name).read_text()
    found: list[tuple[str, str]] = []
    end = 0
    for match in BLOCK.finditer(page):
        indent, kind, text = match.groups()
        ran = bool(found) and found[-1][0] in ("sh", "python")
        if kind == "text" and ran and not page[end : match.start()].strip():
            kind = "output"
        found.append((kind, re.sub(rf"^{indent}", "", text, flags=re.MULTILINE)))
        end = match.end()
    return found


def follow(name: str, place: Path, **env: str) -> None:
    """Run a page in a folder: its commands by a shell, its Python in one namespace.

    What it shows as output must come out; ``...`` there stands for anything.
    """
    path = f"{COMMAND.parent}{os.pathsep}{os.environ['PATH']}"
    names: dict[str, Any] = {}
    printed = ""
    for kind, text in blocks(name):
        if kind == "sh":
            commands = [line for line in text.splitlines() if not line.startswith("pip install")]
            printed = "".join(
                _shell(line, place, {**os.environ, "PATH": path, **env}) for line in commands
            )
        elif kind == "python":
            printed = _python(text, place, names)
        elif kind == "output":
            same = doctest.OutputChecker().check_output(text, printed, FLAGS)
            assert same, f"{name} says:\n{text}\nbut it printed:\n{printed}"


def _shell(line: str, place: Path, env: dict[str, str]) -> str:
    done = subprocess.run(
        line, shell=True, cwd=place, env=env, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, (line, done.stderr)
    return done.stdout


def _python(text: str, place: Path, names: dict[str, Any]) -> str:
    out = io.StringIO()
    with contextlib.chdir(place), contextlib.redirect_stdout(out):
        exec(compile(text, "page", "exec"), names)
    return out.getvalue()
