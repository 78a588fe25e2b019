"""A headless Chromium, driven over a pipe by the DevTools protocol."""

import base64
import fcntl
import json
import os
import queue
import shutil
import subprocess
import tempfile
import threading
from pathlib import Path
from typing import Any, Self

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
SECONDS = 120


def find_chromium() -> str | None:
    """Where it is installed; None if it is not."""
    return next((found for name in NAMES if (found := shutil.which(name))), None)


class Browser:
    """One page of a browser, which remembers what it asked the network for and what went wrong."""

    def __init__(self, width: int, height: int) -> None:
        self.requests: list[str] = []
        self.errors: list[str] = []
        self._answers: dict[int, queue.Queue[Any]] = {}
        self._number = 0
        self._profile = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        # It reads commands from its descriptor 3 and writes answers to 4.
        read_end, self._commands = _pipe()
        self._results, write_end = _pipe()

        def connect() -> None:
            os.dup2(read_end, 3)
            os.dup2(write_end, 4)

        self._process = subprocess.Popen(
            [
                str(find_chromium()),
                "--headless",
                "--no-sandbox",
                "--remote-debugging-pipe",
                f"--user-data-dir={self._profile.name}",
                f"--window-size={width},{height}",
                "--hide-scrollbars",
                "about:blank",
            ],
            preexec_fn=connect,  # noqa: PLW1509, there are no threads yet
            close_fds=False,  # all but these two are not inherited anyway
            stderr=subprocess.DEVNULL,
        )
        os.close(read_end)
        os.close(write_end)
        threading.Thread(target=self._listen, daemon=True).start()
        self._session = ""
        pages = self.ask("Target.getTargets")["targetInfos"]
        target = next(one["targetId"] for one in pages if one["type"] == "page")
        attached = self.ask("Target.attachToTarget", targetId=target, flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.ask(f"{domain}.enable")
        self.resize(width, height)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self._session = ""
            self.ask("Browser.close")
            self._process.wait(10)
        except (OSError, queue.Empty, subprocess.TimeoutExpired):
            self._process.kill()
        self._profile.cleanup()

    def ask(self, method: str, **parameters: Any) -> Any:
        """Send a command and wait for what it gives."""
        found = self.send(method, **parameters).get(timeout=SECONDS)
        if "error" in found:
            raise RuntimeError(f"{method}: {found['error']}")
        return found["result"]

    def send(self, method: str, **parameters: Any) -> queue.Queue[Any]:
        """Send a command; what it gives comes into a queue."""
        self._number += 1
        answer = self._answers[self._number] = queue.Queue()
        command = {"id": self._number, "method": method, "params": parameters}
        if self._session:
            command["sessionId"] = self._session
        os.write(self._commands, json.dumps(command).encode() + b"\0")
        return answer

    def open(self, page: Path) -> None:
        """Load a page from a file."""
        self.ask("Page.navigate", url=page.resolve().as_uri())
        self.run("new Promise(done => document.readyState === 'complete' ? done(1) : "
                 "addEventListener('load', () => done(1)))")  # fmt: skip

    def run(self, script: str) -> Any:
        """What a script gives, once it is settled."""
        found = self.ask(
            "Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True
        )
        if "exceptionDetails" in found:
            raise RuntimeError(found["exceptionDetails"])
        return found["result"].get("value")

    def mouse(self, kind: str, x: float, y: float, **more: Any) -> None:
        """A movement, a press, a release or a turn of the wheel, at CSS pixels."""
        self.ask("Input.dispatchMouseEvent", type=kind, x=x, y=y, **more)

    def hurl(self, kind: str, x: float, y: float, **more: Any) -> None:
        """The same without waiting until the page has dealt with it."""
        self.send("Input.dispatchMouseEvent", type=kind, x=x, y=y, **more)

    def click(self, x: float, y: float) -> None:
        """Press and release the button."""
        for kind in ("mousePressed", "mouseReleased"):
            self.mouse(kind, x, y, button="left", clickCount=1)

    def resize(self, width: int, height: int, scale: float = 1, mobile: bool = False) -> None:
        """Be a screen of another size."""
        self.ask(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=scale,
            mobile=mobile,
        )

    def screenshot(self, path: Path) -> None:
        """Save what is to be seen as a PNG."""
        self.run("new Promise(done => requestAnimationFrame(() => setTimeout(done, 150)))")
        path.write_bytes(base64.b64decode(self.ask("Page.captureScreenshot")["data"]))

    def _listen(self) -> None:
        pending = b""
        while data := os.read(self._results, 1 << 20):
            *whole, pending = (pending + data).split(b"\0")
            for message in map(json.loads, whole):
                if "id" in message:
                    self._answers.pop(message["id"]).put(message)
                elif message["method"] == "Network.requestWillBeSent":
                    self.requests.append(message["params"]["request"]["url"])
                elif message["method"] == "Runtime.exceptionThrown":
                    self.errors.append(str(message["params"]["exceptionDetails"]))
                elif message["method"] == "Log.entryAdded":
                    self.errors.append(str(message["params"]["entry"]))


def _pipe() -> tuple[int, int]:
    """A pipe whose ends are out of the way of 3 and 4."""
    ends = os.pipe()
    moved = [fcntl.fcntl(one, fcntl.F_DUPFD_CLOEXEC, 10) for one in ends]
    for one in ends:
        os.close(one)
    return moved[0], moved[1]
