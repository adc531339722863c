"""A door before a real S3 that answers as stores, proxies and networks do on their worst days."""

import socket
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Lock, Thread
from typing import Literal, NamedTuple
from urllib.parse import urlsplit

ERROR = '<?xml version="1.0" encoding="UTF-8"?><Error><Code>{}</Code><Message>as ordered</Message></Error>'
_OF_THE_CONNECTION = ("content-length", "transfer-encoding", "connection")
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


Answer = tuple[int, dict[str, str], bytes]


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, door: S3Door, behind: str) -> None:
        super().__init__(("127.0.0.1", 0), _Passage)
        self.door = door
        self.behind = behind


class _Passage(BaseHTTPRequestHandler):
    """One connection of a client."""

    server: _Server
    protocol_version = "HTTP/1.1"

    def _pass(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        source = self.headers.get("x-amz-copy-source", "")
        blow = self.server.door.blow_for(Request(self.command, self.path, source))
        if blow is None:
            self._send(*self._forward(body))
            return
        answer: Answer | None = self._forward(body) if blow.carried_out else None
        if answer is None or (blow.status, blow.code) != (200, ""):
            text = ERROR.format(blow.code) if blow.code else ""
            answer = blow.status, {}, (" " * 64 * (blow.how == "spaces first") + text).encode()
        self._answer(blow, answer)

    def _answer(self, blow: Blow, answer: Answer) -> None:
        if blow.how == "held":
            self.server.door.let_go.wait()
        if blow.how in ("held", "cut"):
            self.close_connection = True
        elif blow.how == "reset":
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            self.connection.close()
            self.close_connection = True
        else:
            self._send(*answer, half=blow.how == "half")

    def _forward(self, body: bytes) -> Answer:
        server = HTTPConnection(self.server.behind)
        # Host stays the door's: it is part of what the client signed.
        server.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
        for name, value in self.headers.items():
            server.putheader(name, value)
        server.endheaders(body)
        answer = server.getresponse()
        content = answer.read()
        server.close()
        headers = {name: value for name, value in answer.headers.items() if name.lower() not in _OF_THE_CONNECTION}
        if self.command == "HEAD":
            headers["Content-Length"] = answer.headers["Content-Length"]
        return answer.status, headers, content

    def _send(self, status: int, headers: dict[str, str], content: bytes, *, half: bool = False) -> None:
        self.send_response_only(status)
        for name, value in {"Content-Length": str(len(content)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content[: len(content) // 2] if half else content)
        self.close_connection = self.close_connection or half

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = _pass  # noqa: N815 - the names that http.server calls

    def handle(self) -> None:
        try:
            super().handle()
        except OSError:
            self.close_connection = True  # the client gave up, or was cut off

    def finish(self) -> None:
        if self.connection.fileno() >= 0:
            super().finish()

    def log_message(self, *_: object) -> None:
        """Nothing: what came stands in ``seen``."""


@contextmanager
def s3_door(endpoint_url: str) -> Iterator[S3Door]:
    """A door on a free port of 127.0.0.1 that passes everything on."""
    door = S3Door()
    server = _Server(door, urlsplit(endpoint_url).netloc)
    door.endpoint_url = f"http://127.0.0.1:{server.server_port}"
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield door
    finally:
        door.let_go.set()
        server.shutdown()
        thread.join()
        server.server_close()
