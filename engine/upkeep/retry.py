"""``retry``: an ended clone is asked for again, from where it stands; the next pass does the work."""

from engine.core.state import WrongState
from engine.edges.mongo import retries
from engine.edges.mongo.client import Store
from engine.edges.mongo.retries import Edited, EditedPage, Revived
from engine.telemetry import Event, emit
from engine.upkeep.clone_named import Unknown, clone_named, unknown

__all__ = ["Edited", "EditedPage", "RetryOutcome", "Revived", "Unknown", "WrongState", "retry"]

RetryOutcome = Revived | Edited | WrongState | Unknown


def retry(store: Store, clone: str, *, force: bool) -> RetryOutcome:
    """Flag the clone whose id reads ``clone`` for another try; writes flags alone. Safe to repeat.

    One that failed, was cancelled or lost its original goes on where it stood: done pages stay done. Of one that
    completed with errors the pages that hold errors are cloned again, and images that failed are copied.

    Returns:
        Edited: Pages that would be overwritten were edited since they were cloned, and ``force`` is not given.
        WrongState: It has not ended, or has nothing to retry. In both cases nothing was written.

    Raises:
        StoreUnavailable: MongoDB is away; trying again may help.
    """
    named = clone_named(store, clone)
    if isinstance(named, Unknown):
        return named
    outcome = retries.retry(store, named.funnel_id, force=force)
    if outcome is None:
        return unknown(clone)
    if isinstance(outcome, Revived):
        emit(Event.FUNNEL_ASKED_AGAIN, funnel_id=outcome.funnel_id, was=outcome.was, steps=len(outcome.steps))
    return outcome
