"""Runs inside Ray's processes: at a point that a test has armed, sends this process a signal. ``traps`` arms them.

Standard library alone: ``engine.crash_points`` imports it in every process of the cluster.
"""

import fcntl
import json
import os
import time
from pathlib import Path
from typing import Any, TypedDict

FOLDER = "FUNNEL_CLONE_TEST_TRAPS"
ARMED, FIRED, SEEN = "armed", "fired", "seen"


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


def reached(point: str, of: Any = None, /) -> None:
    """A point of ``engine.crash_points`` is reached."""
    folder = Path(os.environ[FOLDER])
    who = role()
    _see(folder / SEEN, f"{who} {point}\n")
    for name in sorted(path.name for path in (folder / ARMED).iterdir()):
        signal = _sprung(folder, name, point, who, of)
        if signal:
            os.kill(os.getpid(), signal)


def role() -> str:
    """What this process is to a pass: its driver, its copier, or a worker that runs tasks."""
    import ray  # noqa: PLC0415 - Ray's own processes have it already

    context = ray.get_runtime_context()
    if context.get_actor_id() is None:
        return "worker"
    return "driver" if (context.get_actor_name() or "").startswith("driver") else "copier"


def _sprung(folder: Path, name: str, point: str, who: str, of: Any) -> int:
    """The signal of the trap, if it springs now. Of several processes that reach it at once each counts."""
    try:
        file = (folder / ARMED / name).open("r+")
    except FileNotFoundError:
        return 0
    with file:
        fcntl.flock(file, fcntl.LOCK_EX)
        trap: Armed = json.loads(file.read())
        matches = trap["point"] in (None, point) and trap["role"] in (None, who) and trap["of"] in (None, str(of))
        if not matches or trap["times"] <= 0:
            return 0
        springs = trap["after"] <= 0
        trap["times" if springs else "after"] -= 1
        if springs:
            if trap["same"]:
                trap["of"] = str(of)
            told = {"point": point, "role": who, "pid": os.getpid(), "at": time.time()}
            _see(folder / FIRED / name, json.dumps(told) + "\n")
        file.seek(0)
        file.truncate()
        file.write(json.dumps(trap))
        file.flush()
        return trap["signal"] if springs else 0


def _see(path: Path, line: str) -> None:
    """One write each: lines of several processes do not mix."""
    with path.open("a") as file:
        file.write(line)
