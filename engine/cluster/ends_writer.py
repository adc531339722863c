"""Writes how funnels end, or that they wait; what MongoDB does not take now is written with the next news."""

from collections.abc import Callable

from engine.cluster import metrics
from engine.cluster.in_hand import FunnelInHand
from engine.cluster.pass_state import PassState
from engine.core.errors import ClaimLost, CloneError, TransientError
from engine.edges.mongo import ends
from engine.edges.mongo.client import Store, bounded
from engine.flow import complete
from engine.telemetry import Event, emit


class EndsWriter:
    """Ends that no task writes: parked, waiting, source gone. A completed funnel's end is its finish task's."""

    def __init__(self, store: Store, state: PassState, patience_s: float) -> None:
        """Nothing is to be written yet; ``patience_s``: the longest that one end may take."""
        self._patience_s = patience_s
        self._store = store
        self._state = state
        self._open: list[tuple[FunnelInHand, Callable[[], None]]] = []

    def park(self, funnel: FunnelInHand, reason: str) -> None:
        """The funnel has failed for good; users are told."""

        def write() -> None:
            complete.park(self._store, funnel.claim, reason)
            self._state.tally.failed += 1
            self._state.measures.count(metrics.FUNNELS, outcome="failed")
            self._state.tally.add_problem(f"funnel {funnel.claim.funnel_id} failed: {reason}")
            emit(Event.FUNNEL_FAILED, funnel_id=funnel.claim.funnel_id, reason=reason)

        self._put(funnel, write)

    def wait(self, funnel: FunnelInHand, reason: str, delay_s: float, *, counts: bool) -> None:
        """The funnel is due again in ``delay_s``; ``counts``: as an attempt."""

        def write() -> None:
            ends.wait(self._store, funnel.claim, delay_s, reason, counts=counts)
            self._state.tally.waiting += 1
            self._state.measures.count(metrics.FUNNELS, outcome="waiting")
            if counts:
                self._state.tally.add_problem(f"funnel {funnel.claim.funnel_id} waits for its next attempt: {reason}")
            emit(Event.FUNNEL_WAITS, funnel_id=funnel.claim.funnel_id, reason=reason, seconds=round(delay_s, 1))

        self._put(funnel, write)

    def source_gone(self, funnel: FunnelInHand) -> None:
        """The original does not exist."""

        def write() -> None:
            claim = funnel.claim
            complete.end_source_gone(self._store, claim)
            self._state.tally.failed += 1
            self._state.tally.source_deleted += 1
            self._state.measures.count(metrics.FUNNELS, outcome="source deleted")
            self._state.tally.add_problem(f"funnel {claim.funnel_id}: its original {claim.original_id} is gone")
            emit(Event.SOURCE_DELETED, funnel_id=claim.funnel_id, original_id=claim.original_id)

        self._put(funnel, write)

    def write(self) -> None:
        """Write what is open. Safe to repeat: each end is one fenced transaction."""
        open_, self._open = self._open, []
        for funnel, write in open_:
            try:
                with bounded(self._patience_s):
                    write()
            except ClaimLost:
                self._state.lose(funnel)
            except TransientError as error:
                emit(Event.WRITE_DELAYED, funnel_id=funnel.claim.funnel_id, reason=str(error))
                self._open.append((funnel, write))
            except CloneError as error:
                # A document that MongoDB refuses holds up no other funnel; the next pass finds this one stale.
                self._state.tally.add_problem(f"funnel {funnel.claim.funnel_id}: its end cannot be written: {error}")
                emit(
                    Event.TASK_FAILED, funnel_id=funnel.claim.funnel_id, task="end", decision="fail", reason=str(error)
                )
                self._state.drop(funnel)
            else:
                self._state.drop(funnel)

    def _put(self, funnel: FunnelInHand, write: Callable[[], None]) -> None:
        funnel.phase = "ending"
        self._state.window.drop(funnel.scope)
        self._open.append((funnel, write))
