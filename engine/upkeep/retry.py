"""``retry``: an ended clone is asked for again, from where it stands; the next pass does the work."""

from typing import Any

from engine.core.state import WrongState
from engine.edges.mongo import retries
from engine.edges.mongo.client import Store
from engine.edges.mongo.retries import Edited, EditedPage, Revived
from engine.telemetry import Event, emit
from engine.upkeep.clone_named import Unknown, clone_named, unknown

__all__ = [
    "Edited",
    "EditedPage",
    "RetryOutcome",
    "Revived",
    "Unknown",
    "WrongState",
    "retry",
    "told",
    "told_edited",
    "why",
]

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


def told(done: Revived) -> dict[str, Any]:
    """What a retry came to, as commands and calls tell it."""
    return {
        "funnel_id": str(done.funnel_id),
        "state": "asked",
        "was": done.was,
        "steps": [str(step_id) for step_id in done.steps],
        "images": done.images,
        "gone": [str(step_id) for step_id in done.gone],
    }


def told_edited(outcome: Edited) -> list[dict[str, Any]]:
    """The pages that hinder a retry, as commands and calls tell them."""
    return [
        {"step_id": str(page.step_id), "name": page.name, "texts": list(page.texts), "reason": why(page)}
        for page in outcome.pages
    ]


def why(page: EditedPage) -> str:
    """Why a page would be overwritten, in words."""
    if page.proved:
        return f"its {' and '.join(page.texts)} was edited since it was cloned"
    return "the old system cloned it, so whether it was edited since cannot be told"
