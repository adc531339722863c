"""Runs inside Ray's processes: at a point that a test has armed, sends this process a signal. ``traps`` arms them.

Standard library alone: ``engine.crash_points`` imports it in every process of the cluster.
"""

import fcntl
import json
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypedDict

FOLDER = "FUNNEL_CLONE_TEST_TRAPS"
ARMED, DISARMED, SEEN, LOCK = "armed", "disarmed", "seen", "lock"


class Sprung(TypedDict):
    """A process that was caught."""

    point: str
    role: str
    pid: int
    at: float
    """Seconds since the epoch."""


class Armed(TypedDict):
    """A trap, as it stands in its file."""

    point: str | None
    """None: any."""
    role: str | None
    of: str | None
    """Only where the effect was done to this id or key."""
    same: bool
    """Once it has sprung, ``of`` is what it sprung at: the next process it takes is one that does the same again."""
    after: int
    """So many matching points are let pass first."""
    times: int
    """So many processes it takes."""
    signal: int
    """0 does nothing to the process: it is only told that the point was reached."""
    sprung: list[Sprung]


def reached(point: str, of: Any = None, /) -> None:
    """A point of ``engine.crash_points`` is reached."""
    folder = Path(os.environ[FOLDER])
    who = role()
    with (folder / SEEN).open("a") as seen:  # one write each: lines of several processes do not mix
        seen.write(f"{who} {point}\n")
    for path in sorted((folder / ARMED).iterdir()):
        signal = _sprung(folder, path, point, who, of)
        if signal:
            os.kill(os.getpid(), signal)


def role() -> str:
    """What this process is to a pass: its driver, its copier, or a worker that runs tasks."""
    import ray  # noqa: PLC0415 - Ray's own processes have it already

    context = ray.get_runtime_context()
    if context.get_actor_id() is None:
        return "worker"
    return "driver" if (context.get_actor_name() or "").startswith("driver") else "copier"


def _sprung(folder: Path, path: Path, point: str, who: str, of: Any) -> int:
    """The signal of the trap, if it springs now. Of several processes that reach it at once each counts."""
    with locked(folder):
        try:
            trap: Armed = json.loads(path.read_text())
        except FileNotFoundError:
            return 0  # disarmed meanwhile
        matches = trap["point"] in (None, point) and trap["role"] in (None, who) and trap["of"] in (None, str(of))
        if not matches or trap["times"] <= 0:
            return 0
        springs = trap["after"] <= 0
        trap["times" if springs else "after"] -= 1
        if springs:
            trap["sprung"].append(Sprung(point=point, role=who, pid=os.getpid(), at=time.time()))
            trap["of"] = str(of) if trap["same"] else trap["of"]
        write_whole(folder, path, trap)
        return trap["signal"] if springs else 0


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """One process at a time looks after the traps; the lock of one that dies goes with it."""
    with (folder / LOCK).open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def write_whole(folder: Path, path: Path, trap: Armed) -> None:
    """Whole or not at all: another thread may end this process while we write."""
    written = folder / f"{path.name}-{os.getpid()}-{threading.get_ident()}"
    written.write_text(json.dumps(trap))
    written.rename(path)
