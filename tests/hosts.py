"""Hosts on this machine: each with a network, a /tmp and a name of its own (Linux namespaces; needs root).

A bridge joins them. What they need of this machine's servers they reach through proxies on the bridge's address.
"""

import os
import secrets
import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from tests import nodes
from tests.command_line import CHECKOUT
from tests.processes import alive, wait_for


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True, text=True)


@dataclass
class Host(nodes.Host):
    """One of them. ``first`` is the first process of its process namespace: all die with it."""

    name: str
    address: str
    first: int

    def start(self, command: Sequence[str], environment: Mapping[str, str], log: Path) -> "subprocess.Popen[bytes]":
        """Start a command there, with its stderr in a file."""
        enter = ["nsenter", f"--target={self.first}", "--net", "--mount", "--uts", "--pid"]
        with log.open("wb") as errors:
            return subprocess.Popen(
                [*enter, *command], env=dict(environment), cwd=CHECKOUT, stdout=subprocess.PIPE, stderr=errors
            )

    def pids(self) -> set[int]:
        """What runs there."""
        found = set()
        for process in Path("/proc").iterdir():
            with suppress(OSError):
                if process.name.isdigit() and (process / "ns/net").readlink() == self._network:
                    found.add(int(process.name))
        return found

    def end(self) -> None:
        """The host is gone, at once."""
        os.kill(self.first, signal.SIGKILL)
        wait_for(lambda: not alive({self.first}))

    @cached_property
    def _network(self) -> Path:
        return Path(f"/proc/{self.first}/ns/net").readlink()


@dataclass
class Network:
    """The bridge, and who is joined to it."""

    bridge: str
    subnet: str
    hosts: list[Host]

    @property
    def address(self) -> str:
        """This machine's own, as the hosts see it."""
        return f"{self.subnet}.1"


@contextmanager
def network(count: int) -> Iterator[Network]:
    """So many hosts, for the length of the block; their subnet is drawn, so that two runs do not meet."""
    assert os.geteuid() == 0, "hosts of our own need root: they are made of network namespaces"
    mark = secrets.token_hex(3)
    made = Network(f"fcb{mark}", f"10.{200 + secrets.randbelow(50)}.{secrets.randbelow(256)}", [])
    with ExitStack() as stack:
        _ip("link", "add", made.bridge, "type", "bridge")
        stack.callback(_ip, "link", "del", made.bridge)
        _ip("addr", "add", f"{made.address}/24", "dev", made.bridge)
        _ip("link", "set", made.bridge, "up")
        for number in range(count):
            made.hosts.append(stack.enter_context(_host(made, f"fc{mark}{number}", f"{made.subnet}.{number + 2}")))
        yield made


@contextmanager
def _host(of: Network, name: str, address: str) -> Iterator[Host]:
    with ExitStack() as stack:
        _ip("netns", "add", name)
        stack.callback(_ip, "netns", "del", name)
        _ip("link", "add", f"{name}o", "type", "veth", "peer", "name", f"{name}i")
        _ip("link", "set", f"{name}o", "master", of.bridge, "up")
        _ip("link", "set", f"{name}i", "netns", name)
        _ip("-n", name, "addr", "add", f"{address}/24", "dev", f"{name}i")
        _ip("-n", name, "link", "set", f"{name}i", "up")
        _ip("-n", name, "link", "set", "lo", "up")
        # Ray knows its own address by asking which one it would use to go out.
        _ip("-n", name, "route", "add", "default", "via", of.address)
        own = ["unshare", "--mount", "--uts", "--pid", "--fork", "--kill-child", "--mount-proc"]
        lives = f"mount -t tmpfs t /tmp && mount -t tmpfs t /dev/shm && hostname {name} && echo up && exec sleep inf"
        keeper = subprocess.Popen(
            ["ip", "netns", "exec", name, *own, "sh", "-c", lives],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        stack.callback(keeper.wait)
        stack.callback(keeper.kill)
        assert keeper.stdout is not None
        assert keeper.stdout.readline() == "up\n", "the host did not come up"
        (first,) = Path(f"/proc/{keeper.pid}/task/{keeper.pid}/children").read_text().split()
        yield Host(name, address, int(first))
