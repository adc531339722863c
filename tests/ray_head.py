"""A Ray head with its job server: as ``ray start --head`` makes it, on free ports of the loopback address alone."""

import os
import secrets
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from engine.local.ports import LOOPBACK, free_ports
from engine.local.ray_head import PORTS, amiss, arguments_of
from engine.local.reaper import marked
from engine.settings import RaySettings
from tests.command_line import without_servers
from tests.processes import alive, wait_for

START_S = 300
MARK = "FUNNEL_CLONE_TEST_HEAD"
TOKEN = secrets.token_hex(16)
"""Of every Ray that this process starts: it may be connected to one while it asks another, and Ray's threads read the
token whenever they call."""


@dataclass(frozen=True)
class Head:
    """A head that runs."""

    address: str
    job_address: str
    token: str
    folder: Path
    mark: str

    @property
    def environment(self) -> dict[str, str]:
        """What a client on the same machine needs; nothing of it tells where MongoDB and S3 are."""
        return {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": self.token, "RAY_API_SERVER_ADDRESS": self.job_address}

    def pids(self) -> set[int]:
        """Every process of it."""
        return set(marked(self.mark.encode()))


@contextmanager
def ray_head(
    python: str = sys.executable, cwd: Path | None = None, cpus: int = 2, **environment: str
) -> Iterator[Head]:
    """A head for the length of the block; ``environment`` is what its nodes know."""
    # Ray's Unix sockets lie deep in the folder, and their address holds 107 bytes only.
    folder = Path(tempfile.mkdtemp(prefix="rh-", dir="/tmp"))
    mark = f"{MARK}={secrets.token_hex(8)}"
    ports = dict(zip(PORTS, free_ports(len(PORTS)), strict=True))
    address = f"{LOOPBACK}:{ports['port']}"
    head = Head(address, f"http://{LOOPBACK}:{ports['dashboard-port']}", TOKEN, folder, mark)
    started = subprocess.Popen(
        [python, *arguments_of(RaySettings(object_store_mb=100), ports, folder), f"--num-cpus={cpus}"],
        env={
            **nodes_environment(python),
            **dict([mark.split("=")]),
            "RAY_AUTH_TOKEN": TOKEN,
            "RAY_TMPDIR": str(folder),
            **environment,
        },
        cwd=cwd or folder,
        stdin=subprocess.DEVNULL,
        stdout=(folder / "start.log").open("wb"),
        stderr=subprocess.STDOUT,
    )
    try:
        wait_for(lambda: amiss(folder, address, ports) is None or started.poll() is not None, START_S)
        assert started.poll() is None, (folder / "start.log").read_text()
        yield head
    finally:
        _end(started, head)


def nodes_environment(python: str) -> Mapping[str, str]:
    """What a node of the cluster knows: nothing of this process's own servers."""
    return {
        **without_servers(),
        # Jobs say `python`.
        "PATH": os.pathsep.join([str(Path(python).parent), os.environ["PATH"]]),
        "RAY_AUTH_MODE": "token",
        "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",  # a single machine: all listen on 127.0.0.1
        "AUTOSCALER_METRIC_PORT": "0",
        "DASHBOARD_METRIC_PORT": "0",
        # A busy machine starts no agent within Ray's usual patience, and a head without its agent ends.
        "RAY_agent_register_timeout_ms": "300000",
        "SPT_NOENV": "1",  # Ray's processes write their titles over their environment else, and so over the mark
    }


def _end(started: subprocess.Popen[bytes], head: Head) -> None:
    """What it started is known by its mark, whoever its parent is by now."""
    started.terminate()
    try:
        started.wait(10)
    except subprocess.TimeoutExpired:
        started.kill()
        started.wait()
    while left := head.pids():
        for pid in left:
            try:
                os.kill(pid, 9)
            except ProcessLookupError:
                continue
        wait_for(lambda gone=left: not alive(gone))  # type: ignore[misc]
    shutil.rmtree(head.folder, ignore_errors=True)
