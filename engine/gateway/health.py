"""MongoDB, S3 and Ray, told apart; asked at most every few seconds, whoever asks us."""

import asyncio
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as TooLate
from threading import Lock
from time import monotonic
from typing import Literal

from fastapi import APIRouter
from fastapi.responses import JSONResponse
from pydantic import BaseModel

from engine.cluster.probe import probe
from engine.core.errors import CloneError

Answer = Literal["ok", "unreachable", "not configured"]
Check = Callable[[], Answer]
KEPT_S = 3.0
WITHIN_S = 4.0


class Health(BaseModel):
    """No names and no addresses: anyone may ask."""

    status: Literal["ok", "degraded", "down"]
    """``down``: without MongoDB, or without its events, there is no gateway. ``degraded``: only clones are not made."""
    mongo: Answer
    events: Answer
    s3: Answer
    ray: Answer


class Checks:
    """Safe in threads. It has its own: calls that hang may have taken all others.

    A check that hangs is not started again before it has ended.
    """

    def __init__(self, checks: Mapping[str, Check]) -> None:
        self._checks = checks
        self._threads = ThreadPoolExecutor(len(checks), "check")
        self._asking = ThreadPoolExecutor(1, "health")
        self._lock = Lock()
        self._running: dict[str, Future[Answer]] = {}
        self._kept: Health | None = None
        self._kept_until = 0.0

    async def answer(self) -> Health:
        """``health``, while the loop goes on."""
        return await asyncio.get_running_loop().run_in_executor(self._asking, self.health)

    def close(self) -> None:
        """Nothing is asked any more; nobody waits for what hangs."""
        for threads in (self._asking, self._threads):
            threads.shutdown(wait=False, cancel_futures=True)

    def health(self) -> Health:
        """As it was a moment ago; comes within seconds, whatever hangs."""
        with self._lock:
            if self._kept is None or monotonic() > self._kept_until:
                self._kept = self._asked()
                self._kept_until = monotonic() + KEPT_S
            return self._kept

    def _asked(self) -> Health:
        for name, check in self._checks.items():
            if name not in self._running:
                self._running[name] = self._threads.submit(_told, check)
        until = monotonic() + WITHIN_S
        found = {name: self._answer(name, until) for name in self._checks}
        alive = found["mongo"] == "ok" and found["events"] == "ok"
        well = "unreachable" not in found.values()
        return Health(status="ok" if well else "degraded" if alive else "down", **found)

    def _answer(self, name: str, until: float) -> Answer:
        try:
            answer = self._running[name].result(max(0.0, until - monotonic()))
        except TooLate:
            return "unreachable"
        del self._running[name]
        return answer


def _told(check: Check) -> Answer:
    try:
        return check()
    except (CloneError, OSError, ValueError):
        return "unreachable"


def answers_at(url: str | None) -> Check:
    """Whether somebody listens there; ``not configured`` where there is no URL."""

    def check() -> Answer:
        if not url:
            return "not configured"
        probe(url, WITHIN_S / 2)
        return "ok"

    return check


def health_routes(checks: Checks) -> APIRouter:
    """``GET /healthz``, for anyone."""
    routes = APIRouter(tags=["health"])
    down = {503: {"model": Health, "description": "MongoDB, or its stream of events, is away"}}

    @routes.get("/healthz", response_model=Health, responses=down)  # type: ignore[arg-type]
    async def healthz() -> JSONResponse:
        """How the gateway is, and what it stands on."""
        health = await checks.answer()
        return JSONResponse(health.model_dump(), 503 if health.status == "down" else 200)

    return routes
