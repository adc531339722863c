"""A gateway that answers from a script: for what a real one shows seldom, as hundreds of clones or a lost line."""

import asyncio
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from typing import Any

import socketio
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from engine import __version__

CONSOLE = Path(__file__).parents[1] / "engine" / "gateway" / "console"
TOKEN = "operator-token-of-the-tests"
STATES = ("waiting", "cloning", "completed", "failed", "cancelled", "source_deleted", "undoing")
HEADERS = {
    "Content-Security-Policy": "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'",
    "X-Content-Type-Options": "nosniff",
}


class FakeGateway:
    """Clones by id, newest first, as the API tells them; ``details`` holds what a clone's own page adds."""

    def __init__(self) -> None:
        self.clones: dict[str, dict[str, Any]] = {}
        self.details: dict[str, dict[str, Any]] = {}
        self.answers: dict[str, list[tuple[int, dict[str, Any]]]] = {}
        """Path -> answers to give before the usual one, each once."""
        self.calls: list[tuple[str, str, Any]] = []
        """(method, path, body) of every call that changes something."""
        self.connected_with: list[dict[str, Any]] = []
        self.port = 0
        self._loop: Any = None
        self._sockets: Any = None
        self._server: Any = None
        self._thread: Thread | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """On the port that it had before, where it ran before."""
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", self.port))
        self.port = listener.getsockname()[1]
        listener.listen(64)
        self._sockets = socketio.AsyncServer(async_mode="asgi", cors_allowed_origins=[])
        self._sockets.on("connect", self._connect, namespace="/operator")
        app = socketio.ASGIApp(self._sockets, other_asgi_app=self._application())
        config = uvicorn.Config(app, log_level="error", timeout_graceful_shutdown=1, lifespan="off")
        self._server = uvicorn.Server(config)
        self._thread = Thread(target=self._serve, args=(listener,))
        self._thread.start()

    def stop(self) -> None:
        self._server.should_exit = True
        assert self._thread is not None
        self._thread.join()

    def emit(self, event: str, payload: dict[str, Any]) -> None:
        emitting = self._sockets.emit(event, payload, namespace="/operator")
        asyncio.run_coroutine_threadsafe(emitting, self._loop).result(10)

    def _serve(self, listener: socket.socket) -> None:
        with listener, asyncio.Runner() as runner:
            self._loop = runner.get_loop()
            runner.run(self._server.serve(sockets=[listener]))

    async def _connect(self, sid: str, _environ: dict[str, Any], auth: dict[str, Any]) -> None:
        if auth.get("token") != TOKEN:
            raise socketio.exceptions.ConnectionRefusedError("unauthorized")
        self.connected_with.append(auth)
        self._sockets.start_background_task(self._sockets.emit, "caught_up", {"events": 0}, sid, namespace="/operator")

    def _application(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/", lambda _: FileResponse(CONSOLE / "index.html", headers=HEADERS)),
                Mount("/static", StaticFiles(directory=CONSOLE)),
                Route("/api/{path:path}", self._api, methods=["GET", "POST"]),
            ]
        )

    async def _api(self, request: Request) -> Response:
        if request.headers.get("authorization") != f"Bearer {TOKEN}":
            return _problem(401, "no or a wrong operator token")
        path = request.path_params["path"]
        if request.method == "POST":
            body = await request.body()
            self.calls.append(("POST", path, await request.json() if body else None))
        if self.answers.get(path):
            status, document = self.answers[path].pop(0)
            return JSONResponse(document, status)
        return self._usual(path, request)

    def _usual(self, path: str, request: Request) -> Response:
        if path == "session":
            return JSONResponse({"hooks": True, "undo": True, "version": __version__})
        if path == "trigger/funnels/funnelClone":
            return JSONResponse({"job_id": "pass-1"}, 202)
        if path == "clones":
            return JSONResponse(self._page(request))
        if path.startswith("clones/"):
            return self._clone(path.split("/"))
        return JSONResponse({"funnel_id": next(iter(self.clones), "new")}, 201)

    def _page(self, request: Request) -> dict[str, Any]:
        asked = request.query_params
        needle = asked.get("q", "").lower()
        found = [
            clone
            for clone in self.clones.values()
            if asked.get("account", clone["account_id"]) == clone["account_id"]
            and (needle in clone["name"].lower() or needle == clone["funnel_id"])
        ]
        counts = {state: sum(clone["state"] == state for clone in found) for state in STATES}
        listed = [clone for clone in found if asked.get("state", clone["state"]) == clone["state"]]
        start, limit = int(asked.get("cursor", "0")), int(asked["limit"])
        more = str(start + limit) if start + limit < len(listed) else None
        return {"clones": listed[start : start + limit], "next_cursor": more, "counts": counts}

    def _clone(self, parts: list[str]) -> Response:
        clone = self.clones.get(parts[1])
        if clone is None:
            return _problem(404, f"no clone has the id {parts[1]}")
        if len(parts) == 2:
            return JSONResponse(clone | self.details.get(parts[1], NOTHING_MADE))
        clone["state"] = {"retry": "waiting", "cancel": "cancelled"}.get(parts[2], clone["state"])
        if parts[2] == "undo":
            del self.clones[parts[1]]
        return JSONResponse({"funnel_id": parts[1], "state": clone["state"]})


NOTHING_MADE: dict[str, Any] = {
    "steps": [],
    "images": [],
    "forms": [],
    "errors_by_item": [],
    "timings": {"waited_s": None, "cloned_s": None},
    "proof": None,
    "truncated": False,
}


def _problem(status: int, detail: str, **more: Any) -> JSONResponse:
    return JSONResponse({"type": "about:blank", "status": status, "detail": detail, **more}, status)


def a_clone(number: int, state: str = "completed", **more: Any) -> dict[str, Any]:
    """A line of the list; ``more`` takes the place of what it says."""
    done = state == "completed"
    return {
        "funnel_id": f"65f0{number:020x}",
        "name": f"Funnel {number}",
        "account_id": f"acc{number % 3}",
        "original_funnel_id": f"65e0{number:020x}",
        "state": state,
        "steps_done": 4 if done else 0,
        "steps_total": 4 if done else 0,
        "images_done": 9 if done else 0,
        "images_total": 9 if done else 0,
        "errors": [],
        "reason": None,
        "run": 1,
        "attempts": 1,
        "next_try_at": None,
        "started_at": "2026-03-02T09:00:00Z",
        "finished_at": "2026-03-02T09:00:04Z" if done else None,
        "updated_at": "2026-03-02T09:00:04Z",
    } | more


@contextmanager
def fake_gateway() -> Iterator[FakeGateway]:
    fake = FakeGateway()
    fake.start()
    try:
        yield fake
    finally:
        fake.stop()
