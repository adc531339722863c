"""How soon clients hear of a clone that is done, with one and with 2,000 of them, and whether any event is ever lost.

Latency is from before the transaction that ends a clone is sent to the moment when the client has read the event: the
commit itself is within. Clients are as thin as can be, since they share the processors with what is measured. For the
kills the gateway runs in a process of its own, which is killed again and again while clones end.

    .venv/bin/python benchmarks/gateway_clients.py [--clients 2000] [--events 50] [--kills 20] [--json]
"""

import argparse
import asyncio
import json
import random
import resource
import sys
import tempfile
import threading
import time
from pathlib import Path
from statistics import median
from typing import Any

import socketio
from websockets.asyncio.client import ClientConnection, connect

sys.path.insert(0, str(Path(__file__).parents[1]))

from engine.edges.mongo.client import Store, open_store
from engine.local.ports import free_ports
from engine.local.servers import Servers, embedded_servers
from engine.settings import LocalSettings, MongoSettings, RaySettings, S3Settings, Settings
from tests.gateway import gateway_process, token
from tests.outbox import COMPLETED, account_with_user, complete, user_of

AT_ONCE = 50
WITHIN_S = 120
BETWEEN_S = 0.2


def settings_of(servers: Servers, folder: str, database: str) -> Settings:
    """By which a gateway uses the servers."""
    s3 = servers.s3
    return Settings(
        mongo=MongoSettings(servers.mongo.uri, database),
        s3=S3Settings(s3.endpoint_url, s3.bucket, s3.access_key_id, s3.secret_access_key),
        ray=RaySettings(),
        local=LocalSettings(folder),
    )


class Thin:
    """A client of one account: it answers pings, and notes when it read each event."""

    def __init__(self, websocket: ClientConnection, heard: dict[str, list[float]]) -> None:
        self._websocket, self._heard = websocket, heard

    async def run(self) -> None:
        """Until cancelled."""
        async for frame in self._websocket:
            if frame == "2":
                await self._websocket.send("3")
            elif isinstance(frame, str) and frame.startswith("42"):
                self._heard.setdefault(json.loads(frame[2:])[1]["event_id"], []).append(time.perf_counter())


async def latencies(url: str, store: Store, clients: int, events: int) -> list[float]:
    """Seconds, one for each event and client."""
    account, first = account_with_user(store)
    users = [first, *(user_of(store, account) for _ in range(clients - 1))]
    heard: dict[str, list[float]] = {}
    gate = asyncio.Semaphore(AT_ONCE)
    address = f"ws{url.removeprefix('http')}/socket.io/?EIO=4&transport=websocket"

    async def come(user: Any) -> asyncio.Task[None]:
        async with gate:
            websocket = await connect(address, compression=None, open_timeout=WITHIN_S, ping_interval=None)
            await websocket.recv()
            await websocket.send("40" + json.dumps({"token": token(user)}))
            answer = await websocket.recv()
            if not str(answer).startswith("40"):
                raise RuntimeError(answer)
            return asyncio.create_task(Thin(websocket, heard).run())

    tasks = await asyncio.gather(*map(come, users))
    sent: dict[str, float] = {}
    for _ in range(events):
        began = time.perf_counter()
        event_id = await asyncio.to_thread(complete, store, account)
        sent[event_id] = began
        give_up_at = time.perf_counter() + WITHIN_S
        while len(heard.get(event_id, ())) < clients:
            if time.perf_counter() > give_up_at:
                raise RuntimeError(f"{len(heard.get(event_id, ()))} of {clients} heard of {event_id}")
            await asyncio.sleep(0.01)
        await asyncio.sleep(BETWEEN_S)
    for task in tasks:
        task.cancel()
    return [moment - sent[event_id] for event_id, moments in heard.items() for moment in moments]


def kills(settings: Settings, store: Store, count: int) -> dict[str, int]:
    """Clones end all the while; the gateway is killed ``count`` times at random moments."""
    account, user = account_with_user(store)
    (port,) = free_ports(1)
    heard: list[str] = []
    client = socketio.Client(reconnection_delay=0.05, reconnection_delay_max=0.3)
    client.on(COMPLETED, lambda payload: heard.append(payload["event_id"]))
    ended, written = threading.Event(), list[str]()

    def work() -> None:
        while not ended.wait(0.02):
            written.append(complete(store, account))

    worker = threading.Thread(target=work)
    for round_ in range(count + 1):
        with gateway_process(settings, port) as running:
            if round_ == 0:
                client.connect(running.url, auth={"token": token(user)}, wait_timeout=WITHIN_S)
                worker.start()
            before, give_up_at = len(heard), time.monotonic() + WITHIN_S
            while len(heard) == before and time.monotonic() < give_up_at:
                time.sleep(0.02)
            if round_ < count:
                time.sleep(random.uniform(0, 1))
                assert running.process is not None
                running.process.kill()
                running.process.wait()
                continue
            ended.set()
            worker.join()
            while set(written) - set(heard) and time.monotonic() < give_up_at:
                time.sleep(0.1)
            client.disconnect()
    lost = len(set(written) - set(heard))
    return {"kills": count, "events": len(written), "lost": lost, "repeats": len(heard) - len(set(heard))}


def figures(seconds: list[float]) -> dict[str, float]:
    """In milliseconds."""
    ordered = sorted(seconds)
    return {
        "median_ms": round(median(ordered) * 1_000, 1),
        "p99_ms": round(ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))] * 1_000, 1),
        "most_ms": round(ordered[-1] * 1_000, 1),
        "measured": len(ordered),
    }


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clients", type=int, default=2_000)
    parser.add_argument("--events", type=int, default=50)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    found: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder, embedded_servers(Path(folder) / "servers") as servers:
        for clients in (1, asked.clients):
            settings = settings_of(servers, folder, f"latency{clients}")
            store = open_store(settings.mongo)
            with gateway_process(settings) as running:
                seconds = asyncio.run(latencies(running.url, store, clients, asked.events))
                found[f"{clients} clients"] = figures(seconds)
            store.close()
        settings = settings_of(servers, folder, "kills")
        store = open_store(settings.mongo)
        found["kills"] = kills(settings, store, asked.kills)
        store.close()
    print(json.dumps(found) if asked.json else "\n".join(f"{name}: {told}" for name, told in found.items()))


if __name__ == "__main__":
    main()
