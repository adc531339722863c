"""A thread that follows the database and feeds the loop; whatever breaks, nothing is skipped.

A stream that broke is resumed where it stood. Where that cannot be, a new one is opened, and what the outbox holds of
the time between is read again: told twice rather than not at all, and clients that had it are passed by.
"""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from threading import Event, Thread
from time import monotonic

from engine.edges.mongo import changes, outbox
from engine.edges.mongo.changes import Change, Changes, Place, StreamBroken
from engine.edges.mongo.client import Store
from engine.telemetry import Event as Told
from engine.telemetry import events

_AGAIN_S = 0.5
_SILENT_S = 15.0
_MOST_RECENT = 10_000

log = events(__name__)


class Tail:
    """Started and stopped once."""

    def __init__(self, store: Store, hear: Callable[[Change], None], loop: asyncio.AbstractEventLoop) -> None:
        self._store, self._hear, self._loop = store, hear, loop
        self._stopping = Event()
        self._place: Place | None = None
        self._alive_at = monotonic()
        self._recent: dict[str, None] = {}
        self._thread = Thread(target=self._run, name="tail", daemon=True)
        self.opened = Event()
        """A stream is open for the first time."""
        self.breaks = 0
        """How often the stream broke."""

    @property
    def alive(self) -> bool:
        """Whether the stream was heard of lately, if only to say that there is nothing new."""
        return self.opened.is_set() and monotonic() - self._alive_at < _SILENT_S

    def start(self) -> None:
        """Begin; events from now on are heard."""
        self._thread.start()

    def stop(self) -> None:
        """End; returns when the thread has. Safe to repeat."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                with changes.changes(self._store, self._place) as stream:
                    self._follow(stream)
            except StreamBroken as error:
                self._place = None
                self._broke(error)
            except Exception as error:  # noqa: BLE001 - a thread that ended would tell nobody of anything
                self._broke(error)

    def _broke(self, error: Exception) -> None:
        self.breaks += 1
        log.emit(Told.STREAM_BROKEN, error=f"{type(error).__name__}: {error}")
        self._stopping.wait(_AGAIN_S)

    def _follow(self, stream: Changes) -> None:
        if self._place is None:
            self._read_again()
        self.opened.set()
        while not self._stopping.is_set():
            change = stream.next()
            self._place, self._alive_at = stream.place or self._place, monotonic()
            if change is not None:
                self._tell(change)

    def _read_again(self) -> None:
        """What was written since the stream was last heard of: the new one is open by now, so nothing lies between."""
        between = timedelta(seconds=monotonic() - self._alive_at)
        for notification in outbox.since(self._store, None, changes.server_time(self._store) - between):
            if notification.event_id not in self._recent:
                self._tell(notification)

    def _tell(self, change: Change) -> None:
        if isinstance(change, outbox.Notification):
            self._recent[change.event_id] = None
            if len(self._recent) > _MOST_RECENT:
                self._recent.pop(next(iter(self._recent)))
        self._loop.call_soon_threadsafe(self._hear, change)
