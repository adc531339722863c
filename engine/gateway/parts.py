"""All parts of a gateway, made of its settings, started and ended together."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager, suppress
from time import monotonic

from engine.core.errors import CloneError
from engine.edges.mongo import indexes
from engine.edges.mongo.changes import Change
from engine.edges.mongo.client import Store, bounded, open_store, require_transactions
from engine.edges.mongo.outbox import Notification
from engine.edges.mongo.retention import keep_notifications
from engine.edges.s3 import Objects
from engine.gateway.app import Calls, http, whole
from engine.gateway.audience import Audience
from engine.gateway.auth import require_secrets
from engine.gateway.counts import Counts
from engine.gateway.health import WITHIN_S, Answer, Check, Checks, answers_at
from engine.gateway.metrics import Meters
from engine.gateway.needs import Needs
from engine.gateway.presence import Presence
from engine.gateway.sockets import Doors, server
from engine.gateway.tail import Tail
from engine.gateway.undoing import Undoing
from engine.settings import S3Settings
from engine.telemetry import Event, events

log = events(__name__)

THREADS = 16
TICK_S = 0.25


class Gateway:
    """Open from ``open`` on; ``app`` is what a server serves meanwhile, in the loop that opened it."""

    def __init__(self, needs: Needs, store: Store) -> None:
        self.store = store
        self.meters = Meters()
        self.audience = Audience()
        self._threads = ThreadPoolExecutor(THREADS, "gateway")
        self._sio = server(needs.gateway.origins)
        self.doors = Doors(self._sio, needs.gateway, store, self.audience, self._threads)
        self.presence = Presence(store, self.audience, self.doors)
        self.tail = Tail(store, self._hear, asyncio.get_running_loop())
        self._checks = Checks(self._checks_of(needs))
        self._counts = Counts(store)
        self._undoing = Undoing(store, needs)
        calls = Calls(store, needs, self._checks, self.meters, self._counts, self._undoing)
        self.app = whole(self.meters.counted(http(calls)), self._sio)
        self.meters.gauge("clients", "Clients connected, users and operators", lambda: len(self.audience))
        self.meters.gauge("operators", "Operators connected", lambda: self.audience.operators)
        self.meters.gauge("arrived", "Notifications that arrived at users", lambda: self.doors.deliveries.arrived)
        self.meters.gauge("stream_breaks", "How often the change stream broke", lambda: self.tail.breaks)
        self.meters.gauge("stream_alive", "1: events are heard of", lambda: float(self.tail.alive))
        self.events = 0

    @asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        """Follow the database, and let clients in; what they have had is written at the end."""
        self.tail.start()
        beside = (self._tick, self.presence.run, self.doors.deliveries.run)
        tasks = [asyncio.create_task(_kept_up(each)) for each in beside]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await asyncio.to_thread(self.tail.stop)
            with suppress(CloneError):  # what is not marked is told again
                await self.doors.close()
            self._threads.shutdown(wait=False, cancel_futures=True)
            self._checks.close()
            self._undoing.close()

    def _hear(self, change: Change) -> None:
        if isinstance(change, Notification):
            self.events += 1
            self.meters.events.labels(_known(change.event)).inc()
        elif change.state_written:
            self._counts.change()
        self.audience.hear(change, monotonic())

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(TICK_S)
            self.audience.tick(monotonic())

    def _checks_of(self, needs: Needs) -> Mapping[str, Check]:
        def mongo() -> Answer:
            # A check that hung for ever would be the last one.
            with bounded(WITHIN_S):
                require_transactions(self.store)
            return "ok"

        def events() -> Answer:
            return "ok" if self.tail.alive else "unreachable"

        ray = answers_at(needs.ray.job_address)
        return {"mongo": mongo, "events": events, "s3": _s3_check(needs.s3), "ray": ray}


async def _kept_up(work: Callable[[], Awaitable[None]]) -> None:
    """Again whenever it breaks: a task that ended would be missed by nobody."""
    while True:
        try:
            await work()
        except Exception as error:  # noqa: BLE001 - whatever it is
            log.emit(Event.TASK_FAILED, task=getattr(work, "__qualname__", "task"), error=repr(error))
            await asyncio.sleep(1)


_EVENTS = frozenset({"funnel_cloning_completed", "funnel_cloning_failed"})


def _known(event: str) -> str:
    """Whoever writes into the outbox makes no new labels."""
    return event if event in _EVENTS else "other"


def _s3_check(settings: S3Settings | None) -> Check:
    if settings is None:
        return lambda: "not configured"
    objects = Objects(settings)

    def check() -> Answer:
        objects.check(settings.bucket)
        return "ok"

    return check


@contextmanager
def prepared(needs: Needs) -> Iterator[Store]:
    """A store that is fit for a gateway: transactions, indexes, retention.

    Raises:
        ConfigError: A secret is missing or weak, or MongoDB is no replica set.
        ServiceUnreachable: MongoDB does not answer.
    """
    require_secrets(needs.gateway)
    store = open_store(needs.mongo)
    try:
        require_transactions(store)
        indexes.ensure(store, (*indexes.OWN, *indexes.GATEWAYS))
        keep_notifications(store, needs.gateway.retention_days)
        yield store
    finally:
        store.close()
