"""A real Milvus server, from the PyPI package of that name, on loopback in a folder of its own."""

import os
import re
import socket
import subprocess
import time
from contextlib import ExitStack
from pathlib import Path

SECONDS = 120


def free_ports(count: int) -> list[int]:
    """Ports of loopback that nobody listens on."""
    with ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [int(one.getsockname()[1]) for one in sockets]


class MilvusServer:
    """One process that plays all roles.

    Args:
        folder: Where its data and its binaries go.
    """

    def __init__(self, folder: Path) -> None:
        import milvus

        config = milvus.MilvusServerConfig(data_dir=str(folder))
        # By itself it takes the next that are free, which for two at a time are the same.
        ports = [name for name in config.configurable_items if name.endswith("_port")]
        config.update(**dict(zip(ports, free_ports(len(ports)), strict=True)))
        config.resolve()
        milvus._initialize_data_files(str(folder))
        self.folder = folder
        self.port = int(config.get("proxy_port"))
        (self._metrics_port,) = free_ports(1)
        self._process: subprocess.Popen[bytes] | None = None
        file = folder / "configs" / "milvus.yaml"
        text = file.read_text()
        # SIGTERM would wait for half an hour, and 16 channels are for larger machines.
        text = text.replace("gracefulStopTimeout: 1800", "gracefulStopTimeout: 1")
        text = text.replace("dmlChannelNum: 16", "dmlChannelNum: 4")
        text = text.replace("level: info #", "level: error #", 1)
        file.write_text(re.sub(r"^  ip: #.*", "  ip: 127.0.0.1", text, flags=re.MULTILINE))

    def address(self, name: str, consistency: str = "session") -> str:
        return f"milvus://127.0.0.1:{self.port}/{name}?consistency={consistency}"

    def start(self) -> float:
        """Start it and wait until it answers; returns how many seconds that took."""
        begun = time.monotonic()
        binaries = self.folder / "bin"
        own = {
            "DEPLOY_MODE": "STANDALONE",
            "METRICS_PORT": str(self._metrics_port),
            "MILVUS_RUN_DIR": str(self.folder / "run"),
            "LD_LIBRARY_PATH": str(binaries),
        }
        with open(self.folder / "logs" / "output", "ab") as log:
            self._process = subprocess.Popen(
                [str(binaries / "milvus"), "run", "standalone"],
                cwd=self.folder,
                env={**os.environ, **own},
                stdout=log,
                stderr=log,
            )
        self._wait()
        return time.monotonic() - begun

    def kill(self) -> None:
        """End it at once, as a power cut would end the process."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def _wait(self) -> None:
        """Until it answers: its own health check says so before that."""
        from pymilvus import MilvusClient
        from pymilvus.exceptions import MilvusException

        end = time.monotonic() + SECONDS
        while True:
            try:
                client = MilvusClient(f"http://127.0.0.1:{self.port}", timeout=2)
                for name in client.list_collections():
                    if "Loaded" in str(client.get_load_state(name)["state"]):
                        client.query(name, filter="", output_fields=["count(*)"], timeout=5)
            except MilvusException:
                assert self._process is not None
                assert self._process.poll() is None, "Milvus has ended by itself"
                assert time.monotonic() < end, f"Milvus does not answer in {SECONDS} s"
                time.sleep(0.2)
            else:
                client.close()
                return
