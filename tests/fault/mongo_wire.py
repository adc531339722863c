"""A store whose every command is seen before it is sent: the place where a fault of MongoDB can be timed exactly."""

import threading
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any, NamedTuple
from unittest.mock import patch

from pymongo import MongoClient, monitoring

from engine.edges.mongo import client as engine_client
from engine.edges.mongo.client import Store, open_store
from engine.settings import MongoSettings


class Point(NamedTuple):
    """The ``nth`` (from 1) of the commands of one name on one collection."""

    command: str
    collection: str
    """Empty where the command names none: the ends of transactions."""
    nth: int

    def __str__(self) -> str:
        return f"{self.command} {self.collection or '-'} #{self.nth}"


@dataclass
class Wire(monitoring.CommandListener):
    """Tells of each command right before it is sent; what is sent again by the driver of its own counts again."""

    app_name: str = field(default_factory=lambda: f"under-test-{uuid.uuid4().hex[:12]}")
    sent: list[Point] = field(default_factory=list)
    _counts: Counter[tuple[str, str]] = field(default_factory=Counter)
    _armed: dict[Point, Callable[[monitoring.CommandStartedEvent], None]] = field(default_factory=dict)
    _awaited: list[tuple[str, Callable[[monitoring.CommandStartedEvent], None]]] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def at(self, point: Point, strike: Callable[[monitoring.CommandStartedEvent], None]) -> None:
        """Call ``strike`` in the moment before the command of ``point`` is sent."""
        self._armed[point] = strike

    def at_first_with(self, words: str, strike: Callable[[monitoring.CommandStartedEvent], None]) -> None:
        """The same for the first command in whose text ``words`` stand."""
        self._awaited.append((words, strike))

    def reached(self, point: Point) -> bool:
        """Whether the command of ``point`` was sent."""
        return point in self.sent

    def started(self, event: monitoring.CommandStartedEvent) -> None:
        if event.database_name == "admin" and event.command_name not in ("commitTransaction", "abortTransaction"):
            return
        with self._lock:
            name = event.command_name, collection_of(event)
            self._counts[name] += 1
            point = Point(*name, self._counts[name])
            self.sent.append(point)
            strikes = [self._armed.pop(point)] if point in self._armed else []
            awaited = [entry for entry in self._awaited if entry[0] in str(event.command)]
            self._awaited = [entry for entry in self._awaited if entry not in awaited]
        for strike in (*strikes, *(strike for _, strike in awaited)):
            strike(event)

    def succeeded(self, event: monitoring.CommandSucceededEvent) -> None:
        """Seen at its start."""

    def failed(self, event: monitoring.CommandFailedEvent) -> None:
        """Seen at its start."""


def collection_of(event: monitoring.CommandStartedEvent) -> str:
    """The collection that a command names; empty for none."""
    named = event.command.get("collection", event.command.get(event.command_name))
    return named if isinstance(named, str) else ""


@contextmanager
def watched_store(settings: MongoSettings, wire: Wire) -> Iterator[Store]:
    """The engine's own store, under a name of its own, by which the server's faults find it and nobody else."""
    named: Any = partial(_named_client, wire.app_name)
    with patch.object(engine_client, "MongoClient", named):
        store = open_store(settings, listeners=[wire])
    try:
        yield store
    finally:
        store.close()


def _named_client(app_name: str, uri: str, **options: Any) -> MongoClient[dict[str, Any]]:
    return MongoClient(uri, **{**options, "appname": app_name})
