"""A newcomer's first hour, done again: docs/first-hour.md is what comes of it.

    python benchmarks/first_hour/run.py PLACE [--only NAME…] [--data CLOTHING10]

The commands are those of story.md. PLACE is an empty folder for a fresh clone with a fresh virtual
environment, 3 GB. Each command runs on a terminal of 80 columns; what it printed, and how long it
took, is kept in PLACE/steps, so that some can be run again (--only), in their order. The page is
written when all have been run. Takes 10 minutes, most of them for packages and for the training.
"""

import argparse
import json
import os
import pty
import re
import shutil
import signal
import stat
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

PROJECT = Path(__file__).parents[2]
DOCS = PROJECT / "docs"
STORY = Path(__file__).with_name("story.md")
# So that programs neither draw bars, which vanish anyway, nor colours.
TERMINAL = {"TERM": "dumb", "COLUMNS": "80", "LINES": "24"}

# A command of the story: what it is called, and how many lines of its output are shown.
BLOCK = re.compile(r"```run ([\w-]+) (\d+)\n(.*?)\n```", re.DOTALL)
# These ask the server, while it runs.
ASKING = ("curl", "client")


@dataclass(frozen=True)
class Ran:
    """What came of a command: its output, its exit code, and the seconds it took."""

    output: str
    code: int
    seconds: float


class Terminal:
    """Runs a command as on a terminal."""

    def __init__(self, command: str, place: Path, env: Mapping[str, str]) -> None:
        # Where this runs in the background of a shell, Ctrl-C is ignored, and so by what it runs.
        signal.signal(signal.SIGINT, signal.default_int_handler)
        self._ours, theirs = pty.openpty()
        self._started = time.monotonic()
        self._process = subprocess.Popen(
            ["bash", "-c", command],
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            cwd=place,
            env={**os.environ, **TERMINAL, **env},
            start_new_session=True,
        )
        os.close(theirs)
        self._output = b""

    def read_until(self, text: str) -> None:
        """Wait until it has printed that."""
        while text not in self._output.decode(errors="replace") and self._read():
            pass

    def interrupt(self) -> None:
        """Press Ctrl-C."""
        os.killpg(self._process.pid, signal.SIGINT)

    def finish(self) -> Ran:
        """Wait until it ends."""
        while self._read():
            pass
        code = self._process.wait()
        os.close(self._ours)
        seconds = time.monotonic() - self._started
        return Ran(self._output.decode().replace("\r\n", "\n"), code, seconds)

    def _read(self) -> bool:
        try:
            data = os.read(self._ours, 4096)
        except OSError:  # the other side is closed
            return False
        self._output += data
        return bool(data)


def set_up(place: Path, data: Path) -> Path:
    """A fresh clone with the photos in it; as it is, if there is one."""
    clone = place / "vecsearch"
    if not clone.exists():
        place.mkdir(parents=True, exist_ok=True)
        subprocess.run(["git", "clone", "-q", str(PROJECT), str(clone)], check=True)
    if not (clone / "photos").exists():
        shutil.copytree(data, clone / "photos")
        for path in (clone / "photos", *(clone / "photos").rglob("*")):
            path.chmod(path.stat().st_mode | stat.S_IWUSR)  # where the data are read-only
    return clone


def run(name: str, commands: Mapping[str, str], clone: Path) -> dict[str, Ran]:
    """Run a step; with the server's go those that ask it."""
    env = {"PATH": f"{clone / '.venv' / 'bin'}{os.pathsep}{os.environ['PATH']}"}
    terminal = Terminal(commands[name], clone, env)
    found = {}
    if name == "serve":
        terminal.read_until("Listening on")
        for one in ASKING:
            found[one] = Terminal(commands[one], clone, env).finish()
        terminal.interrupt()
    return {name: terminal.finish(), **found}


def page(story: str, found: Mapping[str, Ran], place: Path) -> str:
    """The transcript as Markdown."""

    def shown(block: re.Match[str]) -> str:
        name, most, command = block[1], int(block[2]), block[3]
        ran = found[name]
        lines = [line.rstrip() for line in ran.output.replace(str(place), "~").splitlines()]
        text = "\n".join(line for line in lines if not line.startswith("WARNING: ")).strip("\n")
        lines = text.splitlines()
        if len(lines) > most:
            lines = [*lines[: most // 2], "…", *lines[-(most - most // 2) :]]
        code = f", exit code {ran.code}" if ran.code else ""
        transcript = "\n".join([f"$ {command}", *lines])
        return f"```text\n{transcript}\n```\n\n*{_told(ran.seconds)}{code}*"

    return BLOCK.sub(shown, story)


def _told(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{seconds:.1f} s"


def main() -> None:
    story = STORY.read_text()
    commands = {name: command for name, _, command in BLOCK.findall(story)}
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("place", type=Path)
    parser.add_argument("--only", nargs="*", choices=list(commands), default=list(commands))
    data = Path(os.environ.get("VECSEARCH_DATA", "../shared/data")) / "clothing10"
    parser.add_argument("--data", type=Path, default=data)
    given = parser.parse_args()
    place = given.place.resolve()
    clone = set_up(place, given.data)
    kept = place / "steps"
    kept.mkdir(exist_ok=True)
    for name in [name for name in given.only if name not in ASKING]:
        for one, ran in run(name, commands, clone).items():
            print(f"{one}: {ran.seconds:.1f} s, exit code {ran.code}", flush=True)
            (kept / f"{one}.json").write_text(json.dumps(vars(ran)))
    if missing := [name for name in commands if not (kept / f"{name}.json").exists()]:
        print(f"Not run yet: {', '.join(missing)}")
        return
    found = {name: Ran(**json.loads((kept / f"{name}.json").read_text())) for name in commands}
    with Image.open(clone / "nearest.png") as sheet:
        sheet.convert("RGB").save(DOCS / "pictures" / "first-hour-nearest.jpg", quality=80)
    (DOCS / "first-hour.md").write_text(page(story, found, place))


if __name__ == "__main__":
    main()
