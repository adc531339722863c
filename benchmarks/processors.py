"""Who uses the processors: seconds of each role's processes below this one, sampled while work goes on."""

import os
import threading
from collections import defaultdict
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.processes import command_lines, descendants

EVERY_S = 0.25
TICKS = os.sysconf("SC_CLK_TCK")
# How a command line begins, or what it holds, and whose it is; the first that fits.
ROLES = (
    ("ray::Driver", "driver"),
    ("ray::Copy", "copy actors"),
    ("ray::Meter", "Ray"),
    ("ray::", "workers"),
    ("mongod", "MongoDB"),
    ("weed", "S3"),
    ("raylet", "Ray"),
    ("gcs_server", "Ray"),
    ("ray", "Ray"),
    ("s5cmd", "s5cmd"),
)
OTHERS = "this benchmark and others"


class Processors:
    """Within the block: samples, so that of a process that ends meanwhile a quarter of a second is lost at most."""

    def __init__(self) -> None:
        self._used: dict[int, float] = {}
        self._first: dict[int, float] = {}
        self._role: dict[int, str] = {}
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch)

    def __enter__(self) -> Self:
        self._sample()
        self._first = dict(self._used)
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._ended.set()
        self._thread.join()
        self._sample()

    def seconds(self) -> dict[str, float]:
        """Role -> CPU seconds within the block."""
        found: dict[str, float] = defaultdict(float)
        for pid, used in self._used.items():
            found[self._role[pid]] += used - self._first.get(pid, 0.0)
        return {role: round(seconds, 2) for role, seconds in sorted(found.items())}

    def _watch(self) -> None:
        while not self._ended.wait(EVERY_S):
            self._sample()

    def _sample(self) -> None:
        pids = descendants(os.getpid()) | {os.getpid()}
        for pid, line in command_lines(pids).items():
            used = _used(pid)
            if used is None:
                continue
            self._used[pid] = used
            role = OTHERS if pid == os.getpid() else _role(line)
            # A worker becomes an actor, never the other way: what it was first told is the least.
            if self._role.get(pid) in (None, "workers", "Ray", OTHERS):
                self._role[pid] = role


def _role(line: str) -> str:
    name = Path(line.split(" ", 1)[0]).name if not line.startswith("ray::") else line
    for begin, role in ROLES[:-2]:
        if name.startswith(begin):
            return role
    return next((role for word, role in ROLES[-2:] if word in line), OTHERS)


def _used(pid: int) -> float | None:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
    except OSError:
        return None
    return (int(fields[11]) + int(fields[12])) / TICKS
