"""A Ray of our own: on this machine alone, behind a token, gone when we are.

Ray listens where its node's address says, and takes a loopback address for the machine's outer one unless it is told
that it is a single machine; so told, all of its processes listen on 127.0.0.1. Ray itself ends its processes with the
process that started them, but not all at once: a reaper beside it ends the rest.
"""

import logging
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib import import_module
from math import ceil
from pathlib import Path
from typing import Any

from engine.core.errors import ServiceUnreachable
from engine.local.failures import tail
from engine.local.folders import private_folder, write_private
from engine.local.ports import LOOPBACK
from engine.settings import RaySettings

NAMESPACE = "funnel-clone"
INSTEAD = "ray.address=…"
REAPER = Path(__file__).with_name("reaper.py")
SESSIONS_KEPT = 5
TOO_SLOW = "timed out during startup"
WORKERS_KEPT = "RAY_num_workers_soft_limit"
"""Ray waits 30 s for its own processes, whatever it is told: on a busy machine they need a second try."""
CHECKOUT = Path(__file__).parents[2]
"""The folder that ``engine`` lies in: workers import it from there, installed or not."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a Ray runs, and what its processes are to know of that."""

    folder: Path
    token: Path
    short: Path
    """Another name of the folder, alone in a scratch folder of its own."""
    environment: Mapping[str, str | None]
    """None: not to be set."""


@contextmanager
def place_in(folder: Path) -> Iterator[Place]:
    """The folder made ready for a Ray; what is left of that Ray when the block or this process ends is ended then."""
    folder = private_folder(folder.absolute())
    token = _token_in(folder)
    _forget_old_sessions(folder)
    name, value = "FUNNEL_CLONE_RAY", secrets.token_hex(8)
    short = _short_path(folder)
    # Ray's processes write their titles over their environment else, and so over the mark.
    marked = {name: value, "SPT_NOENV": "1"}
    with _reaper(f"{name}={value}", short.parent):
        yield Place(folder, token, short, {**marked, **behind(token)})


@contextmanager
def embedded_ray(settings: RaySettings, folder: Path) -> Iterator[None]:
    """A Ray for the length of a ``with`` block, with this process connected to it; its logs stay in ``folder``.

    One at a time in a process, entered in a thread that lives as long as the block: the kernel kills Ray's processes
    when the thread that started them ends. Several processes may use one folder.

    Raises:
        ServiceUnreachable: It cannot be started.
    """
    with place_in(folder) as place, _environment({**place.environment, **workers_kept(settings)}):
        import ray  # noqa: PLC0415 - takes a second, and reads the environment

        if ray.is_initialized():
            raise ServiceUnreachable("This process works in a Ray already: end that one first")
        try:
            _start(ray, settings, place.short)
            yield
        finally:
            ray.shutdown()


def workers_kept(settings: RaySettings) -> Mapping[str, str]:
    """What lets Ray keep as many idle workers as pages can be worked on at once; another number given wins.

    It keeps one a CPU else, of which a page takes a part, and ends the others a second after they were last used: a
    pass would start workers, a second of a CPU each, all the time.
    """
    cpus = settings.num_cpus or os.cpu_count() or 1
    return {WORKERS_KEPT: os.environ.get(WORKERS_KEPT) or str(ceil(cpus / settings.task_cpus))}


def _start(ray: Any, settings: RaySettings, folder: Path) -> None:
    try:
        try:
            _init(ray, settings, folder)
        except Exception as error:
            if TOO_SLOW not in str(error):
                raise
            _init(ray, settings, folder)
    except Exception as error:  # Ray raises whatever comes up
        logs = folder.resolve() / "session_latest" / "logs"
        said = "".join(tail(logs / name) for name in ("gcs_server.err", "raylet.err", "raylet.out"))
        raise ServiceUnreachable(
            f"Ray did not start ({error}): see its logs in {logs}, or name one that runs with {INSTEAD}{said}"
        ) from error


