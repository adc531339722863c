"""``GET /healthz`` of the scheduler: 200 where all is well, 503 where it is not, and why as JSON."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

from engine.core.errors import ConfigError
from engine.settings import ScheduleSettings

PATH = "/healthz"
PATIENCE_S = 5.0

Health = Callable[[], tuple[bool, dict[str, Any]]]


@contextmanager
def health_server(settings: ScheduleSettings, health: Health) -> Iterator[str]:
    """Answer for the length of the block; gives the address, as ``http://127.0.0.1:6003/healthz``.

    Raises:
        ConfigError: The host and port cannot be listened on.
    """
    handler = type("Handler", (_Handler,), {"health": staticmethod(health)})
    try:
        server = ThreadingHTTPServer((settings.host, settings.port), handler)
    except OSError as error:
        place = f"{settings.port} on {settings.host}"
        raise ConfigError("schedule.port", f"{place} cannot be listened on ({error.strerror}): name another") from error
    with server:
        Thread(target=server.serve_forever, name="health", daemon=True).start()
        try:
            yield f"http://{settings.host}:{server.server_address[1]}{PATH}"
        finally:
            server.shutdown()


class _Handler(BaseHTTPRequestHandler):
    health: Health
    timeout = PATIENCE_S
    server_version = "funnel-clone"
    sys_version = ""

    def do_GET(self) -> None:
        """Answer."""
        if self.path.partition("?")[0] != PATH:
            self._answer(HTTPStatus.NOT_FOUND, {"error": f"only {PATH} is here"})
            return
        well, document = self.health()
        self._answer(HTTPStatus.OK if well else HTTPStatus.SERVICE_UNAVAILABLE, document)

    def _answer(self, status: HTTPStatus, document: dict[str, Any]) -> None:
        body = json.dumps(document, default=str).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing: a probe comes every few seconds."""
