"""Arms traps for the cluster's processes, and tells which have sprung."""

import json
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Literal

from engine.crash_points import VARIABLE, Point
from tests.fault.trap import ARMED, DISARMED, FOLDER, SEEN, Armed, Sprung, locked, write_whole
from tests.processes import wait_for

Role = Literal["driver", "worker", "copier"]
_SPRINGS_WITHIN_S = 240.0


@dataclass(frozen=True)
class Trap:
    """One that was armed."""

    folder: Path
    name: str

    def sprung(self) -> list[Sprung]:
        """Whom it caught so far."""
        try:
            trap: Armed = json.loads((self.folder / ARMED / self.name).read_text())
        except FileNotFoundError:
            trap = json.loads((self.folder / DISARMED / self.name).read_text())
        return trap["sprung"]

    def wait(self, times: int = 1) -> Sprung:
        """Until it has caught so many; the last of them."""
        wait_for(lambda: len(self.sprung()) >= times, _SPRINGS_WITHIN_S)
        return self.sprung()[times - 1]

    def disarm(self) -> None:
        """It springs no more; whom it caught until now is known. Safe to repeat."""
        with locked(self.folder), suppress(FileNotFoundError):
            (self.folder / ARMED / self.name).rename(self.folder / DISARMED / self.name)


class Traps:
    """All traps of one cluster; nothing is armed at first."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._numbers = count()
        self._all: list[Trap] = []
        for part in (ARMED, DISARMED):
            (folder / part).mkdir()

    def arm(
        self,
        point: Point | None = None,
        role: Role | None = None,
        *,
        of: object = None,
        after: int = 0,
        times: int = 1,
        same: bool = False,
        send: int = signal.SIGKILL,
    ) -> Trap:
        """A trap at ``point`` (None: any) for processes of ``role``; ``of`` names one id or key, ``same`` the first."""
        trap = Trap(self.folder, f"{next(self._numbers):06}")
        whom = None if of is None else str(of)
        armed = Armed(point=point, role=role, of=whom, after=after, times=times, same=same, signal=int(send), sprung=[])
        write_whole(self.folder, self.folder / ARMED / trap.name, armed)
        self._all.append(trap)
        return trap

    def disarm(self) -> None:
        """All of them."""
        for trap in self._all:
            trap.disarm()

    def sprung(self) -> list[Sprung]:
        """Whom any of them caught, in the order of time."""
        return sorted((caught for trap in self._all for caught in trap.sprung()), key=lambda caught: caught["at"])

    def forget(self) -> None:
        """As at first."""
        self.disarm()
        self._all.clear()
        (self.folder / SEEN).unlink(missing_ok=True)

    def seen(self) -> list[tuple[str, str]]:
        """(role, point) of all that was reached since, armed or not, in the order of time."""
        path = self.folder / SEEN
        pairs = [line.split() for line in path.read_text().splitlines()] if path.exists() else []
        return [(role, point) for role, point in pairs]


@contextmanager
def armable(folder: Path) -> Iterator[Traps]:
    """A Ray that starts within the block obeys the traps; so do all processes that it starts later."""
    wanted = {VARIABLE: "tests.fault.trap", FOLDER: str(folder)}
    assert not wanted.keys() & os.environ.keys(), "a cluster within a cluster"
    os.environ.update(wanted)
    try:
        yield Traps(folder)
    finally:
        for name in wanted:
            del os.environ[name]
