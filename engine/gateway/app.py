"""All calls and sockets put together into one ASGI application."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

import socketio
from fastapi import APIRouter, Depends, FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp

from engine import __version__
from engine.edges.mongo.client import Store
from engine.gateway.actions import action_routes
from engine.gateway.asking import asking_routes
from engine.gateway.auth import is_operator
from engine.gateway.clone_documents import Session
from engine.gateway.clones import clone_routes
from engine.gateway.console import add_console
from engine.gateway.counts import Counts
from engine.gateway.health import Checks, health_routes
from engine.gateway.limits import InTime, Limited
from engine.gateway.metrics import Meters, metrics_routes
from engine.gateway.needs import Needs
from engine.gateway.problems import SCHEMA, Problem, documented, tell_all
from engine.gateway.sockets import Server
from engine.gateway.trigger import trigger_routes
from engine.gateway.undoing import Undoing
from engine.settings import GatewaySettings

SOCKETS = "/socket.io"
DESCRIPTION = (
    "Clones of funnels: asked for, watched, cancelled, retried, undone. Errors are problem documents (RFC 9457)."
)

_bearer = HTTPBearer(auto_error=False, scheme_name="operator", description="gateway.operator_token")


@dataclass(frozen=True)
class Calls:
    """What the calls work with."""

    store: Store
    needs: Needs
    checks: Checks
    meters: Meters
    counts: Counts
    undoing: Undoing


def http(calls: Calls) -> FastAPI:
    """All calls. No pages of documentation: they would come from elsewhere; the document itself is for operators."""
    app = FastAPI(
        title="funnel-clone gateway",
        version=__version__,
        description=DESCRIPTION,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        redirect_slashes=False,
    )
    tell_all(app)
    needs, settings, counts = calls.needs, calls.needs.gateway, calls.counts
    app.include_router(health_routes(calls.checks))
    operators = [Depends(_operators_alone(settings))]
    for routes in (
        clone_routes(calls.store, counts),
        asking_routes(calls.store, needs.scan.cross_account),
        action_routes(calls.store, needs.scan, needs.steps, calls.undoing),
        trigger_routes(calls.store, settings, needs.submit),
        metrics_routes(calls.meters, counts),
        _session_routes(settings, app, undo=calls.undoing.offered),
    ):
        app.include_router(routes, dependencies=operators)
    add_console(app)
    app.add_middleware(InTime)
    if settings.origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=settings.origins,
            allow_methods=["GET", "POST"],
            allow_headers=["Authorization", "Content-Type", "Idempotency-Key"],
        )
    app.openapi = lambda: _document(app)  # type: ignore[method-assign]
    return app


def whole(calls: ASGIApp, sio: Server) -> ASGIApp:
    """Calls and sockets behind one address."""
    return Limited(socketio.ASGIApp(sio, calls, socketio_path=SOCKETS))


def _operators_alone(settings: GatewaySettings) -> Callable[..., Awaitable[None]]:
    async def check(given: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]) -> None:
        if given is None or not is_operator(given.credentials, settings):
            raise Problem(401, "the operator token is needed", headers={"WWW-Authenticate": "Bearer"})

    return check


def _session_routes(settings: GatewaySettings, app: FastAPI, *, undo: bool) -> APIRouter:
    routes = APIRouter(tags=["session"])

    @routes.get("/api/session", responses=documented(401))
    def session() -> Session:
        """Whether the token is the right one, and what this gateway offers."""
        return Session(hooks=settings.hooks, undo=undo, version=__version__)

    @routes.get("/openapi.json", include_in_schema=False)
    def document() -> dict[str, Any]:
        return app.openapi()

    return routes


def _document(app: FastAPI) -> dict[str, Any]:
    if app.openapi_schema is None:
        document = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
        schemas: Mapping[str, Any] = document.setdefault("components", {}).setdefault("schemas", {})
        document["components"]["schemas"] = {**schemas, "Problem": SCHEMA}
        app.openapi_schema = document
    return app.openapi_schema
