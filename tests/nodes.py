"""A cluster of several nodes on this machine, each of which can be added, and killed as a machine dies.

``ray.cluster_utils`` starts its nodes in the test's own process, which has a Ray of its own already; here each has a
process of its own and a mark, so that all of it can be killed at once.
"""

import os
import secrets
import signal
import subprocess
import sys
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from engine.local.reaper import marked
from tests.command_line import CHECKOUT
from tests.processes import alive, command_lines, wait_for
from tests.ray_head import MARK, START_S, Head, nodes_environment, ray_head

PROGRAM = Path(__file__).with_name("node_program.py")
# A dead node is missed within seconds, not within half a minute; a slow one is not.
WATCHFUL = {
    "RAY_health_check_initial_delay_ms": "1000",
    "RAY_health_check_period_ms": "1000",
    "RAY_health_check_timeout_ms": "5000",
    "RAY_gcs_rpc_server_reconnect_timeout_s": "20",
    # A busy machine starts no agent within Ray's usual patience.
    "RAY_agent_register_timeout_ms": "120000",
}


class Host(ABC):
    """Processes that make up a node."""

    @abstractmethod
    def pids(self) -> set[int]:
        """Its raylet, its workers, and all else that it is made of."""

    def runs(self, what: str) -> bool:
        """Whether a worker of it runs a task or actor of that name now."""
        return any(line.startswith(f"ray::{what}") for line in command_lines(self.pids()).values())


@dataclass
class HeadNode(Host):
    """The head's own."""

    head: Head

    def pids(self) -> set[int]:
        """Without those of a pass that runs beside it."""
        return self.head.pids()


@dataclass
class Node(Host):
    """A node that runs work."""

    process: "subprocess.Popen[bytes]"
    mark: str

    def pids(self) -> set[int]:
        """All that it started."""
        return set(marked(self.mark.encode()))

    def kill(self) -> None:
        """All of it at once; returns when it is gone."""
        kill_all(self.pids)
        self.process.wait()


@dataclass
class Cluster:
    """A head that runs no tasks, and nodes that do."""

    head: Head
    nodes: list[Node] = field(default_factory=list)

    @property
    def environment(self) -> dict[str, str]:
        """What a client needs."""
        loopback = {"RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0"}  # as the nodes: a single machine
        return {**self.head.environment, **WATCHFUL, **loopback, "RAY_ADDRESS": self.head.address}

    def add_node(self, **environment: str) -> Node:
        """One more, of one CPU, that has joined; ``environment`` is its own."""
        mark = f"{MARK}_NODE={secrets.token_hex(8)}"
        started = subprocess.Popen(
            [sys.executable, str(PROGRAM), self.head.address],
            env={
                **nodes_environment(sys.executable),
                **dict([mark.split("=")]),
                **WATCHFUL,
                "RAY_AUTH_TOKEN": self.head.token,
                "RAY_TMPDIR": str(self.head.folder),
                **environment,
            },
            cwd=CHECKOUT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=(self.head.folder / f"{mark.partition('=')[2]}.log").open("wb"),
        )
        self.nodes.append(Node(started, mark))
        assert started.stdout is not None
        # One after the other: a machine that starts several at once may be too slow for Ray's own patience.
        assert started.stdout.readline() == b"joined\n", (
            self.head.folder / f"{mark.partition('=')[2]}.log"
        ).read_text()
        return self.nodes[-1]

    @property
    def the_head(self) -> HeadNode:
        """As a host."""
        return HeadNode(self.head)

    def remove(self, node: Node) -> None:
        """Kill a node, and forget it."""
        node.kill()
        self.nodes.remove(node)

    def kill_head(self) -> None:
        """The head's machine is gone."""
        kill_all(self.head.pids)


def kill_all(pids: Callable[[], set[int]]) -> None:
    """Until none is left: some may just have been born."""
    while left := pids():
        for pid in left:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        wait_for(lambda gone=left: not alive(gone))  # type: ignore[misc]


@contextmanager
def cluster(nodes: int) -> Iterator[Cluster]:
    """A head and so many nodes, for the length of the block."""
    with ray_head(cwd=CHECKOUT, cpus=0, **WATCHFUL) as head:
        made = Cluster(head)
        wait_for(lambda: "--block" in (head.folder / "start.log").read_text(), START_S)
        try:
            for _ in range(nodes):
                made.add_node()
            yield made
        finally:
            for node in made.nodes:
                node.kill()
