"""A door before a real mongod: passes messages on as they are, and can lose the answer to one of them.

What the server's own fail points cannot do: the command is carried out, and nobody hears of it.
"""

import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

_HEADER = struct.Struct("<iiii")
"""Length, request id, the id that it answers, kind: before every message."""


class MongoDoor:
    """Listens on a free port of 127.0.0.1."""

    def __init__(self, port: int) -> None:
        self._behind = ("127.0.0.1", port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._lost: set[int] = set()
        self.lost = 0
        """Answers that were kept back."""
        self.is_open = threading.Event()
        """While it is not set, nothing passes, and no connection is cut."""
        self.is_open.set()
        threading.Thread(target=self._serve, daemon=True).start()

    @property
    def uri(self) -> str:
        """Directly: the set would tell its clients the way round the door.

        A client that was told of a shutdown waits for the server's next sign of life; one that only plays dead gives
        none for ten seconds, unless it is asked.
        """
        asks = "serverMonitoringMode=poll&heartbeatFrequencyMS=500"
        return f"mongodb://127.0.0.1:{self._listener.getsockname()[1]}/?directConnection=true&{asks}"

    def lose_answer(self, request_id: int) -> None:
        """Cut the connection where the answer to ``request_id`` comes back."""
        self._lost.add(request_id)

    def close(self) -> None:
        self._listener.close()

    def _serve(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
                far = socket.create_connection(self._behind)
            except OSError:
                return
            for source, target in ((near, far), (far, near)):
                threading.Thread(target=self._pass, args=(source, target), daemon=True).start()

    def _pass(self, source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while (message := _message(source)) is not None:
                self.is_open.wait()
                answers = _HEADER.unpack_from(message)[2]
                if answers in self._lost:
                    self._lost.discard(answers)
                    self.lost += 1
                    break
                target.sendall(message)
        for end in (source, target):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()


def _message(source: socket.socket) -> bytes | None:
    """The next whole message; None where the other side has closed."""
    head = _exactly(source, _HEADER.size)
    if head is None:
        return None
    rest = _exactly(source, _HEADER.unpack(head)[0] - _HEADER.size)
    return None if rest is None else head + rest


def _exactly(source: socket.socket, size: int) -> bytes | None:
    parts = bytearray()
    while len(parts) < size:
        part = source.recv(size - len(parts))
        if not part:
            return None
        parts += part
    return bytes(parts)


@contextmanager
def mongo_door(port: int) -> Iterator[MongoDoor]:
    """A door before the mongod on ``port``."""
    door = MongoDoor(port)
    try:
        yield door
    finally:
        door.is_open.set()
        door.close()
