"""A door before a real S3 that answers as stores, proxies and networks do on their worst days."""

import socket
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Event, Lock
from typing import Literal, NamedTuple

from tests.s3_passage import ERROR, Answer, Passage, passage_to

_RESET = struct.pack("ii", 1, 0)


class Request(NamedTuple):
    """What came: for a copy, ``source`` is the original's bucket and key, as the client wrote them."""

    method: str
    target: str
    source: str


class Blow(NamedTuple):
    """An answer in place of the store's own."""

    status: int = 200
    code: str = ""
    how: Literal["whole", "half", "cut", "reset", "held", "spaces first"] = "whole"
    """Whole; half of it, then the end; none, then the end or a reset; none until ``let_go``; spaces before it."""
    carried_out: bool = False
    """The store does as asked; only the answer is this one, or, without status and code, half of its own."""

    def __str__(self) -> str:
        told = f"{self.status} {self.code}".strip() if (self.status, self.code) != (200, "") else "its answer"
        return f"{'done, but ' * self.carried_out}{told}{'' if self.how == 'whole' else f' {self.how}'}"


@dataclass
class S3Door:
    """What comes through, and whom it strikes."""

    endpoint_url: str = ""
    strike: Callable[[Request], Blow | None] = lambda _: None
    """Asked for each request, one at a time."""
    seen: list[Request] = field(default_factory=list)
    blows: int = 0
    let_go: Event = field(default_factory=Event)
    lock: Lock = field(default_factory=Lock)

    def blow_for(self, request: Request) -> Blow | None:
        with self.lock:
            self.seen.append(request)
            blow = self.strike(request)
            self.blows += blow is not None
            return blow

    def copies(self) -> list[Request]:
        with self.lock:
            return [request for request in self.seen if request.source]


@contextmanager
def s3_door(endpoint_url: str) -> Iterator[S3Door]:
    """A door on a free port of 127.0.0.1 that passes everything on."""
    door = S3Door()

    class Through(Passage):
        """Past this door."""

        def answer(self, body: bytes) -> None:
            source = self.headers.get("x-amz-copy-source", "")
            blow = door.blow_for(Request(self.command, self.path, source))
            if blow is None:
                self.send(*self.forward(body))
                return
            answer: Answer | None = self.forward(body) if blow.carried_out else None
            if answer is None or (blow.status, blow.code) != (200, ""):
                text = ERROR.format(blow.code) if blow.code else ""
                answer = blow.status, {}, (" " * 64 * (blow.how == "spaces first") + text).encode()
            self._strike(blow, answer)

        def _strike(self, blow: Blow, answer: Answer) -> None:
            if blow.how == "held":
                door.let_go.wait()
            if blow.how in ("held", "cut"):
                self.close_connection = True
            elif blow.how == "reset":
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
                self.connection.close()
                self.close_connection = True
            else:
                self.send(*answer, half=blow.how == "half")

    with passage_to(endpoint_url, Through) as door.endpoint_url:
        try:
            yield door
        finally:
            door.let_go.set()
