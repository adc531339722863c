"""Gateways for tests: one in a thread of this process, or one of its own that can be killed."""

import asyncio
import json
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import requests

from engine.gateway.needs import Needs
from engine.gateway.parts import Gateway, prepared
from engine.gateway.serving import Uvicorn, listening_on, uvicorn_config
from engine.settings import GatewaySettings, Settings
from tests.command_line import environment_of

SECRET = "a secret of the tests, of more than the 64 bytes that HS512 asks for, and made up"
OPERATOR = "the-operators-token-of-the-tests"
START_S = 120
CALL_S = 60
Submit = Callable[[], str]


def no_ray() -> str:
    raise AssertionError("no pass was to be started")


def gateway_settings(**changed: Any) -> GatewaySettings:
    return GatewaySettings(**{"jwt_secret": SECRET, "operator_token": OPERATOR, "port": 0, **changed})


def needs(settings: Settings, submit: Submit = no_ray, *, without_s3: bool = False, **changed: Any) -> Needs:
    return Needs(
        gateway=gateway_settings(**changed),
        mongo=settings.mongo,
        s3=None if without_s3 else settings.s3,
        ray=settings.ray,
        scan=settings.scan,
        steps=settings.steps,
        copy=settings.copy,
        submit=submit,
    )


def token(user: Any, secret: str = SECRET, algorithm: str = "HS256", **claims: Any) -> str:
    """A user's; ``claims`` beside ``sub`` and ``exp``, or instead of them, None for without."""
    usual = {"sub": str(user), "exp": datetime.now(UTC) + timedelta(hours=1)}
    given = {name: value for name, value in {**usual, **claims}.items() if value is not None}
    return jwt.encode(given, secret, algorithm=algorithm)


@dataclass
class Running:
    """A gateway that listens."""

    url: str
    gateway: Gateway | None = None
    loop: asyncio.AbstractEventLoop | None = None
    process: subprocess.Popen[str] | None = None

    def call(self, method: str, path: str, **options: Any) -> requests.Response:
        """As an operator."""
        headers = {"Authorization": f"Bearer {OPERATOR}", **options.pop("headers", {})}
        return requests.request(method, self.url + path, headers=headers, timeout=CALL_S, **options)

    def run(self, work: Any) -> Any:
        """Run a coroutine in the gateway's own loop."""
        assert self.loop is not None
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(CALL_S)


@contextmanager
def gateway_here(settings: Settings, submit: Submit = no_ray, **changed: Any) -> Iterator[Running]:
    """In a thread of this process; ends with the block."""
    wanted = needs(settings, submit, **changed)
    ready, running, failed = threading.Event(), Running(""), []

    with listening_on(wanted.gateway) as listening, prepared(wanted) as store:

        async def serve() -> None:
            gateway = Gateway(wanted, store)
            server = Uvicorn(uvicorn_config(gateway.app))
            running.gateway, running.loop = gateway, asyncio.get_running_loop()
            running.url = f"http://127.0.0.1:{listening.getsockname()[1]}"
            server.when_started = ready.set
            ended.append(server.end)
            async with gateway.open():
                await server.serve([listening])

        def run() -> None:
            try:
                asyncio.run(serve())
            except BaseException as error:
                failed.append(error)
                ready.set()
                raise

        ended: list[Callable[[], None]] = []
        thread = threading.Thread(target=run, name="gateway")
        thread.start()
        assert ready.wait(START_S)
        assert not failed, failed
        assert running.gateway is not None
        assert running.gateway.tail.opened.wait(START_S)
        try:
            yield running
        finally:
            assert running.loop is not None
            running.loop.call_soon_threadsafe(ended[0])
            thread.join(60)
            assert not thread.is_alive()


def serve_environment(settings: Settings) -> dict[str, str]:
    """What `serve` needs, and nothing of this process's own."""
    secrets = {"GATEWAY_JWT_SECRET": SECRET, "GATEWAY_OPERATOR_TOKEN": OPERATOR}
    return environment_of(settings, XDG_DATA_HOME=settings.local.data_dir, **secrets)


@contextmanager
def gateway_process(settings: Settings, port: int = 0) -> Iterator[Running]:
    """`funnel-clone serve` in a process of its own; ends with the block, unless it was killed."""
    command = [sys.executable, "-m", "engine.cli", "serve", "--json", f"gateway.port={port}"]
    process = subprocess.Popen(
        command, env=serve_environment(settings), stdout=subprocess.PIPE, text=True, cwd=settings.local.data_dir
    )
    try:
        assert process.stdout is not None
        first = process.stdout.readline()
        assert first, "it ended before it listened"
        yield Running(json.loads(first)["url"], process=process)
    finally:
        process.terminate()
        process.wait(60)
