"""The process: it listens, serves until it is told to end, and says what it did."""

import asyncio
import resource
import signal
import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from time import monotonic
from typing import Any

import uvicorn
from starlette.types import ASGIApp

from engine.core.errors import ConfigError
from engine.edges.mongo.client import Store
from engine.gateway.needs import Needs
from engine.gateway.parts import Gateway, prepared
from engine.gateway.sockets import MOST_MESSAGE_BYTES
from engine.settings import GatewaySettings

END_WITHIN_S = 5


def serve(needs: Needs, started: Callable[[str], None]) -> Mapping[str, Any]:
    """Serve until SIGINT or SIGTERM; returns the summary. ``started`` is told the address once it listens.

    Raises:
        ConfigError, ServiceUnreachable: As ``prepared``; or the port is taken.
    """
    _allow_many_clients()
    with listening_on(needs.gateway) as listening, prepared(needs) as store:
        return asyncio.run(_serve(needs, store, listening, started))


async def _serve(
    needs: Needs, store: Store, listening: socket.socket, started: Callable[[str], None]
) -> Mapping[str, Any]:
    gateway, began = Gateway(needs, store), monotonic()
    running = Uvicorn(uvicorn_config(gateway.app))
    host, port = listening.getsockname()[:2]
    running.when_started = lambda: started(f"http://{f'[{host}]' if ':' in host else host}:{port}")
    loop = asyncio.get_running_loop()
    for ending in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(ending, running.end)
    async with gateway.open():
        await running.serve([listening])
    return {"events": gateway.events, "seconds": round(monotonic() - began, 1)}


def uvicorn_config(app: ASGIApp) -> uvicorn.Config:
    """How the application is served."""
    return uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        lifespan="off",
        server_header=False,
        ws="websockets-sansio",
        ws_max_size=MOST_MESSAGE_BYTES,
        # Engine.IO has pings of its own; messages are too small to be worth compressing.
        ws_ping_interval=None,
        ws_per_message_deflate=False,
        timeout_graceful_shutdown=END_WITHIN_S,
    )


class Uvicorn(uvicorn.Server):
    """Ends when we say so. Its own signal handlers would end the process before the summary."""

    when_started: Callable[[], None] | None = None

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """None of them."""
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen, and tell."""
        await super().startup(sockets)
        if self.when_started is not None:
            self.when_started()

    def end(self) -> None:
        """End soon; asked again, at once."""
        self.force_exit = self.should_exit
        self.should_exit = True


def _allow_many_clients() -> None:
    """Each has a file of its own, and a shell's usual limit is 1,024 of them."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


@contextmanager
def listening_on(settings: GatewaySettings) -> Iterator[socket.socket]:
    """The socket of the gateway; raises ConfigError where nothing can listen there."""
    try:
        family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
        listening = socket.create_server((settings.host, settings.port), family=family, backlog=2_048)
    except OSError as error:
        reason = f"nothing can listen on {settings.host} port {settings.port}: {error.strerror or error}"
        raise ConfigError("gateway.port", reason) from error
    with listening:
        yield listening
