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
from base64 import b64encode
from functools import partial
from pathlib import Path
from random import randbytes
from statistics import median
from typing import Any, cast

import socketio

sys.path.insert(0, str(Path(__file__).parents[1]))

from engine.edges.mongo.client import Store, open_store
from engine.local.ports import free_ports
from engine.local.servers import embedded_servers
from engine.settings import Settings
from tests.gateway import gateway_process, token
from tests.outbox import COMPLETED, account_with_user, complete, user_of
from tests.server_settings import settings_of

AT_ONCE = 50
WITHIN_S = 120
BETWEEN_S = 0.2
# Of a WebSocket's frame.
HEAD_BYTES, LONG, LONG_HEAD_BYTES = 2, 126, 4


class Thin(asyncio.Protocol):
    """A client of one account, as little as will do: it answers pings, and notes when it read each event.

    A library's client costs as much as the gateway does, and on the same processors its cost would be what is measured.
    """

    def __init__(self, address: str, user: Any, heard: dict[str, list[float]]) -> None:
        self._address, self._user, self._heard = address, user, heard
        self._read = bytearray()
        self._upgraded = False
        self.let_in: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask for a WebSocket."""
        self._transport = cast("asyncio.Transport", transport)
        path = "/socket.io/?EIO=4&transport=websocket"
        keys = "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
        key = f"Sec-WebSocket-Key: {b64encode(randbytes(16)).decode()}\r\n"
        self._transport.write(f"GET {path} HTTP/1.1\r\nHost: {self._address}\r\n{keys}{key}\r\n".encode())

    def data_received(self, data: bytes) -> None:
        """Read whole frames."""
        self._read += data
        if not self._upgraded:
            head, found, rest = bytes(self._read).partition(b"\r\n\r\n")
            if not found:
                return
            if b" 101 " not in head:
                raise RuntimeError(head)
            self._upgraded, self._read = True, bytearray(rest)
        while (frame := self._frame()) is not None:
            self._hear(frame)

    def _frame(self) -> str | None:
        if len(self._read) < HEAD_BYTES:
            return None
        size, start = self._read[1], HEAD_BYTES
        if size == LONG:
            if len(self._read) < LONG_HEAD_BYTES:
                return None
            size, start = int.from_bytes(self._read[2:4]), LONG_HEAD_BYTES
        if len(self._read) < start + size:
            return None
        text = self._read[start : start + size].decode()
        del self._read[: start + size]
        return text

    def _hear(self, frame: str) -> None:
        if frame == "2":
            self._say("3")
        elif frame.startswith("42"):
            event_id = frame.rpartition('"event_id":"')[2].partition('"')[0]
            self._heard.setdefault(event_id, []).append(time.perf_counter())
        elif frame.startswith("0"):
            self._say("40" + json.dumps({"token": token(self._user)}))
        elif frame.startswith("40"):
            self.let_in.set_result(None)

    def _say(self, text: str) -> None:
        payload = text.encode()
        size = bytes([0x80 | len(payload)]) if len(payload) < LONG else b"\xfe" + len(payload).to_bytes(2)
        # Masked with nothing, as the protocol allows.
        self._transport.write(b"\x81" + size + bytes(4) + payload)

    def close(self) -> None:
        """Go."""
        self._transport.abort()


async def latencies(url: str, store: Store, clients: int, events: int) -> list[float]:
    """Seconds, one for each event and client."""
    account, first = account_with_user(store)
    users = [first, *(user_of(store, account) for _ in range(clients - 1))]
    heard: dict[str, list[float]] = {}
    gate = asyncio.Semaphore(AT_ONCE)
    address = url.removeprefix("http://")
    host, _, port = address.partition(":")

    async def come(user: Any) -> Thin:
        async with gate:
            make = partial(Thin, address, user, heard)
            _, client = await asyncio.get_running_loop().create_connection(make, host, int(port))
            await asyncio.wait_for(client.let_in, WITHIN_S)
            return client

    connected = await asyncio.gather(*map(come, users))
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
    for client in connected:
        client.close()
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
