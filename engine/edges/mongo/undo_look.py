"""What an undo would remove, or why there will be none: read in one snapshot, nothing is written."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from pymongo.client_session import ClientSession

from engine.core.model import DocId
from engine.core.state import State, WrongState, state_of
from engine.edges import pipelines
from engine.edges.mongo import undo_updates
from engine.edges.mongo.client import Document, Store, translated
from engine.edges.mongo.undo_edits import EditedPart, edited_parts
from engine.edges.mongo.undo_parts import Parts, count_parts, read_own

_LATER_CLONES_TOLD = 5
_NOT_ENDED = {"asked": "asked for", "waiting": "asked for: it waits for its next try", "cloning": "in work"}


@dataclass(frozen=True, slots=True)
class Asked:
    """How an undo is to be done."""

    force: bool
    """Whatever was edited since."""
    keep_funnel: bool
    step_stale_minutes: float
    """After how long a page that the old system has in work counts as nobody's."""
    copies_s: float
    """For how long behind the last sign of life of a run that was cut off its copies may still arrive."""
    deletes_s: float
    """For how long an undo that was overtaken may still delete."""


@dataclass(frozen=True, slots=True)
class Found:
    """What an undo would remove; nothing was written."""

    funnel_id: DocId
    name: str
    was: State
    parts: Parts
    age_s: float | None
    """Seconds since the clone's last end, when its objects were there; None where nothing tells."""


@dataclass(frozen=True, slots=True)
class Edited:
    """What was edited since it was cloned; nothing was written."""

    funnel_id: DocId
    parts: Sequence[EditedPart]


def look(store: Store, funnel_id: DocId, asked: Asked) -> Found | Edited | WrongState | None:
    """What an undo would remove, or why there will be none. None where there is no such clone. Writes nothing."""
    with translated(f"funnel {funnel_id}"):
        return store.transaction(partial(look_at, store, funnel_id, asked))


def look_at(store: Store, funnel_id: DocId, asked: Asked, session: ClientSession) -> Found | Edited | WrongState | None:
    """The same in a transaction that goes on to write."""
    funnel = _read(store, funnel_id, session)
    if funnel is None:
        return None
    state, own = state_of(funnel), read_own(store, funnel, session)
    if state != "undoing":
        refused = _refused(store, funnel, state, asked, session)
        if refused is not None:
            return refused
        edited = [] if asked.force else list(edited_parts(store, funnel, own, session))
        if edited:
            return Edited(funnel_id, edited)
    age_ms, parts = funnel.get("age_ms"), count_parts(store, own, session)
    return Found(funnel_id, str(funnel.get("name", "")), state, parts, None if age_ms is None else age_ms / 1000)


def copies_may_arrive(store: Store, funnel_id: DocId, was: State, session: ClientSession) -> bool:
    """Whether a run was cut off with copies on their way; one that completed at its first try has none."""
    if was != "completed":
        return True
    cleanly = {"_id": funnel_id, "clone.state": "completed", "clone.attempts": {"$lte": 1}}
    if store.funnels.find_one(cleanly, {"_id": 1}, session=session) is None:
        return True
    again = {"funnel_id": funnel_id, "clone.attempts": {"$gt": 1}}
    return store.steps.find_one(again, {"_id": 1}, session=session) is not None


def _read(store: Store, funnel_id: DocId, session: ClientSession) -> Document | None:
    stages: list[Document] = [
        {"$match": {"_id": funnel_id, **pipelines.A_CLONE}},
        {"$unset": "steps"},
        {"$set": {"age_ms": undo_updates.age_ms()}},
    ]
    return next(iter(store.funnels.aggregate(stages, session=session)), None)


def _refused(
    store: Store, funnel: Mapping[str, Any], state: State, asked: Asked, session: ClientSession
) -> WrongState | None:
    funnel_id = funnel["_id"]
    if state in _NOT_ENDED:
        return WrongState(funnel_id, state, f"clone {funnel_id} is {_NOT_ENDED[state]}; cancel it first")
    theirs = {"funnel_id": funnel_id, "in_progress": True, "clone.funnel_id": {"$ne": funnel_id}}
    fresh = {"$expr": {"$not": [pipelines.age_at_least("$updatedAt", asked.step_stale_minutes)]}}
    step = store.steps.find_one({**theirs, **fresh}, {"_id": 1}, session=session)
    if step is not None:
        reason = f"clone {funnel_id}: its page {step['_id']} is in work, in the hands of the system before this one"
        return WrongState(funnel_id, state, reason)
    of_it = {"original_funnel_id": funnel_id, "_id": {"$ne": funnel_id}}
    later = list(store.funnels.find(of_it, {"_id": 1}, session=session).sort("_id", 1).limit(_LATER_CLONES_TOLD))
    if later:
        named = ", ".join(str(clone["_id"]) for clone in later)
        return WrongState(funnel_id, state, f"clone {funnel_id} was cloned itself: undo {named} first")
    return None
