"""Joining a Ray that runs already, and following a pass in it."""

import logging
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import ray

from engine.cluster.driver import NAMESPACE, end_driver, start_driver
from engine.cluster.probe import connect
from engine.cluster.report import PassReport, Snapshot
from engine.core.errors import CloneError, ServiceUnreachable
from engine.settings import Settings

FOLLOW_TICK_S = 0.4
PROBE_S = 1.0


def running_address() -> str | None:
    """Where the Ray of this machine answers, as ``ray start --head`` wrote it down; None where none does.

    Ray's own search would also find every other process's private Ray, and wait a minute for one that is gone.
    """
    written = Path(os.environ.get("RAY_TMPDIR", tempfile.gettempdir())) / "ray" / "ray_current_cluster"
    try:
        address = written.read_text().strip()
        connect(address, PROBE_S)
    except (OSError, ValueError):
        return None
    return address


def join(address: str) -> None:
    """Connect to the Ray at ``address``.

    Raises:
        ServiceUnreachable: It does not answer, or refuses the token.
    """
    try:
        ray.init(address, namespace=NAMESPACE, log_to_driver=False, logging_level=logging.ERROR)
    except (ConnectionError, RuntimeError, ValueError, ray.exceptions.RayError) as error:
        raise ServiceUnreachable(f"Ray (ray.address={address}) cannot be joined: {error}") from error


def leave() -> None:
    """Disconnect; a cluster that was joined goes on. Safe to repeat."""
    ray.shutdown()


def run_pass(settings: Settings, *, drain: bool, show: Callable[[Snapshot], None], measured: bool = True) -> PassReport:
    """Run a pass in the Ray that this process is connected to; ``show`` gets its progress twice a second or so.

    Ctrl-C stops the pass: what is in hand is given back, and the report says ``stopped``. ``measured``: what it counts
    is told to the cluster's meter; in a Ray that ends with the pass nobody would read it.

    Raises:
        CloneError: MongoDB is away or refuses.
    """
    driver = start_driver(settings, drain=drain, measured=measured)
    if driver is None:
        return PassReport("refused", refused="another pass of this database runs in this cluster")
    try:
        return _follow(driver, show)
    finally:
        end_driver(driver, settings.mongo)


def _follow(driver: Any, show: Callable[[Snapshot], None]) -> PassReport:
    running = driver.run.remote()
    asked_to_stop = False
    while True:
        try:
            done, _ = ray.wait([running], timeout=FOLLOW_TICK_S)
            if done:
                return _report(running)
            snapshot = _snapshot(driver)
            if snapshot is not None:
                show(snapshot)
        except KeyboardInterrupt:
            if asked_to_stop:
                raise
            asked_to_stop = True
            driver.stop.remote()


def _snapshot(driver: Any) -> Snapshot | None:
    try:
        snapshot: Snapshot | None = ray.get(driver.snapshot.remote())
    except ray.exceptions.RayError:
        return None  # what became of the pass, its report tells
    return snapshot


def _report(running: Any) -> PassReport:
    try:
        report: PassReport = ray.get(running)
    except ray.exceptions.RayTaskError as error:
        if isinstance(error.cause, CloneError):
            raise error.cause from None
        raise
    except ray.exceptions.RayActorError as error:
        raise ServiceUnreachable(
            f"the driver of the pass died: {error}; the next pass goes on where it stood"
        ) from error
    return report
