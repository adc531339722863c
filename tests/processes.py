"""What runs on this machine and where it listens, as /proc tells it."""

import ipaddress
import time
from collections.abc import Callable
from pathlib import Path

LISTEN = "0A"


HANGS_AFTER_S = 120.0
"""There to end a hang, not to measure: on a busy machine everything takes its time."""


def wait_for(condition: Callable[[], bool], within_s: float = HANGS_AFTER_S) -> None:
    """Poll until the condition holds; fail when it never does."""
    give_up_at = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < give_up_at, "the condition never came to hold"
        time.sleep(0.05)


def command_lines(pids: set[int]) -> dict[int, str]:
    """Pid -> command line, words parted by blanks."""
    return {pid: _read(pid, "cmdline").replace("\0", " ") for pid in pids}


def environments(pids: set[int]) -> dict[int, list[str]]:
    """Pid -> ``NAME=value`` as they stand in the process's memory now."""
    return {pid: _read(pid, "environ").split("\0") for pid in pids}


def descendants(root: int) -> set[int]:
    """All processes below ``root``."""
    parents = {int(path.name): _parent(int(path.name)) for path in Path("/proc").iterdir() if path.name.isdigit()}
    below = {root}
    while True:
        more = {pid for pid, parent in parents.items() if parent in below} | below
        if more == below:
            return below - {root}
        below = more


def alive(pids: set[int]) -> set[int]:
    """Those that still run."""
    return {pid for pid in pids if _state(pid) not in ("Z", "")}


def listening_addresses(pids: set[int]) -> dict[str, int]:
    """Address -> number of TCP ports that these processes listen on there."""
    sockets = {inode for pid in pids for inode in _socket_inodes(pid)}
    addresses: dict[str, int] = {}
    for table in ("tcp", "tcp6"):
        for line in Path("/proc/net", table).read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == LISTEN and fields[9] in sockets:
                address = _address(fields[1].partition(":")[0])
                addresses[address] = addresses.get(address, 0) + 1
    return addresses


def _address(text: str) -> str:
    """The kernel prints an address as 32-bit words in the machine's own byte order (little-endian)."""
    words = [bytes.fromhex(text[start : start + 8])[::-1] for start in range(0, len(text), 8)]
    address = ipaddress.ip_address(b"".join(words))
    mapped = getattr(address, "ipv4_mapped", None)
    return str(mapped or address)


def _socket_inodes(pid: int) -> set[str]:
    links = set()
    try:
        for descriptor in Path(f"/proc/{pid}/fd").iterdir():
            target = str(descriptor.readlink())
            if target.startswith("socket:["):
                links.add(target[8:-1])
    except OSError:  # ended while we looked
        return set()
    return links


def _read(pid: int, what: str) -> str:
    try:
        return Path(f"/proc/{pid}/{what}").read_text(errors="replace")
    except OSError:
        return ""


def _state(pid: int) -> str:
    return _read(pid, "stat").rpartition(") ")[2][:1]


def _parent(pid: int) -> int:
    fields = _read(pid, "stat").rpartition(") ")[2].split()
    return int(fields[1]) if fields else 0
