"""Undos that this gateway has in hand: each in a thread of its own, one for a clone however often it is asked for.

A call waits for a moment, and is told that the clone is being undone where that is not enough. What a gateway that
ends has not done yet is left as it stands, and the next undo goes on with it.
"""

from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as NotYet
from threading import Event as Flag
from threading import Lock
from typing import Any

from engine.core.errors import ClaimLost
from engine.core.state import WrongState
from engine.edges.mongo.client import Store
from engine.edges.s3 import Objects
from engine.gateway.needs import Needs
from engine.telemetry import Event, events
from engine.upkeep import undo
from engine.upkeep.clone_named import Unknown, clone_named
from engine.upkeep.undo import Begun, Edited, Undone, Watch
from engine.upkeep.undo_told import told, told_begun

log = events(__name__)

AT_ONCE = 4
ANSWER_S = 10.0


class _Ending(Exception):
    """The gateway ends."""


class Undoing:
    """Safe to share between threads."""

    def __init__(self, store: Store, needs: Needs) -> None:
        self._store, self._needs = store, needs
        self._objects = None if needs.s3 is None else Objects(needs.s3)
        self._threads = ThreadPoolExecutor(AT_ONCE, "undo")
        self._ending, self._lock = Flag(), Lock()
        self._in_hand: dict[str, tuple[Begun, Future[Undone]]] = {}

    @property
    def offered(self) -> bool:
        """Whether this gateway knows the object store."""
        return self._objects is not None

    def undo(self, clone: str, *, force: bool, keep_funnel: bool) -> dict[str, Any] | Edited | WrongState | Unknown:
        """What was removed, or what is being removed.

        Raises:
            CloneError: As ``upkeep.undo``.
        """
        named = clone_named(self._store, clone)
        if isinstance(named, Unknown):
            return named
        name = repr(named.funnel_id)
        with self._lock:
            if name not in self._in_hand:
                how = undo.asked(self._needs.steps, self._needs.copy, force=force, keep_funnel=keep_funnel)
                begun = undo.begin(self._store, clone, how)
                if not isinstance(begun, Begun):
                    return begun
                self._in_hand[name] = begun, self._threads.submit(self._remove, name, begun)
            begun, work = self._in_hand[name]
        try:
            return told(work.result(ANSWER_S))
        except NotYet:
            return told_begun(begun)
        except ClaimLost as error:
            return WrongState(begun.funnel_id, "undoing", str(error))

    def close(self) -> None:
        """Let go of what is in hand, between two batches; does not wait for it."""
        self._ending.set()
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _remove(self, name: str, begun: Begun) -> Undone:
        assert self._objects is not None
        assert self._needs.s3 is not None
        watch = Watch(progress=lambda *_: self._go_on(), pause=self._pause)
        try:
            return undo.remove(self._store, self._objects, self._needs.s3, begun, watch)
        except _Ending:
            raise
        except Exception as error:
            # Nobody may be waiting for it any more.
            log.emit(Event.UNDO_BROKEN_OFF, funnel_id=begun.funnel_id, reason=str(error) or repr(error))
            raise
        finally:
            with self._lock:
                self._in_hand.pop(name, None)

    def _go_on(self) -> None:
        if self._ending.is_set():
            raise _Ending

    def _pause(self, seconds: float) -> None:
        self._ending.wait(seconds)
        self._go_on()
