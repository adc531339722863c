"""A door before the real S3: passes requests on as they are, and can answer wrong, hold, or cut instead."""

from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Event, Lock
from typing import NamedTuple

from engine.core.backpressure import MOST_PATIENCE
from tests.s3_passage import ERROR, Passage, passage_to

MORE_THAN_BORNE = int(MOST_PATIENCE) + 1
"""Refusals in a row after which a copy actor asks for less."""


class Seen(NamedTuple):
    """A request that came."""

    method: str
    target: str
    headers: dict[str, str]


class Fault(NamedTuple):
    """An answer in place of the server's; status None cuts the connection."""

    status: int | None
    code: str = ""
    target_has: str = ""


@dataclass
class Door:
    """What comes through, and what shall happen to it."""

    endpoint_url: str = ""
    seen: list[Seen] = field(default_factory=list)
    faults: deque[Fault] = field(default_factory=deque)
    """For the next PUTs, one each; PUTs whose target lacks ``target_has`` pass."""
    before: Callable[[Seen], None] | None = None
    """Called before a request is passed on."""
    is_open: Event = field(default_factory=Event)
    """While it is not set, PUTs wait."""
    takes: int | None = None
    """PUTs at once; what is more is answered with SlowDown."""
    under_way: int = 0
    """PUTs that are held or passed on."""
    lock: Lock = field(default_factory=Lock)

    def puts(self) -> list[Seen]:
        with self.lock:
            return [seen for seen in self.seen if seen.method == "PUT"]

    def fault_for(self, seen: Seen) -> Fault | None:
        with self.lock:
            self.seen.append(seen)
            if seen.method == "PUT" and self.faults and self.faults[0].target_has in seen.target:
                return self.faults.popleft()
            if seen.method == "PUT" and self.takes is not None and self.under_way >= self.takes:
                return Fault(503, "SlowDown")
            self.under_way += seen.method == "PUT"
        return None

    def passed(self, seen: Seen) -> None:
        with self.lock:
            self.under_way -= seen.method == "PUT"


@contextmanager
def faulty_door(endpoint_url: str) -> Iterator[Door]:
    """A door on a free port of 127.0.0.1, open and without faults."""
    door = Door()
    door.is_open.set()

    class Through(Passage):
        """Past this door."""

        def answer(self, body: bytes) -> None:
            seen = Seen(self.command, self.path, {name.lower(): value for name, value in self.headers.items()})
            fault = door.fault_for(seen)
            if fault is not None:
                self._fail(fault)
                return
            try:
                if self.command == "PUT":
                    door.is_open.wait()
                if door.before is not None:
                    door.before(seen)
                answer = self.forward(body)
            finally:
                door.passed(seen)
            self.send(*answer)

        def _fail(self, fault: Fault) -> None:
            if fault.status is None:
                self.close_connection = True
                return
            self.send(fault.status, {}, ERROR.format(fault.code).encode() if fault.code else b"")

    with passage_to(endpoint_url, Through) as door.endpoint_url:
        try:
            yield door
        finally:
            door.is_open.set()
