"""One typical funnel alone, from request to event: a pass in a warm Ray, a gateway, and a client that waits.

The request is written, then a pass begins, as a trigger would have it: the wait for the next tick of a schedule is no
part of it. The client is one of the account's users, connected to a gateway in a process of its own.
"""

import asyncio
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from bson import ObjectId

from benchmarks.gateway_clients import Thin
from benchmarks.moments import of_clone, phases, spreads
from benchmarks.stand import Stand, stand
from benchmarks.turns import in_turns, spread
from engine.cluster.session import run_pass
from engine.local.ray_cluster import embedded_ray
from tests.gateway import gateway_process
from tests.processes import wait_for

ROUNDS = {"quick": 2, "full": 10}
WINDOWS = (5, 20)
ASKED, HEARD = "request", "client hears"
ORDER = (ASKED, "pass begins", "funnel claimed", "first step begins", "last step ends", "event written", HEARD)


@dataclass
class Ear:
    """What the client heard, and when."""

    heard: dict[str, list[float]] = field(default_factory=dict)

    def moment(self, clone: ObjectId) -> float | None:
        """Seconds since the epoch; None before it has come."""
        found = next((times[0] for event, times in list(self.heard.items()) if event.startswith(f"{clone}:")), None)
        return None if found is None else time.time() - (time.perf_counter() - found)


def measured(size: str, rounds: int) -> dict[str, Any]:
    """Seconds, and each phase, by ``steps.concurrency``."""
    del size
    with (
        stand("one-funnel") as place,
        embedded_ray(place.settings.ray, place.folder / "ray"),
        gateway_process(place.settings) as gateway,
    ):
        original = place.original()
        with _client(place, original, gateway.url) as ear:
            _run(place, original, ear, WINDOWS[0])  # Ray is warm then
            ways = {str(window): partial(_run, place, original, ear, window) for window in WINDOWS}
            found = in_turns(ways, rounds)
    return {
        window: {
            "seconds": spread([ran[HEARD] - ran[ASKED] for ran in runs]),
            "phases": spreads([phases(ran, ORDER) for ran in runs]),
        }
        for window, runs in found.items()
    }


def _run(place: Stand, original: ObjectId, ear: Ear, window: int) -> dict[str, float]:
    settings = replace(place.settings, steps=replace(place.settings.steps, concurrency=window))
    asked = time.time()
    (clone,) = place.ask(original, 1)
    run_pass(settings, drain=False, show=lambda _: None)
    wait_for(lambda: ear.moment(clone) is not None)
    found = {**of_clone(place.store, clone), ASKED: asked, HEARD: ear.moment(clone) or 0.0}
    place.forget([clone])
    return found


@contextmanager
def _client(place: Stand, original: ObjectId, url: str) -> Iterator[Ear]:
    """A user of the original's account, connected, in a thread of its own."""
    account = (place.store.funnels.find_one({"_id": original}) or {})["account_id"]
    user = (place.store.db["users"].find_one({"account": account, "active": True}) or {})["_id"]
    ear, loop = Ear(), asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    address = url.removeprefix("http://")
    host, _, port = address.partition(":")

    async def come() -> Thin:
        make = partial(Thin, address, user, ear.heard)
        _, client = await asyncio.get_running_loop().create_connection(make, host, int(port))
        await client.let_in
        return client

    client = asyncio.run_coroutine_threadsafe(come(), loop).result()
    try:
        yield ear
    finally:
        loop.call_soon_threadsafe(client.close)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
