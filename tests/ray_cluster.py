"""Ray clusters of several nodes on this machine, each in a network namespace of its own.

Ray tells machines apart by their addresses, and rewrites that of loopback; in namespaces each node
has an address of its own, and everything of it is killed by what ``ip netns pids`` names.
"""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

from conftest import lacking

PORT = 6379
READY_SECONDS = 120  # twenty times what it takes on a machine with nothing else to do
MOUNT = 'mount --bind "$0" "$1" && shift && exec "$@"'


def ip(*words: str) -> str:
    done = subprocess.run(["ip", *words], capture_output=True, text=True, check=True)
    return done.stdout


@dataclass
class Node:
    """A machine of the cluster: its namespace, its address, and its Ray.

    All see the same files, but for that folder in which Ray keeps what belongs to one machine.
    """

    name: str
    address: str
    own: Path
    session: Path
    environment: Mapping[str, str]
    started: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def prefix(self) -> tuple[str, ...]:
        """What stands before a command that is to run on this machine."""
        mount = ("unshare", "--mount", "sh", "-c", MOUNT, str(self.own), str(self.session))
        return ("ip", "netns", "exec", self.name, *mount)

    def run(self, *command: str | Path, log: Path) -> subprocess.Popen[bytes]:
        """Start a command in the namespace."""
        with open(log, "wb") as out:
            process = subprocess.Popen(
                [*self.prefix, *map(str, command)],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                env=dict(self.environment),
            )
        self.started.append(process)
        return process

    def kill(self) -> None:
        """As if the power went: all processes of the namespace at once."""
        for _ in range(3):  # some start others meanwhile
            for pid in ip("netns", "pids", self.name).split():
                with suppress(ProcessLookupError):
                    os.kill(int(pid), signal.SIGKILL)
        for process in self.started:
            process.wait(10)


@contextmanager
def cluster(folder: Path, nodes: int, head_processors: int = 1) -> Iterator[list[Node]]:
    """Nodes with one processor each that make up a Ray cluster; the first is its head.

    Args:
        folder: For logs.
        nodes: How many.
        head_processors: With 0, the head does no work itself.
    """
    tag = uuid4().hex[:6]
    bridge = f"vs{tag}"
    session = Path(f"/tmp/vs-{tag}")  # short: Ray's sockets lie in it
    made: list[Node] = []
    try:
        network = free_network()
        ip("link", "add", bridge, "type", "bridge")
    except (OSError, subprocess.CalledProcessError) as error:
        told = getattr(error, "stderr", error)
        lacking(f"needs network namespaces, of Linux, by root and iproute2: {told}")
    session.mkdir()
    try:
        ip("addr", "add", f"{network}.254/24", "dev", bridge)
        ip("link", "set", bridge, "up")
        token = folder / "token"
        token.write_text(uuid4().hex)
        environment = {
            **{key: value for key, value in os.environ.items() if not key.startswith("RAY_")},
            "RAY_AUTH_MODE": "token",
            "RAY_AUTH_TOKEN_PATH": str(token),
            "RAY_USAGE_STATS_ENABLED": "0",
            "OMP_NUM_THREADS": "1",
            # A lost node is noticed in 3 seconds rather than in 15.
            "RAY_health_check_period_ms": "1000",
            "RAY_health_check_failure_threshold": "3",
        }
        for number in range(1, nodes + 1):
            own = folder / f"node-{number}"
            own.mkdir()
            address = f"{network}.{number}"
            node = Node(f"vs{tag}-{number}", address, own, session, environment)
            ip("netns", "add", node.name)
            made.append(node)
            inside, outside = f"e{tag}{number}", f"b{tag}{number}"
            ip("link", "add", outside, "type", "veth", "peer", "name", inside)
            ip("link", "set", outside, "master", bridge, "up")
            ip("link", "set", inside, "netns", node.name)
            ip("-n", node.name, "addr", "add", f"{node.address}/24", "dev", inside)
            ip("-n", node.name, "link", "set", inside, "up")
            ip("-n", node.name, "link", "set", "lo", "up")
        until = time.monotonic() + READY_SECONDS
        ray = Path(sys.executable).with_name("ray")
        same = [f"--object-store-memory={100 << 20}", "--block"]
        head, *others = made
        starting = head.run(
            ray, "start", "--head", f"--node-ip-address={head.address}", f"--port={PORT}",
            f"--temp-dir={session}", "--include-dashboard=false",
            f"--num-cpus={head_processors}", *same,
            log=folder / "node-1.log",
        )  # fmt: skip
        wait_for_port(head, starting, folder / "node-1.log", until)
        for number, node in enumerate(others, 2):
            node.run(
                ray, "start", f"--address={head.address}:{PORT}",
                f"--node-ip-address={node.address}", "--num-cpus=1", *same,
                log=folder / f"node-{number}.log",
            )  # fmt: skip
        wait_for_nodes(head, nodes, folder / "count.log", until)
        yield made
    finally:
        for node in made:
            with suppress(subprocess.CalledProcessError):
                node.kill()
            with suppress(subprocess.CalledProcessError):
                ip("netns", "delete", node.name)
        ip("link", "delete", bridge)
        session.rmdir()


def free_network() -> str:
    """The first three numbers of addresses that no network here has, such as one left by a kill."""
    taken = ip("-oneline", "-4", "addr")
    return next(f"10.213.{third}" for third in range(256) if f" 10.213.{third}." not in taken)


COUNT = """
import ray, sys, time
ray.init(address=sys.argv[1], logging_level="ERROR", log_to_driver=False)
while sum(node["Alive"] for node in ray.nodes()) < int(sys.argv[2]):
    time.sleep(0.2)
"""


def wait_for_port(head: Node, starting: subprocess.Popen[bytes], log: Path, until: float) -> None:
    """Wait until the head listens."""
    while True:
        with suppress(OSError), socket.create_connection((head.address, PORT), timeout=1):
            return
        waits = starting.poll() is None and time.monotonic() < until
        assert waits, f"the head of the cluster does not listen: {log.read_text()}"
        time.sleep(0.1)


def wait_for_nodes(head: Node, wanted: int, log: Path, until: float) -> None:
    """Wait until so many nodes are there."""
    address = f"{head.address}:{PORT}"
    counting = head.run(sys.executable, "-c", COUNT, address, str(wanted), log=log)
    assert counting.wait(until - time.monotonic()) == 0, log.read_text()
