"""A pass is started by hand, as a Ray job (B22)."""

from collections.abc import Callable
from math import ceil

from fastapi import APIRouter

from engine.core.errors import CloneError, ConfigError
from engine.edges.mongo import reads
from engine.edges.mongo.client import Store
from engine.gateway.clone_documents import Triggered
from engine.gateway.problems import Problem, documented
from engine.gateway.rate import Rate
from engine.settings import GatewaySettings
from engine.telemetry import Event, emit

Submit = Callable[[], str]
"""Starts a pass; the job's id. Raises CloneError."""


def trigger_routes(store: Store, settings: GatewaySettings, submit: Submit) -> APIRouter:
    """``POST /api/trigger/funnels/funnelClone``: the old system's address."""
    routes = APIRouter(prefix="/api/trigger", tags=["passes"])
    rate = Rate(settings.triggers_per_minute)

    @routes.post("/funnels/funnelClone", status_code=202, responses=documented(401, 404, 409, 429, 503))
    def trigger() -> Triggered:
        """Start a pass now. While one runs there is nothing to start."""
        if not settings.hooks:
            raise Problem(404, "hooks are off (gateway.hooks)")
        wait_s = rate.take()
        if wait_s:
            raise Problem(429, "too many triggers", headers={"Retry-After": str(ceil(wait_s))})
        lease = reads.lease(store)
        if lease is not None and lease["live"]:
            raise Problem(409, "a pass runs already")
        try:
            job_id = submit()
        except ConfigError as error:
            raise Problem(503, f"no pass can be started: {error.key} {error.reason}") from error
        except CloneError as error:
            raise Problem(503, "Ray's job server cannot be reached; no pass was started") from error
        emit(Event.PASS_TRIGGERED, job_id=job_id)
        return Triggered(job_id=job_id)

    return routes
