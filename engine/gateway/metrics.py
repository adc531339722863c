"""What Prometheus reads: clients, events, calls, clones by state. Labels are few, and none is an id."""

from collections.abc import Callable, Iterable
from time import monotonic

from fastapi import APIRouter, Response
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from engine.core.errors import CloneError
from engine.gateway.counts import Counts
from engine.gateway.problems import documented

TEXT = "text/plain; version=0.0.4; charset=utf-8"
_PREFIX = "funnel_clone_gateway_"


class Meters:
    """All figures of one gateway."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.calls = Counter(
            f"{_PREFIX}calls", "HTTP calls answered", ["method", "route", "status"], registry=self.registry
        )
        self.call_seconds = Histogram(
            f"{_PREFIX}call_seconds", "How long calls took", ["method", "route"], registry=self.registry
        )
        self.events = Counter(f"{_PREFIX}events", "Notifications heard of", ["event"], registry=self.registry)

    def gauge(self, name: str, meaning: str, read: Callable[[], float]) -> None:
        """A figure that is read when it is asked for."""
        Gauge(f"{_PREFIX}{name}", meaning, registry=self.registry).set_function(read)

    def counted(self, app: ASGIApp) -> ASGIApp:
        """The application, every call of it counted by its route, and not by its path, which holds ids."""

        async def counting(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] != "http":
                await app(scope, receive, send)
                return
            began, status = monotonic(), 500

            async def sending(message: Message) -> None:
                nonlocal status
                if message["type"] == "http.response.start":
                    status = message["status"]
                await send(message)

            try:
                await app(scope, receive, sending)
            finally:
                route = getattr(scope.get("route"), "path", "none")
                method = scope["method"] if scope["method"] in _METHODS else "other"
                self.calls.labels(method, route, status).inc()
                self.call_seconds.labels(method, route).observe(monotonic() - began)

        return counting


_METHODS = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"})


class CloneStates(Collector):
    """How many clones are in which state; nothing while MongoDB is away."""

    def __init__(self, counts: Counts) -> None:
        self._counts = counts

    def collect(self) -> Iterable[Metric]:
        """One family."""
        family = GaugeMetricFamily(f"{_PREFIX}clones", "Clones by state", labels=["state"])
        try:
            for state, count in self._counts.by_state().items():
                family.add_metric([state], count)
        except CloneError:
            return
        yield family


def metrics_routes(meters: Meters, counts: Counts) -> APIRouter:
    """``GET /metrics``."""
    routes = APIRouter(tags=["health"])
    meters.registry.register(CloneStates(counts))
    text = {200: {"content": {"text/plain": {"schema": {"type": "string"}}}, "description": "Prometheus text"}}

    @routes.get("/metrics", response_class=Response, responses={**text, **documented(401)})  # type: ignore[dict-item]
    def metrics() -> Response:
        """All figures of this gateway."""
        return Response(generate_latest(meters.registry), media_type=TEXT)

    return routes
