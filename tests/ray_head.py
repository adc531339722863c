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

from engine.local.ports import LOOPBACK, free_ports, listens
from engine.local.reaper import marked
from tests.processes import alive, wait_for

START_S = 300
MARK = "FUNNEL_CLONE_TEST_HEAD"


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
    token, mark = secrets.token_hex(16), f"{MARK}={secrets.token_hex(8)}"
    port, dashboard, agent, agent_grpc, runtime_env, metrics = free_ports(6)
    head = Head(f"{LOOPBACK}:{port}", f"http://{LOOPBACK}:{dashboard}", token, folder, mark)
    options = {
        "port": port,
        "node-ip-address": LOOPBACK,
        "dashboard-host": LOOPBACK,
        "dashboard-port": dashboard,
        "dashboard-agent-listen-port": agent,
        "dashboard-agent-grpc-port": agent_grpc,
        "runtime-env-agent-port": runtime_env,
        "metrics-export-port": metrics,
        "min-worker-port": 0,
        "max-worker-port": 0,
        "num-cpus": cpus,
        "object-store-memory": 100 * 1024**2,
        "temp-dir": folder,
    }
    program = "from ray.scripts.scripts import main; main()"
    command = [python, "-c", program, "start", "--head", "--block", "--disable-usage-stats"]
    started = subprocess.Popen(
        [*command, *(f"--{name}={value}" for name, value in options.items())],
        env={
            **nodes_environment(python),
            **dict([mark.split("=")]),
            "RAY_AUTH_TOKEN": token,
            "RAY_TMPDIR": str(folder),
            **environment,
        },
        cwd=cwd or folder,
        stdin=subprocess.DEVNULL,
        stdout=(folder / "start.log").open("wb"),
        stderr=subprocess.STDOUT,
    )
    try:
        wait_for(lambda: ready(folder, dashboard, agent) or started.poll() is not None, START_S)
        assert started.poll() is None, (folder / "start.log").read_text()
        yield head
    finally:
        _end(started, head)


def ready(folder: Path, dashboard: int, agent: int) -> bool:
    """Ray writes the address down when its node has registered; without its agent a job server refuses all jobs."""
    return (folder / "ray_current_cluster").is_file() and listens(dashboard) and listens(agent)


def nodes_environment(python: str) -> Mapping[str, str]:
    """What a node of the cluster knows: nothing of this process's own servers."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("RAY_", "AWS_", "MONGO_", "S3_"))}
    return {
        **kept,
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
