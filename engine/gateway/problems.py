"""Every error of a call as a problem document (RFC 9457)."""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from engine.core.errors import CloneError, ObjectStoreUnavailable, ServiceUnreachable, TransientError
from engine.telemetry import Event, events

MEDIA_TYPE = "application/problem+json"
RETRY_AFTER_S = 2

log = events(__name__)


class Problem(Exception):
    """A call that cannot be answered as asked; ``more`` stands beside the usual fields."""

    def __init__(self, status: int, detail: str, *, headers: Mapping[str, str] | None = None, **more: Any) -> None:
        super().__init__(detail)
        self.status, self.detail, self.headers, self.more = status, detail, headers or {}, more


def documented(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """These problems, as the OpenAPI document tells them."""
    schema = {"$ref": "#/components/schemas/Problem"}
    return {
        status: {"description": HTTPStatus(status).phrase, "content": {MEDIA_TYPE: {"schema": schema}}}
        for status in statuses
    }


SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["type", "title", "status", "detail", "instance"],
    "properties": {
        **{name: {"type": "string"} for name in ("type", "title", "detail", "instance")},
        "status": {"type": "integer"},
        "force_helps": {"type": "boolean", "description": "The call would be done with `force`."},
    },
}


def told(request: Request, problem: Problem) -> JSONResponse:
    """The answer."""
    content = {
        "type": "about:blank",
        "title": HTTPStatus(problem.status).phrase,
        "status": problem.status,
        "detail": _printable(problem.detail),
        "instance": _printable(request.url.path),
        **problem.more,
    }
    return JSONResponse(content, problem.status, dict(problem.headers), MEDIA_TYPE)


def tell_all(app: FastAPI) -> None:
    """Every error that a call may end with, whoever raised it."""
    app.add_exception_handler(Problem, _problem)
    app.add_exception_handler(HTTPException, _of_http)
    app.add_exception_handler(RequestValidationError, _of_validation)
    app.add_exception_handler(CloneError, _of_engine)
    app.add_exception_handler(Exception, _unforeseen)


async def _problem(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, Problem)
    return told(request, error)


async def _of_http(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    return told(request, Problem(error.status_code, error.detail, headers=error.headers))


async def _of_validation(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    errors = [{"where": _where(found["loc"]), "detail": _printable(found["msg"])} for found in error.errors()]
    # What was given is not repeated: it may be anything.
    detail = "; ".join(f"{found['where']}: {found['detail']}" for found in errors[:5])
    return told(request, Problem(422, detail, errors=errors[:50]))


async def _of_engine(request: Request, error: Exception) -> JSONResponse:
    """A server away is for a moment; what is wrong else is our own, and its words may tell of the servers."""
    if isinstance(error, TransientError | ServiceUnreachable):
        again = {"Retry-After": str(RETRY_AFTER_S)}
        server = "S3" if isinstance(error, ObjectStoreUnavailable) else "MongoDB"
        return told(request, Problem(503, f"{server} cannot be reached now, or is too slow", headers=again))
    return await _unforeseen(request, error)


async def _unforeseen(request: Request, error: Exception) -> JSONResponse:
    route = getattr(request.scope.get("route"), "path", request.url.path)
    log.emit(Event.CALL_FAILED, method=request.method, route=route, error=repr(error), traceback=True)
    return told(request, Problem(500, f"{type(error).__name__}; the log tells more"))


def _where(place: Sequence[Any]) -> str:
    return ".".join(_printable(str(part)) for part in place)


def _printable(text: str) -> str:
    """Half a pair of surrogates, which UTF-8 cannot hold, is escaped."""
    return text.encode("utf-8", "backslashreplace").decode()
