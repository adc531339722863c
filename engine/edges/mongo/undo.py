"""Undo: begun, held and ended; each a transaction on the funnel, whose state and epoch are the fence.

While a clone's state is ``undoing`` no claim, cancel, retry or repair can take it. Each undo raises the epoch: of two,
the later one goes on with the work, and the earlier one finds its fence gone before its next batch.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from pymongo import ReturnDocument
from pymongo.client_session import ClientSession

from engine import crash_points
from engine.core.errors import ClaimLost
from engine.core.model import DocId
from engine.core.state import State, WrongState
from engine.edges.mongo import undo_updates
from engine.edges.mongo.client import Document, Store, translated
from engine.edges.mongo.undo_look import Asked, Edited, Found, copies_may_arrive, look_at
from engine.edges.mongo.undo_parts import Own, Parts, Stranger, read_own, read_strangers


@dataclass(frozen=True, slots=True)
class Begun:
    """The clone is in the hands of this undo."""

    funnel_id: DocId
    account_id: DocId
    original_id: DocId
    was: State
    epoch: int
    """The fence of all that follows."""
    keep_funnel: bool
    own: Own
    parts: Parts
    resumed: bool
    """Another undo had begun."""


@dataclass(frozen=True, slots=True)
class Ended:
    """Nothing of the clone is left."""

    funnel_kept: bool
    strangers: Sequence[Stranger]
    """What stands in the funnel and was not the clone's; the funnel is kept for it."""


def begin(store: Store, funnel_id: DocId, asked: Asked) -> Begun | Edited | WrongState | None:
    """Take an ended clone out of everybody's hands, or over from another undo. None where there is no such clone.

    One transaction that compares, then writes to whatever it has compared, so that an edit at the same moment is a
    write conflict. Safe to repeat: each repeat takes over.
    """
    with translated(f"funnel {funnel_id}"):
        begun = store.transaction(partial(_begin, store, funnel_id, asked))
    if isinstance(begun, Begun):
        crash_points.reached("undo.begun", funnel_id)
    return begun


def hold(store: Store, begun: Begun, session: ClientSession | None = None) -> None:
    """Tell that this undo lives, if it is still the one: comes before whatever it removes.

    Raises:
        ClaimLost: Another undo took it over, or has ended it.
    """
    with translated(f"funnel {begun.funnel_id}"):
        held = store.funnels.update_one(_held(begun), undo_updates.renewed(), session=session)
        if held.matched_count != 1:
            raise ClaimLost(f"clone {begun.funnel_id}: another undo has taken over")
    if session is None:
        crash_points.reached("undo.held", begun.funnel_id)


def waits_s(store: Store, begun: Begun) -> tuple[float, float]:
    """Seconds until no copy can arrive any more, and until no overtaken undo can delete any more."""
    stages: list[Document] = [{"$match": _held(begun)}, {"$project": undo_updates.waits()}]
    with translated(f"funnel {begun.funnel_id}"):
        left = next(iter(store.funnels.aggregate(stages)), {})
    return float(left.get("copies_s", 0)), float(left.get("deletes_s", 0))


def end(store: Store, begun: Begun) -> Ended | None:
    """Remove the funnel, or leave it as a cancelled clone: where that is asked for, or something stands in it.

    None where something of the clone's own is left, or has come: then nothing was written.

    Raises:
        ClaimLost: Another undo took it over, or has ended it.
    """
    with translated(f"funnel {begun.funnel_id}"):
        ended = store.transaction(partial(_end, store, begun))
    if ended is not None:
        crash_points.reached("undo.ended", begun.funnel_id)
    return ended


def _begin(store: Store, funnel_id: DocId, asked: Asked, session: ClientSession) -> Begun | Edited | WrongState | None:
    found = look_at(store, funnel_id, asked, session)
    if not isinstance(found, Found):
        return found
    resumed = found.was == "undoing"
    late = resumed or copies_may_arrive(store, funnel_id, found.was, session)
    update = undo_updates.begun(
        found.was, keep_funnel=asked.keep_funnel, copies_s=asked.copies_s if late else None, deletes_s=asked.deletes_s
    )
    after = store.funnels.find_one_and_update(
        {"_id": funnel_id}, update, return_document=ReturnDocument.AFTER, session=session
    )
    if after is None:  # not in a snapshot that has just read it
        return None
    mark, own = after["clone"], read_own(store, after, session)
    # Late writers end here, and whoever edits what was compared conflicts with this.
    ours = {"clone.funnel_id": funnel_id}
    for collection, filter_ in ((store.steps, own.steps), (store.components, own.components), (store.forms, own.forms)):
        collection.update_many({"$and": [filter_, ours]}, {"$set": {"clone.epoch": mark["epoch"]}}, session=session)
    crash_points.reached("undo.beginning", funnel_id)
    return Begun(
        funnel_id=funnel_id,
        account_id=after.get("account_id"),
        original_id=after["original_funnel_id"],
        was=mark["undo"]["was"],
        epoch=mark["epoch"],
        keep_funnel=mark["undo"]["keep_funnel"],
        own=own,
        parts=found.parts,
        resumed=resumed,
    )


def _end(store: Store, begun: Begun, session: ClientSession) -> Ended | None:
    hold(store, begun, session)
    own = begun.own
    of_it = ((store.images, own.images), (store.forms, own.forms), (store.components, own.components))
    for collection, filter_ in (*of_it, (store.steps, own.steps)):
        if collection.find_one(filter_, {"_id": 1}, session=session) is not None:
            return None
    strangers = read_strangers(store, own, session)
    kept = begun.keep_funnel or bool(strangers)
    tombstone = undo_updates.tombstone(begun.account_id, begun.original_id, funnel_kept=kept)
    store.tombstones.update_one({"_id": {"funnel": begun.funnel_id}}, tombstone, upsert=True, session=session)
    if kept:
        store.funnels.update_one(_held(begun), undo_updates.emptied(own.strange_steps), session=session)
    else:
        store.funnels.delete_one(_held(begun), session=session)
    crash_points.reached("undo.ending", begun.funnel_id)
    return Ended(kept, strangers)


def _held(begun: Begun) -> Document:
    return {"_id": begun.funnel_id, "clone.state": "undoing", "clone.epoch": begun.epoch}
