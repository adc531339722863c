"""Around every call: no request too large, no question without an end, answers that a browser handles with care."""

from collections.abc import MutableMapping
from typing import Any

from fastapi import HTTPException
from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from engine.edges.mongo.client import bounded
from engine.gateway.problems import Problem, told

CALL_S = 30.0
"""What MongoDB has not answered by then is answered with 503."""
MOST_BODY_BYTES = 65_536
TOO_LARGE = f"a request has at most {MOST_BODY_BYTES} bytes"

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'self'; connect-src 'self'; img-src 'self' http: https: data:; object-src 'none'; "
        "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}


class TooLarge(HTTPException):
    """The body goes on behind the limit. Of this kind, since the framework would take any other for a broken body."""

    def __init__(self) -> None:
        super().__init__(413, TOO_LARGE, {"Connection": "close"})


class Limited:
    """An application, its requests limited in size and its answers with headers."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = False

        async def sending(message: Message) -> None:
            nonlocal began
            if message["type"] == "http.response.start":
                began = True
                _add_headers(message, scope)
            await send(message)

        if _declared_bytes(scope) > MOST_BODY_BYTES:
            await _refuse(scope, receive, sending)
            return
        try:
            await self._app(scope, _counted(receive), sending)
        except TooLarge:
            if not began:
                await _refuse(scope, receive, sending)


class InTime:
    """An application, MongoDB's part of each call limited in time; threads that work for the call have its limit."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One call."""
        with bounded(CALL_S):
            await self._app(scope, receive, send)


def _declared_bytes(scope: Scope) -> int:
    declared = dict(scope["headers"]).get(b"content-length", b"0")
    return int(declared) if declared.isdigit() else 0


def _counted(receive: Receive) -> Receive:
    taken = 0

    async def receiving() -> MutableMapping[str, Any]:
        nonlocal taken
        message = await receive()
        taken += len(message.get("body", b""))
        if taken > MOST_BODY_BYTES:
            raise TooLarge
        return message

    return receiving


async def _refuse(scope: Scope, receive: Receive, send: Send) -> None:
    problem = Problem(413, TOO_LARGE, headers={"Connection": "close"})
    await told(Request(scope), problem)(scope, receive, send)


def _add_headers(message: Message, scope: Scope) -> None:
    headers = MutableHeaders(scope=message)
    for name, value in HEADERS.items():
        headers.setdefault(name, value)
    # What a call tells is true now, and a page that is kept would be an old one; files have their own tag.
    headers.setdefault("Cache-Control", "no-cache" if scope["path"].startswith("/static/") else "no-store")
