"""A door before the real S3: passes requests on as they are, and can answer wrong, hold, or cut instead."""

from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Lock, Thread
from typing import NamedTuple
from urllib.parse import urlsplit

ERROR = '<?xml version="1.0" encoding="UTF-8"?><Error><Code>{}</Code><Message>as ordered</Message></Error>'
_OF_THE_CONNECTION = ("content-length", "transfer-encoding", "connection")


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


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, door: Door, behind: str) -> None:
        super().__init__(("127.0.0.1", 0), _Passage)
        self.door = door
        self.behind = behind


class _Passage(BaseHTTPRequestHandler):
    """One connection of a client."""

    server: _Server
    protocol_version = "HTTP/1.1"

    def _pass(self) -> None:
        door = self.server.door
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        seen = Seen(self.command, self.path, {name.lower(): value for name, value in self.headers.items()})
        fault = door.fault_for(seen)
        if fault is not None:
            self._answer(fault)
            return
        try:
            if self.command == "PUT":
                door.is_open.wait()
            if door.before is not None:
                door.before(seen)
            answer = self._forward(body)
        finally:
            door.passed(seen)
        self._send(*answer)

    def _answer(self, fault: Fault) -> None:
        if fault.status is None:
            self.close_connection = True
            return
        content = ERROR.format(fault.code).encode() if fault.code else b""
        self._send(fault.status, {"Content-Length": str(len(content))}, content)

    def _forward(self, body: bytes) -> tuple[int, dict[str, str], bytes]:
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
        length = answer.headers["Content-Length"] if self.command == "HEAD" else str(len(content))
        return answer.status, {**headers, "Content-Length": length}, content

    def _send(self, status: int, headers: dict[str, str], content: bytes) -> None:
        self.send_response_only(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = _pass  # noqa: N815 - the names that http.server calls

    def log_message(self, *_: object) -> None:
        """Nothing: what came stands in ``seen``."""


@contextmanager
def faulty_door(endpoint_url: str) -> Iterator[Door]:
    """A door on a free port of 127.0.0.1, open and without faults."""
    door = Door()
    door.is_open.set()
    server = _Server(door, urlsplit(endpoint_url).netloc)
    door.endpoint_url = f"http://127.0.0.1:{server.server_port}"
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield door
    finally:
        door.is_open.set()
        server.shutdown()
        thread.join()
        server.server_close()
