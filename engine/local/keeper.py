"""A process of its own that keeps the embedded servers running after the command that wanted them has ended.

``start_keeper`` runs this module; the keeper starts MongoDB, S3 and Ray, says on a pipe that they are ready or why not,
writes ``running.json`` (``state``) and waits for SIGTERM. It ends its servers before it ends; where it is killed, their
leashes and Ray's reaper end them.
"""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Any, NoReturn

from engine.core.errors import ServiceUnreachable
from engine.local import state
from engine.local.failures import tail
from engine.local.folders import private_folder
from engine.local.gateway_secrets import gateway_secrets
from engine.local.ray_cluster import CHECKOUT, embedded_ray
from engine.local.servers import Servers, embedded_servers
from engine.local.state import Kept
from engine.settings import RaySettings

LOG = "keeper.log"
TOLD_S = 90.0
"""From SIGTERM to SIGKILL: of `up` a job has twenty seconds, then four servers ten each, one after the other."""
TICK_S = 0.05
NOT_ITS_BUSINESS = ("AWS_", "GATEWAY_", "MONGO_", "RAY_", "S3_")
"""Of the variables of whoever starts it: a process that stays must not hold somebody's secrets."""


def start_keeper(folder: Path, ray: RaySettings, settings: Mapping[str, Any]) -> Kept:
    """Start a keeper on ``folder`` and wait until its servers are ready; give back the one that runs already.

    Args:
        folder: Data, logs and state.
        ray: CPUs and object store of the Ray.
        settings: Key -> value: what commands are to be given with the servers' addresses.

    Raises:
        ServiceUnreachable: A server cannot be started; nothing is left running.
    """
    folder = private_folder(folder.absolute())
    running = state.read(folder)
    if running is not None:
        return running
    wanted = json.dumps({"num_cpus": ray.num_cpus, "object_store_mb": ray.object_store_mb, "settings": dict(settings)})
    told, tell = os.pipe()
    with os.fdopen(told) as answers:
        try:
            process = _run(folder, tell, wanted)
        finally:
            os.close(tell)
        try:
            amiss = json.loads(answers.readline() or '"The keeper of the servers ended before they were ready"')
        except BaseException:
            process.terminate()
            process.wait()
            raise
    kept = state.read(folder)
    if amiss is not None or kept is None:
        process.wait()
        raise ServiceUnreachable(amiss or f"The keeper of the servers ended at once{tail(folder / LOG)}")
    # It is to outlive this process, whose business it is no more.
    process.returncode = 0
    return kept


def stop_keeper(folder: Path) -> int | None:
    """End the keeper of ``folder`` and wait until it and its servers are gone. Safe to repeat.

    Returns:
        Its pid; None where none ran.
    """
    kept = state.read(folder)
    if kept is None:
        state.forget(folder)
        return None
    kill_at = time.monotonic() + TOLD_S
    with suppress(ProcessLookupError):
        os.kill(kept.pid, signal.SIGTERM)
        while kept.runs:
            if time.monotonic() > kill_at:
                os.kill(kept.pid, signal.SIGKILL)
            time.sleep(TICK_S)
    return kept.pid


def _run(folder: Path, tell: int, wanted: str) -> "subprocess.Popen[bytes]":
    environment = {name: value for name, value in os.environ.items() if not name.startswith(NOT_ITS_BUSINESS)}
    path = os.pathsep.join(filter(None, [str(CHECKOUT), os.environ.get("PYTHONPATH")]))
    log = os.open(folder / LOG, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        return subprocess.Popen(
            [sys.executable, "-m", __name__, str(folder), str(tell), wanted],
            cwd=folder,
            env={**environment, "PYTHONPATH": path},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            pass_fds=(tell,),
            umask=0o077,
            start_new_session=True,  # neither Ctrl-C nor the end of the terminal ends it
        )
    finally:
        os.close(log)


def main(folder: Path, tell: int, wanted: Mapping[str, Any]) -> None:
    """Start the servers, tell of them, and keep them until SIGTERM."""
    ray = RaySettings(num_cpus=wanted["num_cpus"], object_store_mb=wanted["object_store_mb"])
    with os.fdopen(tell, "w") as answer:
        try:
            with embedded_servers(folder) as servers, embedded_ray(ray, folder / "ray"):
                # Only now: until then SIGTERM ends this process at once, and the leashes see to the rest.
                signal.signal(signal.SIGTERM, _end)
                gateway_secrets(folder)
                state.write(folder, _kept(folder, servers, wanted["settings"]))
                try:
                    answer.write("null\n")
                    answer.close()
                    while True:
                        signal.pause()
                finally:
                    state.forget(folder)
        except ServiceUnreachable as error:
            answer.write(json.dumps(str(error)) + "\n")


def _kept(folder: Path, servers: Servers, more: Mapping[str, Any]) -> Kept:
    ray: Any = import_module("ray")
    return Kept(
        pid=os.getpid(),
        started=state.started_at(os.getpid()) or "",
        ray_token_path=str(folder / "ray" / "token"),
        settings={**more, **settings_of(servers), "ray.address": ray.get_runtime_context().gcs_address},
    )


def settings_of(servers: Servers) -> dict[str, Any]:
    """Key -> value: the settings by which these servers are used. Holds secrets."""
    return {
        "mongo.uri": servers.mongo.uri,
        "s3.endpoint_url": servers.s3.endpoint_url,
        "s3.region": servers.s3.region,
        "s3.bucket": servers.s3.bucket,
        "s3.access_key_id": servers.s3.access_key_id,
        "s3.secret_access_key": servers.s3.secret_access_key,
        "s3.addressing_style": "path",
    }


def _end(*_: object) -> NoReturn:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise SystemExit(0)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), json.loads(sys.argv[3]))