def _init(ray: Any, settings: RaySettings, folder: Path) -> None:
    ray.init(
        address="local",
        namespace=NAMESPACE,
        num_cpus=settings.num_cpus,
        object_store_memory=settings.object_store_mb * 1024**2,
        include_dashboard=False,
        log_to_driver=False,
        logging_level=logging.ERROR,
        _node_ip_address=LOOPBACK,
        _temp_dir=str(folder),
    )


@contextmanager
def _reaper(mark: str, scratch: Path) -> Iterator[None]:
    """End what is left of this Ray, and remove ``scratch``, after the block or when this process is gone."""
    tether, hold = os.pipe()
    try:
        process = subprocess.Popen(
            [sys.executable, "-I", str(REAPER), str(tether), mark, str(scratch)],
            stdin=subprocess.DEVNULL,
            pass_fds=(tether,),
            # Ctrl-C goes to the whole terminal: the reaper has its work to do then.
            start_new_session=True,
        )
    except BaseException:
        os.close(hold)
        raise
    finally:
        os.close(tether)
    try:
        yield
    finally:
        os.close(hold)
        process.wait()


@contextmanager
def token_of(token: Path) -> Iterator[None]:
    """For the length of the block this process, and those it starts, can join the Ray that ``token`` guards."""
    with _environment(behind(token)):
        yield


def _token_in(folder: Path) -> Path:
    """The file with the token of the folder's Ray, made on the first start."""
    token = folder / "token"
    if not token.is_file():
        write_private(token, secrets.token_hex(32))
    return token


def behind(token: Path) -> Mapping[str, str | None]:
    """What puts a Ray, and whoever joins it, behind the token and on this machine alone; None: not to be set."""
    return {
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN_PATH": str(token),
        "RAY_AUTH_TOKEN": None,
        "RAY_USAGE_STATS_ENABLED": "0",
        "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",  # a single machine: all listen on 127.0.0.1
        "RAY_ADDRESS": None,
        # Ports that every Ray takes for its figures: two Rays would meet there.
        "AUTOSCALER_METRIC_PORT": "0",
        "DASHBOARD_METRIC_PORT": "0",
        "PYTHONPATH": os.pathsep.join(filter(None, [str(CHECKOUT), os.environ.get("PYTHONPATH")])),
    }


@contextmanager
def _environment(wanted: Mapping[str, str | None]) -> Iterator[None]:
    """Ray's settings, for this process and those it starts; what stood there before comes back."""
    before = {name: os.environ.get(name) for name in wanted}
    _set(wanted)
    _read_again()
    try:
        yield
    finally:
        _set(before)
        _read_again()


def _set(variables: Mapping[str, str | None]) -> None:
    for name, value in variables.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value


def _read_again() -> None:
    """Let Ray, which may have been imported long ago, read the environment again."""
    constants: Any = import_module("ray._private.ray_constants")
    raylet: Any = import_module("ray._raylet")
    constants.ENABLE_RAY_CLUSTER = os.environ.get(constants.ENABLE_RAY_CLUSTERS_ENV_VAR) != "0"
    raylet.Config.initialize("")
    raylet.AuthenticationTokenLoader.instance().reset_cache()


def _short_path(folder: Path) -> Path:
    """A short name for the folder: Ray's Unix sockets lie deep in it, and their address holds 107 bytes only."""
    shortest = min(tempfile.gettempdir(), "/tmp", key=len)  # noqa: S108 - mkdtemp makes a private folder in it
    link = Path(tempfile.mkdtemp(prefix="ray-", dir=shortest)) / "r"
    link.symlink_to(folder)
    return link


def _forget_old_sessions(folder: Path) -> None:
    """Keep the logs of the last sessions: a pass every five minutes would fill the disk with them."""
    sessions = sorted((path for path in folder.glob("session_2*") if path.is_dir()), key=lambda path: path.name)
    for session in sessions[:-SESSIONS_KEPT]:
        started_by = session.name.rpartition("_")[2]
        with suppress(OSError):
            if not Path("/proc", started_by).exists():
                shutil.rmtree(session)
