"""``cancel``: a clone that is asked for, waits or is in work ends; what was made stays, for a retry or an undo."""

from typing import Any

from engine.core.state import WrongState
from engine.edges.mongo.cancels import Cancelled, Thresholds
from engine.edges.mongo.client import Store
from engine.flow import complete
from engine.settings import ScanSettings, StepSettings
from engine.telemetry import Event, emit
from engine.upkeep.clone_named import Unknown, clone_named, unknown

__all__ = ["CancelOutcome", "Cancelled", "Unknown", "WrongState", "cancel", "told"]

CancelOutcome = Cancelled | WrongState | Unknown


def cancel(store: Store, clone: str, scan: ScanSettings, steps: StepSettings) -> CancelOutcome:
    """Cancel the clone whose id reads ``clone``, whoever works on it; its users are told once. Safe to repeat.

    A pass that works on it finds its fence gone: it lets go within seconds and writes nothing more. MongoDB is all
    that this needs.

    Returns:
        WrongState: It has ended already, or is in the hands of the old system; nothing was written.

    Raises:
        StoreUnavailable: MongoDB is away; trying again may help.
    """
    named = clone_named(store, clone)
    if isinstance(named, Unknown):
        return named
    thresholds = Thresholds(scan.funnel_stale_minutes, steps.stale_minutes)
    outcome = complete.cancel(store, named.funnel_id, thresholds)
    if outcome is None:
        return unknown(clone)
    if isinstance(outcome, Cancelled):
        emit(Event.FUNNEL_CANCELLED, funnel_id=outcome.funnel_id, was=outcome.was, steps_done=outcome.steps_done)
    return outcome


def told(done: Cancelled) -> dict[str, Any]:
    """What a cancel came to, as commands and calls tell it."""
    return {
        "funnel_id": str(done.funnel_id),
        "state": "cancelled",
        "was": done.was,
        "run": done.run,
        "steps_done": done.steps_done,
        "steps_left": done.steps_left,
    }
