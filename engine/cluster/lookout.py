"""The lookout: one thread of the driver that sees which claims somebody else has taken, and ends their work.

Neither the heartbeat's duty nor the pass's: their writes may wait, for a majority or for a lock, while a read answers
at once. Who cancels a clone waits for nothing of the kind.
"""

import threading
from collections.abc import Callable
from typing import Any

from engine.cluster.heartbeat import Heartbeat
from engine.core.errors import CloneError
from engine.core.model import scope_of
from engine.edges.mongo import leases
from engine.edges.mongo.client import Store, bounded
from engine.telemetry import Event, emit

# A cancel must be seen within 5 s, whatever the lease: the wait for a look, one that hangs, and one that answers.
LOOK_EVERY_S = 1.5
LOOK_PATIENCE_S = 1.5
LOOK_AGAIN_S = 0.2


class Lookout(threading.Thread):
    """Runs from ``start()`` until ``stop()``."""

    def __init__(self, store: Store, heartbeat: Heartbeat, end_task: Callable[[Any], None]) -> None:
        """The heartbeat has the pulse, and is told what is lost; ``end_task`` is called from this thread."""
        super().__init__(name="lookout", daemon=True)
        self._store = store
        self._heartbeat = heartbeat
        self._end_task = end_task
        self._ended = threading.Event()

    def run(self) -> None:
        """Look until stopped; a look that fails is soon made again."""
        wait_s = LOOK_EVERY_S
        try:
            while not self._ended.wait(wait_s):
                wait_s = LOOK_EVERY_S if self._looked() else LOOK_AGAIN_S
        finally:
            if not self._ended.is_set():  # nobody looks any more, whatever the reason: the pass must not go on
                self._heartbeat.lease_lost.set()

    def stop(self) -> None:
        """End the thread and wait for its last look."""
        self._ended.set()
        if self.is_alive():
            self.join()

    def _looked(self) -> bool:
        try:
            with bounded(LOOK_PATIENCE_S):
                self._look()
        except CloneError as error:
            emit(Event.LOOK_MISSED, reason=str(error))
            return False
        return True

    def _look(self) -> None:
        pulse = self._heartbeat.pulse
        lost = frozenset(scope_of(claim) for claim in leases.lost_claims(self._store, pulse.claims))
        # Said before anything ends: the pass must know why a task of it died.
        self._heartbeat.lost = lost
        for scope, task in pulse.tasks:
            if scope in lost:
                self._end_task(task)
