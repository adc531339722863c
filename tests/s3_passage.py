"""The way through a door before a real S3: requests are passed on as they are, answers come back as they are."""

from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.parse import urlsplit

ERROR = '<?xml version="1.0" encoding="UTF-8"?><Error><Code>{}</Code><Message>as ordered</Message></Error>'
_OF_THE_CONNECTION = ("content-length", "transfer-encoding", "connection")

Answer = tuple[int, dict[str, str], bytes]
"""Status, headers, body."""


class Server(ThreadingHTTPServer):
    """Listens for the door that it was made for."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, passage: type["Passage"], behind: str) -> None:
        super().__init__(("127.0.0.1", 0), passage)
        self.behind = behind


class Passage(BaseHTTPRequestHandler):
    """One connection of a client."""

    server: Server
    protocol_version = "HTTP/1.1"

    def answer(self, body: bytes) -> None:
        """Answer one request; a door says how."""
        self.send(*self.forward(body))

    def forward(self, body: bytes) -> Answer:
        """What the store answers."""
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

    def send(self, status: int, headers: dict[str, str], content: bytes, *, half: bool = False) -> None:
        """``half``: of the body, then the end."""
        self.send_response_only(status)
        for name, value in {"Content-Length": str(len(content)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content[: len(content) // 2] if half else content)
        self.close_connection = self.close_connection or half

    def _pass(self) -> None:
        self.answer(self.rfile.read(int(self.headers.get("Content-Length") or 0)))

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
        """Nothing: what came stands in the door's ``seen``."""


@contextmanager
def passage_to(endpoint_url: str, passage: type[Passage]) -> Iterator[str]:
    """The address, on a free port of 127.0.0.1, of a way to the store behind."""
    server = Server(passage, urlsplit(endpoint_url).netloc)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
