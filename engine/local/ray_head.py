"""A Ray head with its dashboard and job server, as ``ray start --head`` makes it: on a leash, behind a token.

Other than ``ray_cluster`` it is a server like mongod: whoever starts it does not work in it, and is not ended with it.
Jobs run in it with this engine's Python, and know nothing of the environment of the user who started it.
"""

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from engine.core.errors import ServiceUnreachable
from engine.local.failures import Guide
from engine.local.launch import Command, Leashed
from engine.local.ports import LOOPBACK, free_ports, listens
from engine.local.ray_cluster import Place, place_in, workers_kept
from engine.settings import RaySettings

GUIDE = Guide("ray", "install funnel-clone", "ray.address=…")
PROGRAM = "import sys; from ray.scripts.scripts import main; sys.argv[0] = 'ray'; main()"
READY_WITHIN_S = 120.0
ADDRESS_FILE = "ray_current_cluster"
JOB_STOP_S = "15"
"""What Ray leaves a job that is told to end: a pass gives back what it has in hand."""
PORTS = (
    *("port", "dashboard-port", "dashboard-agent-listen-port", "dashboard-agent-grpc-port", "runtime-env-agent-port"),
    *("metrics-export-port", "ray-client-server-port"),
)


@dataclass(frozen=True, slots=True)
class RayHead:
    """Where the head is."""

    address: str
    job_address: str
    """The dashboard's URL."""
    token: Path
    folder: Path
    log_path: Path
    process: Leashed


@contextmanager
def embedded_ray_head(settings: RaySettings, folder: Path, environment: Mapping[str, str]) -> Iterator[RayHead]:
    """A head for the length of a ``with`` block; its logs and its token stay in ``folder``. One at a time a folder.

    Args:
        settings: CPUs and object store.
        folder: Logs, token and lock.
        environment: What its jobs know: where MongoDB and S3 are, and their keys.

    Raises:
        ServiceUnreachable: It cannot be started.
    """
    with place_in(folder) as place:
        known = {**environment, **_environment(place), **workers_kept(settings)}
        try:
            head = _start(settings, place, known)
        except ServiceUnreachable:
            # Somebody took a port meanwhile, or the machine is so busy that Ray lost its own patience, 30 s, with it.
            head = _start(settings, place, known)
        try:
            yield head
        finally:
            head.process.stop()


def _start(settings: RaySettings, place: Place, environment: Mapping[str, str]) -> RayHead:
    ports = dict(zip(PORTS, free_ports(len(PORTS)), strict=True))
    arguments = arguments_of(settings, ports, place.short)
    command = Command(GUIDE, Path(sys.executable), arguments, place.folder, environment=environment)
    address, dashboard = f"{LOOPBACK}:{ports['port']}", f"http://{LOOPBACK}:{ports['dashboard-port']}"
    process = Leashed(command)
    process.wait_ready(lambda: amiss(place.folder, address, ports), READY_WITHIN_S)
    return RayHead(address, dashboard, place.token, place.folder, command.log_path, process)


def amiss(folder: Path, address: str, ports: Mapping[str, int]) -> str | None:
    """What is not ready yet of the head on these ports; None: it takes jobs."""
    # Ray writes the address down when its node has registered.
    written = folder / ADDRESS_FILE
    if not written.is_file() or written.read_text("utf-8").strip() != address:
        return "no node yet"
    # The agent takes the jobs; without it the job server answers, and refuses them all.
    asked = (ports["dashboard-port"], ports["dashboard-agent-listen-port"])
    return None if all(map(listens, asked)) else "no job server yet"


def arguments_of(settings: RaySettings, ports: Mapping[str, int], folder: Path) -> tuple[str, ...]:
    """What Python runs as a head; ``ports`` by ``PORTS``."""
    options = {
        "node-ip-address": LOOPBACK,
        "dashboard-host": LOOPBACK,
        "min-worker-port": 0,
        "max-worker-port": 0,
        "object-store-memory": settings.object_store_mb * 1024**2,
        "temp-dir": folder,
        **ports,
        **({} if settings.num_cpus is None else {"num-cpus": settings.num_cpus}),
    }
    start = ("-c", PROGRAM, "start", "--head", "--block", "--disable-usage-stats")
    return (*start, *(f"--{name}={value}" for name, value in options.items()))


def _environment(place: Place) -> dict[str, str]:
    wanted = {
        **place.environment,
        # Jobs say `python`: it is to be this one.
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)]),
        "TMPDIR": str(place.short.parent),
        "RAY_TMPDIR": str(place.short),
        "RAY_JOB_STOP_WAIT_TIME_S": JOB_STOP_S,
        "LC_ALL": "C.UTF-8",
    }
    return {name: value for name, value in wanted.items() if value is not None}
