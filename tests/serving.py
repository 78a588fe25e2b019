"""A real ``vecsearch serve`` for tests: started, asked, stopped."""

import http.client
import json
import re
import signal
import subprocess
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from conftest import COMMAND, PROJECT

START_SECONDS = 30


@dataclass
class Answer:
    """What a server answered."""

    status: int
    headers: Mapping[str, str]
    data: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.data)


@dataclass
class Server:
    """A server process."""

    process: subprocess.Popen[str]
    url: str
    said: list[str] = field(default_factory=list)

    @property
    def port(self) -> int:
        return urlsplit(self.url).port or 0

    @property
    def token(self) -> str | None:
        found = re.search(r"token=(.*)", self.url)
        return unquote(found[1]) if found else None

    def ask(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """One request on a connection of its own; a path is sent as it is given."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.putrequest(method, path, skip_host="Host" in (headers or {}))
            known = {} if self.token is None else {"Authorization": f"Bearer {self.token}"}
            if body is not None:
                known["Content-Length"] = str(len(body))
            for name, value in {**known, **(headers or {})}.items():
                connection.putheader(name, value)
            connection.endheaders(body)
            answer = connection.getresponse()
            return Answer(answer.status, dict(answer.headers.items()), answer.read())
        finally:
            connection.close()

    def json(self, method: str, path: str, body: Any = None) -> Answer:
        """One request of the API with JSON."""
        data = None if body is None else json.dumps(body).encode()
        return self.ask(method, f"/api/v1/{path}", data, {"Content-Type": "application/json"})

    def memory(self) -> int:
        """Its resident memory in bytes."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return 1024 * int(re.search(r"VmRSS:\s+(\d+)", status)[1])  # type: ignore[index]

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Ask it to stop; returns its exit code."""
        self.process.send_signal(number)
        return self.process.wait(timeout=20)


@contextmanager
def serving(*arguments: str | Path) -> Iterator[Server]:
    """``vecsearch serve`` with some arguments, on a free port, until the block is left."""
    process = subprocess.Popen(
        [str(COMMAND), "serve", *map(str, arguments), "--port", "0"],
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
        cwd=PROJECT,
    )
    said: list[str] = []
    listening = threading.Event()

    def listen() -> None:
        for line in process.stderr or ():
            said.append(line.rstrip("\n"))
            if line.startswith("Listening on "):
                listening.set()
        listening.set()

    thread = threading.Thread(target=listen, daemon=True)
    thread.start()
    listening.wait(START_SECONDS)
    addresses = [line.split()[-1] for line in said if line.startswith("Listening on ")]
    if not addresses:
        process.kill()
        raise AssertionError(f"It did not start: {said}")
    try:
        yield Server(process, addresses[0], said)
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()
        thread.join(5)
        if process.stderr is not None:
            process.stderr.close()
