"""MongoDB, S3, a Ray head and the gateway, started for ``up`` and ended with it: one stack a folder, known to all."""

import fcntl
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine.core.errors import ConfigError
from engine.local import state
from engine.local.folders import private_folder
from engine.local.gateway import Gateway, embedded_gateway
from engine.local.keeper import settings_of
from engine.local.ray_cluster import behind
from engine.local.ray_head import RayHead, embedded_ray_head
from engine.local.servers import Servers, embedded_servers
from engine.local.state import Kept
from engine.settings import RaySettings

LOCK = "up.lock"
OWN_KEYS = (
    *("mongo.uri", "s3.endpoint_url", "s3.region", "s3.bucket", "s3.access_key_id", "s3.secret_access_key"),
    *("s3.addressing_style", "ray.address", "ray.job_address", "schedule.enabled"),
)
"""What a stack sets itself."""
VARIABLES = {
    "mongo.uri": "MONGO_URI",
    "s3.endpoint_url": "AWS_ENDPOINT_URL_S3",
    "s3.region": "AWS_REGION",
    "s3.bucket": "S3_BUCKET",
    "s3.access_key_id": "AWS_ACCESS_KEY_ID",
    "s3.secret_access_key": "AWS_SECRET_ACCESS_KEY",
}
"""Key -> what a job takes it from, as on any cluster: its command line shows in Ray's dashboard."""


@dataclass(frozen=True, slots=True)
class Part:
    """One server of the stack, for people to see."""

    name: str
    address: str
    pid: int
    folder: str
    log: str


@dataclass(frozen=True, slots=True)
class Stack:
    """All servers, ready."""

    servers: Servers
    head: RayHead
    gateway: Gateway
    settings: Mapping[str, Any]
    """Key -> value: by which the servers are used. Holds secrets."""

    def parts(self) -> list[Part]:
        """What runs where; no secrets."""
        mongo, s3, head, gateway = self.servers.mongo, self.servers.s3, self.head, self.gateway
        rows = (
            ("MongoDB", mongo.uri, self.servers.mongo_process, mongo.folder, mongo.log_path),
            ("S3", f"{s3.endpoint_url}/{s3.bucket}", self.servers.s3_process, s3.folder, s3.log_path),
            ("Ray", head.address, head.process, head.folder, head.log_path),
            ("Gateway", gateway.url, gateway.process, gateway.folder, gateway.log_path),
        )
        return [Part(name, at, process.pid, str(folder), str(log)) for name, at, process, folder, log in rows]

    def require(self) -> None:
        """Do nothing while all of them run.

        Raises:
            ServiceUnreachable: One has ended; names it and the end of its log.
        """
        processes = (self.servers.mongo_process, self.servers.s3_process, self.head.process, self.gateway.process)
        for process in processes:
            process.require()


@contextmanager
def embedded_stack(
    folder: Path, ray: RaySettings, jobs: Mapping[str, str], gateway: Sequence[str] = ()
) -> Iterator[Stack]:
    """The stack for the length of the block; other commands find it by ``running.json`` meanwhile.

    Args:
        folder: Data, logs and state.
        ray: CPUs and object store of the Ray.
        jobs: What its jobs know by their environment, beside the servers; the gateway knows it, too.
        gateway: ``gateway.…=value``, without secrets.

    Raises:
        ConfigError: Something runs on the folder already; says whose process it is.
        ServiceUnreachable: A server cannot be started; the others are ended.
    """
    folder = private_folder(folder.absolute())
    with ExitStack() as stack:
        stack.enter_context(_alone(folder))
        servers = stack.enter_context(embedded_servers(folder))
        own = settings_of(servers)
        known = {**jobs, **{variable: own[key] for key, variable in VARIABLES.items()}}
        head = stack.enter_context(embedded_ray_head(ray, folder / "ray", known))
        settings = {**own, "ray.address": head.address, "ray.job_address": head.job_address}
        told = {**known, **_of_ray(head)}
        serves = stack.enter_context(embedded_gateway(folder, told, gateway))
        mine = os.getpid()
        state.write(folder, Kept(mine, state.started_at(mine) or "", str(head.token), settings))
        try:
            yield Stack(servers, head, serves, settings)
        finally:
            # Before the servers end: a command must not find what is about to go.
            state.forget(folder)


def _of_ray(head: RayHead) -> Mapping[str, str]:
    """What a client of the head needs to know."""
    guard = {name: value for name, value in behind(head.token).items() if value is not None}
    return {**guard, "RAY_ADDRESS": head.address, "RAY_API_SERVER_ADDRESS": head.job_address}


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """The folder's lock: of two that start at once, the second is told of the first, though neither is ready."""
    with os.fdopen(os.open(folder / LOCK, os.O_RDWR | os.O_CREAT, 0o600), "r+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise _taken(lock.read().strip()) from None
        kept = state.read(folder)
        if kept is not None:
            raise _taken(str(kept.pid))
        lock.truncate()
        lock.write(f"{os.getpid()}\n")
        lock.flush()
        yield


def _taken(pid: str) -> ConfigError:
    whose = f"is in use by pid {pid or 'unknown'}"
    return ConfigError("local.data_dir", f"{whose}: end it with `funnel-clone down`, or name another folder")
