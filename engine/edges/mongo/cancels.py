"""Cancel: a clone ends because somebody says so, in whatever state it is; one transaction, fenced by its own read.

The funnel is read and written in one snapshot: whoever claims, ends or gives it back at the same moment is a write
conflict for one of the two, and what lost begins anew on what then stands.
"""

from dataclasses import dataclass
from functools import partial
from typing import Any

from pymongo import ReturnDocument
from pymongo.client_session import ClientSession

from engine.core.model import Claim, DocId
from engine.core.state import ENDED, State, WrongState, being_undone, in_other_hands, state_of
from engine.edges import pipelines
from engine.edges.mongo.client import Document, Store, translated
from engine.edges.mongo.ends import Event, active_users, tell

_FIELDS = {
    "account_id": 1,
    "original_funnel_id": 1,
    "pending": 1,
    "in_progress": 1,
    "original_funnel_deleted": 1,
    "clone.state": 1,
}


@dataclass(frozen=True, slots=True)
class Cancelled:
    """What a cancel came to."""

    funnel_id: DocId
    was: State
    run: int
    """The run that ended so; its event is in the outbox."""
    steps_done: int
    steps_left: int
    """Laid down: pending, and in nobody's hands."""


@dataclass(frozen=True, slots=True)
class Thresholds:
    """After how long what the old system took counts as nobody's, in minutes."""

    funnel_stale_minutes: float
    step_stale_minutes: float


def cancel(
    store: Store, funnel_id: DocId, reason: str, event: Event, thresholds: Thresholds
) -> Cancelled | WrongState | None:
    """End a clone as ``cancelled``: flags, steps and event in one transaction; None where there is no such clone.

    A claim of ours loses its fence: whoever works on it finds nothing to write to any more. What the old system took
    has no fence: it is refused until it is stale. Safe to repeat: the second time it is refused as ended.
    """
    with translated(f"funnel {funnel_id}"):
        return store.transaction(partial(_write, store, funnel_id, reason, event, thresholds))


def _write(
    store: Store, funnel_id: DocId, reason: str, event: Event, thresholds: Thresholds, session: ClientSession
) -> Cancelled | WrongState | None:
    before = _read(store, funnel_id, thresholds.funnel_stale_minutes, session)
    if before is None:
        return None
    state = state_of(before)
    if state == "undoing":
        return being_undone(funnel_id)
    if state in ENDED:
        return WrongState(funnel_id, state, f"clone {funnel_id} has ended already: it is {state}")
    if in_other_hands(before) and not before["stale"]:
        whose = "no pass of this engine holds it: the system before it is respected"
        limit = f"until it has not touched it for {thresholds.funnel_stale_minutes:g} minutes"
        return WrongState(funnel_id, state, f"clone {funnel_id} is in work, but {whose} {limit}")
    after = store.funnels.find_one_and_update(
        {"_id": funnel_id},
        pipelines.cancelled(reason),
        projection={"updatedAt": 1, "clone.run": 1, "clone.epoch": 1},
        return_document=ReturnDocument.AFTER,
        session=session,
    )
    if after is None:  # not in a snapshot that has just read it
        return None
    ended = Claim(
        funnel_id=funnel_id,
        original_id=before["original_funnel_id"],
        account_id=before.get("account_id"),
        epoch=after["clone"]["epoch"],
        run=after["clone"]["run"],
        attempt=0,
        pass_id="",
    )
    _lay_down_steps(store, ended, thresholds.step_stale_minutes, session)
    users = active_users(store, ended.account_id)
    tell(store, ended, "cancelled", event, users, after["updatedAt"], session)
    done, left = _count_steps(store, funnel_id, session)
    return Cancelled(funnel_id, state, ended.run, done, left)


def _read(store: Store, funnel_id: DocId, stale_minutes: float, session: ClientSession) -> Document | None:
    stale = {"stale": pipelines.age_at_least("$updatedAt", stale_minutes)}
    stages: list[Document] = [
        {"$match": {"_id": funnel_id, **pipelines.A_CLONE}},
        {"$project": {**_FIELDS, **stale}},
    ]
    return next(iter(store.funnels.aggregate(stages, session=session)), None)


def _lay_down_steps(store: Store, ended: Claim, stale_minutes: float, session: ClientSession) -> None:
    """Every unfinished step, of whichever claim of ours; what the old system has in work only once it is stale."""
    down: dict[str, Any] = {"pending": True, "in_progress": False, "updatedAt": "$$NOW"}
    unfinished = {"$or": [{"pending": True}, {"in_progress": True}]}
    store.steps.update_many(
        {"funnel_id": ended.funnel_id, "clone.funnel_id": ended.funnel_id, **unfinished},
        [{"$set": {**down, "clone.epoch": ended.epoch}}],
        session=session,
    )
    theirs = {"clone.funnel_id": {"$ne": ended.funnel_id}, "original_step_id": {"$exists": True}, "in_progress": True}
    stale = {"$expr": pipelines.age_at_least("$updatedAt", stale_minutes)}
    store.steps.update_many({"funnel_id": ended.funnel_id, **theirs, **stale}, [{"$set": down}], session=session)


def _count_steps(store: Store, funnel_id: DocId, session: ClientSession) -> tuple[int, int]:
    fields = {"pending": 1, "in_progress": 1}
    copies = {"funnel_id": funnel_id, "original_step_id": {"$exists": True}}
    steps = list(store.steps.find(copies, fields, session=session))
    left = sum(step.get("pending") is True or step.get("in_progress") is True for step in steps)
    return len(steps) - left, left
