"""How fast objects are copied when the store refuses some, with a limit that adapts and with one that is fixed.

100 KB objects are copied inside the embedded S3, through a door that answers SlowDown (503) to a share of the copies,
or to all that are more than it takes at once. Each answer of the door takes as long as a store's does over a network.
Ways are measured in turns in one run, by the clock, so that a busy machine slows all of them. The door is one process
of Python on the same machine and may itself be what is slow: compare ratios, not figures. ``--json`` prints one
document, ``--quick`` measures less.
"""

import argparse
import asyncio
import json
import os
import platform
import random
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import wait
from contextlib import contextmanager
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from time import monotonic
from typing import Any
from urllib.parse import urlsplit

from engine.core.backpressure import Limit
from engine.core.copying import actor_of
from engine.core.model import CopyOrder
from engine.edges.s3 import JoiningCopier, ObjectCopier, Objects
from engine.local.seaweed import S3Server, embedded_s3
from engine.settings import CopySettings, S3Settings

OBJECT_BYTES = 100_000
SOURCES = 20
DEADLINE_S = 300.0
REFUSAL = b"<Error><Code>SlowDown</Code><Message>Reduce your request rate.</Message></Error>"
COPY = CopySettings()


class Fixed(Limit):
    """Learns nothing."""

    def answered(self, sent_at: float, in_flight: int) -> Limit:  # noqa: ARG002
        """Stays."""
        return self

    def refused(self, sent_at: float, now: float) -> Limit:  # noqa: ARG002
        """Stays."""
        return self


WAYS = {
    "adapts": Limit.full(COPY.concurrency),
    "adapts, from 1": Limit(COPY.concurrency, 1.0, 1),
    "fixed": Fixed.full(COPY.concurrency),
}


@dataclass(frozen=True)
class Store:
    """How the door answers."""

    refuses: float = 0.0
    """Share of the copies that it refuses, whatever else it has to do."""
    takes: int = 1_000_000
    """Copies at once; more are refused."""


STORES = {
    "refuses none": Store(),
    "refuses 5 %": Store(refuses=0.05),
    "refuses 30 %": Store(refuses=0.3),
    "takes 8 at once": Store(takes=8),
    "takes 2 at once": Store(takes=2),
}


class Door:
    """Passes copies on to the server, each connection by one of its own, or refuses them."""

    def __init__(self, behind: str, store: Store, latency_s: float, seed: int) -> None:
        self._behind = behind.split(":")
        self._store = store
        self._latency_s = latency_s
        self._chosen = random.Random(seed)
        self._at_once = 0
        self.counts = {"passed": 0, "refused": 0, "most_at_once": 0}

    async def connected(self, client: asyncio.StreamReader, answers: asyncio.StreamWriter) -> None:
        """One connection, to its end."""
        server, requests = await asyncio.open_connection(*self._behind)
        try:
            while True:
                head, body = await _message(client)
                self._at_once += 1
                self.counts["most_at_once"] = max(self.counts["most_at_once"], self._at_once)
                refused = self._at_once > self._store.takes or self._chosen.random() < self._store.refuses
                self.counts["refused" if refused else "passed"] += 1
                await asyncio.sleep(self._latency_s)
                if refused:
                    answer = b"HTTP/1.1 503 Slow Down\r\nContent-Length: %d\r\n\r\n%s" % (len(REFUSAL), REFUSAL)
                else:
                    requests.write(head + body)
                    answer = b"".join(await _message(server))
                self._at_once -= 1
                answers.write(answer)
        except (asyncio.IncompleteReadError, ConnectionError):
            requests.close()
            answers.close()


async def _message(stream: asyncio.StreamReader) -> tuple[bytes, bytes]:
    """Head and body, as they came."""
    head = await stream.readuntil(b"\r\n\r\n")
    fields = dict(line.lower().split(b":", 1) for line in head.split(b"\r\n")[1:] if b":" in line)
    if b"transfer-encoding" not in fields:
        return head, await stream.readexactly(int(fields.get(b"content-length", 0)))
    body = b""
    while not body.endswith(b"0\r\n\r\n"):
        body += await stream.readuntil(b"\r\n")
    return head, body


