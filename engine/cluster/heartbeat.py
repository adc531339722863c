"""The heartbeat: one thread of the driver that renews the lease and what is in work, and writes progress.

It reads a Pulse that the pass puts down whole, so that no lock is held while MongoDB answers. When the lease cannot
be renewed in time, by the thread's own monotonic clock, ``lease_lost`` is set and the pass stops writing: another
pass may have begun.
"""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from time import monotonic
from typing import Any

from engine.core.errors import CloneError
from engine.core.model import Claim, DocId, scope_of
from engine.edges.mongo import leases
from engine.edges.mongo.client import Store, bounded
from engine.settings import Settings
from engine.telemetry import Event, emit

TICK_S = 0.5
PROGRESS_S = 1.0
_LONGEST_BEAT_S = 30.0


@dataclass(frozen=True)
class Pulse:
    """What is in work now."""

    claims: tuple[Claim, ...] = ()
    steps: tuple[DocId, ...] = ()
    progress: tuple[tuple[Claim, Mapping[str, int]], ...] = ()
    tasks: tuple[tuple[str, Any], ...] = ()
    """(scope of the claim, Ray reference)."""


class Heartbeat(threading.Thread):
    """Runs from ``start()`` until ``stop()``."""

    def __init__(self, store: Store, settings: Settings, pass_id: str) -> None:
        """Derive the beat from the shortest threshold: four beats fit into each."""
        super().__init__(name="heartbeat", daemon=True)
        self._store = store
        self._pass_id = pass_id
        self._ttl_s = settings.lease.ttl_seconds
        thresholds_s = (settings.scan.funnel_stale_minutes * 60, settings.steps.stale_minutes * 60, self._ttl_s)
        self._beat_s = min(_LONGEST_BEAT_S, min(thresholds_s) / 4)
        self._ended = threading.Event()
        self._renewed_at = monotonic()
        self._written: dict[str, Mapping[str, int]] = {}
        self.pulse = Pulse()
        self.lease_lost = threading.Event()
        self.lost: frozenset[str] = frozenset()
        """Scopes (funnel and epoch) of claims that somebody else has taken; the lookout says so."""

    def run(self) -> None:
        """Beat until stopped or the lease is lost."""
        due = {self._beat: 0.0, self._write_progress: 0.0}
        period = {self._beat: self._beat_s, self._write_progress: PROGRESS_S}
        try:
            while not self._ended.wait(min(TICK_S, self._beat_s / 2)) and not self.lost_lease():
                for duty in (duty for duty, at in due.items() if monotonic() >= at):
                    due[duty] = monotonic() + (period[duty] if self._done(duty) else 0.0)
        finally:
            if not self._ended.is_set():  # nobody renews any more, whatever the reason
                self.lease_lost.set()

    def lost_lease(self) -> bool:
        """Whether another pass may run: told so, or not renewed in time by this machine's own monotonic clock.

        Safe to ask from any thread: the pass asks, too, since this thread may hang in a call. It is said before
        the lease ends on the server, so that what is cancelled then cannot write beside the next pass.
        """
        if monotonic() - self._renewed_at > self._ttl_s * 0.8:
            self.lease_lost.set()
        return self.lease_lost.is_set()

    def _done(self, duty: Callable[[], None]) -> bool:
        try:
            with bounded(self._ttl_s / 4):
                duty()
        except CloneError as error:
            emit(Event.HEARTBEAT_MISSED, reason=str(error))
            return False
        return True

    def stop(self) -> None:
        """End the thread and wait for its last write."""
        self._ended.set()
        if self.is_alive():
            self.join()

    def _beat(self) -> None:
        asked_at = monotonic()
        if not leases.renew(self._store, self._pass_id, self._ttl_s):
            self.lease_lost.set()
            return
        self._renewed_at = asked_at
        pulse = self.pulse
        leases.beat(self._store, pulse.claims, pulse.steps)

    def _write_progress(self) -> None:
        news = [(claim, p) for claim, p in self.pulse.progress if self._written.get(scope_of(claim)) != p]
        leases.write_progress(self._store, news)
        self._written = {scope_of(claim): p for claim, p in self.pulse.progress}