async def keep_door(behind: str, store: Store, latency_s: float, seed: int) -> None:
    """In a process of its own: print the port, and when stdin ends what came."""
    door = Door(behind, store, latency_s, seed)
    server = await asyncio.start_server(door.connected, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.to_thread(sys.stdin.read)
    print(json.dumps(door.counts), flush=True)
    os._exit(0)  # whoever is still connected has what it wants


@contextmanager
def door_before(server: S3Server, store: Store, latency_s: float, seed: int) -> Iterator[tuple[str, dict[str, int]]]:
    """Its URL, and what came through, filled in at the end."""
    asked = json.dumps([urlsplit(server.endpoint_url).netloc, store.refuses, store.takes, latency_s, seed])
    process = subprocess.Popen(
        [sys.executable, __file__, "--door", asked], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    counts: dict[str, int] = {}
    try:
        yield f"http://127.0.0.1:{int(process.stdout.readline())}", counts
    finally:
        counts.update(json.loads(process.communicate()[0]))


def copied(settings: S3Settings, limit: Limit, count: int, scope: str) -> float:
    """Seconds for ``count`` copies, all ordered at once, by as many copiers as a pass has actors."""
    copiers = [JoiningCopier(ObjectCopier(settings, COPY), limit) for _ in range(COPY.actors)]
    orders = [
        CopyOrder(settings.bucket, f"from/{n % SOURCES}", settings.bucket, f"to/{n}", OBJECT_BYTES, scope)
        for n in range(count)
    ]
    began = monotonic()
    copies = [
        copiers[actor_of(order.bucket, order.key, COPY.actors)].submit(order, began + DEADLINE_S) for order in orders
    ]
    wait(copies)
    taken = monotonic() - began
    failures = [copy.result().failure for copy in copies if copy.result().failure]
    if failures:
        raise SystemExit(f"{len(failures)} of {count} copies failed: {failures[0]}")
    return taken


def spread(values: list[float]) -> dict[str, float]:
    """Median and range."""
    return {"median": statistics.median(values), "least": min(values), "most": max(values), "runs": len(values)}


def measured(server: S3Server, settings: S3Settings, count: int, rounds: int, latency_s: float) -> dict[str, Any]:
    """Copies a second and the share of refused requests, of every way before every store, in turns."""
    rates: dict[str, dict[str, list[float]]] = {store: {way: [] for way in WAYS} for store in STORES}
    refused: dict[str, dict[str, list[float]]] = {store: {way: [] for way in WAYS} for store in STORES}
    for at in range(rounds):
        for name, store in STORES.items():
            for way, limit in WAYS.items():
                with door_before(server, store, latency_s, at) as (url, counts):
                    taken = copied(replace(settings, endpoint_url=url), limit, count, f"{at}")
                rates[name][way].append(count / taken)
                refused[name][way].append(counts["refused"] / (counts["passed"] + counts["refused"]))
    return {
        store: {
            way: {
                "copies_per_second": spread(values),
                "refused_share": statistics.median(refused[store][way]),
                "to_none_refused": statistics.median(values) / statistics.median(rates["refuses none"][way]),
                "to_fixed": statistics.median(values) / statistics.median(of_ways["fixed"]),
            }
            for way, values in of_ways.items()
        }
        for store, of_ways in rates.items()
    }


def surroundings() -> dict[str, Any]:
    """What a figure depends on, beside the code: the machine, versions, and which code it was."""
    root = Path(__file__).parents[1]

    def git(*arguments: str) -> str:
        ran = subprocess.run(["git", *arguments], cwd=root, check=False, capture_output=True, text=True)
        return ran.stdout.strip()

    return {
        "machine": {"cpu": platform.processor() or platform.machine(), "cores": os.cpu_count()},
        "versions": {"python": platform.python_version()} | {n: version(n) for n in ("funnel-clone", "obstore")},
        "commit": git("rev-parse", "HEAD") + ("+" if git("status", "--porcelain", "engine") else ""),
    }


def table(found: dict[str, Any]) -> str:
    """The figures for a reader."""
    return "\n".join(
        f"{store:16} {way:15} {f['copies_per_second']['median']:6.0f} copies/s "
        f"({f['copies_per_second']['least']:.0f} to {f['copies_per_second']['most']:.0f}), "
        f"{f['to_none_refused']:.2f} of none refused, {f['to_fixed']:.2f} of fixed, "
        f"{100 * f['refused_share']:4.1f} % of requests refused"
        for store, of_ways in found["stores"].items()
        for way, f in of_ways.items()
    )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="one JSON document")
    parser.add_argument("--quick", action="store_true", help="less, and figures that vary more")
    parser.add_argument("--latency-ms", type=float, default=25.0, help="how long the door takes to answer (25)")
    parser.add_argument("--door", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.door:
        behind, refuses, takes, latency_s, seed = json.loads(options.door)
        asyncio.run(keep_door(behind, Store(refuses, takes), latency_s, seed))
        return
    count, rounds = (100, 2) if options.quick else (300, 5)
    with tempfile.TemporaryDirectory() as folder, embedded_s3(Path(folder)) as server:
        settings = S3Settings(server.endpoint_url, server.bucket, server.access_key_id, server.secret_access_key)
        for n in range(SOURCES):
            Objects(settings).put(server.bucket, f"from/{n}", os.urandom(OBJECT_BYTES), "image/png")
        stores = measured(server, settings, count, rounds, options.latency_ms / 1000)
    found = {**surroundings(), "copies": count, "latency_ms": options.latency_ms, "stores": stores}
    print(json.dumps(found) if options.json else table(found))


if __name__ == "__main__":
    main()
