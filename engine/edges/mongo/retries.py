"""Retry: an ended clone is asked for again, from where it stands; one transaction that compares before it writes.

Everything is read in one snapshot, and whatever was looked at is written to: a claim, another retry or an edit of a
page at the same moment is a write conflict for one of the two, and what lost begins anew on what then stands.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from pymongo import ReturnDocument
from pymongo.client_session import ClientSession

from engine.core.errors import ClaimLost
from engine.core.model import Claim, DocId
from engine.core.proof import edited_texts
from engine.core.state import State, WrongState, being_undone, state_of
from engine.edges import pipelines
from engine.edges.mongo.client import Document, Store, translated
from engine.edges.mongo.standing import a_part_is_not_done

_TEXTS = {"name": 1, "raw_html": 1, "clone.proof": 1}


@dataclass(frozen=True, slots=True)
class Revived:
    """The next pass takes the clone up."""

    funnel_id: DocId
    was: State
    steps: Sequence[DocId]
    """Pages that are to be cloned: those that hold errors of a completed clone, those that are left of another."""
    images: int
    """Records whose copy failed, and is tried again."""
    gone: Sequence[DocId] = ()
    """Pages that hold errors and stay as they are, since the original's page is gone."""


@dataclass(frozen=True, slots=True)
class EditedPage:
    """A page that is not as its clone wrote it."""

    step_id: DocId
    name: str
    texts: Sequence[str]
    """Which: ``html``, ``components``."""
    proved: bool
    """False: the page has no proof, so that an edit cannot be told; the old system made it."""


@dataclass(frozen=True, slots=True)
class Edited:
    """Pages that a retry would overwrite; nothing was written."""

    funnel_id: DocId
    pages: Sequence[EditedPage]


RetryOutcome = Revived | Edited | WrongState


def retry(store: Store, funnel_id: DocId, *, force: bool) -> RetryOutcome | None:
    """Ask for an ended clone again: what failed is done anew, what stands stays. None where there is no such clone.

    Args:
        store: The database.
        funnel_id: The clone.
        force: Overwrite pages that were edited since they were cloned, too.

    Safe to repeat: the second time it is refused, since the clone is asked for.
    """
    with translated(f"funnel {funnel_id}"):
        return store.transaction(partial(_write, store, funnel_id, force))


def _write(
    store: Store,
    funnel_id: DocId,
    force: bool,  # noqa: FBT001 - `partial` hands it on
    session: ClientSession,
) -> RetryOutcome | None:
    funnel = store.funnels.find_one({"_id": funnel_id, **pipelines.A_CLONE}, {"steps": 0}, session=session)
    if funnel is None:
        return None
    state = state_of(funnel)
    if state == "undoing":
        return being_undone(funnel_id)
    if state in ("asked", "waiting", "cloning"):
        what = {"asked": "asked for", "waiting": "asked for: it waits for its next try", "cloning": "in work"}[state]
        return WrongState(funnel_id, state, f"clone {funnel_id} is {what}; there is nothing to retry before it ends")
    images = store.images.count_documents({"ref_id": funnel_id, "clone.error": {"$exists": True}}, session=session)
    if state != "completed":
        claim = _ask_again(store, funnel, session)
        steps = _begin_left_anew(store, claim, session, force=force)
        return Revived(funnel_id, state, steps, images)
    return _retry_completed(store, funnel, images, session, force=force)


def _retry_completed(
    store: Store, funnel: Document, images: int, session: ClientSession, *, force: bool
) -> RetryOutcome:
    funnel_id = funnel["_id"]
    failed, gone = _failed_steps(store, funnel, session)
    mark = funnel.get("clone")
    told = mark.get("errors") if isinstance(mark, dict) else None
    if not (failed or gone or images or told):
        return WrongState(funnel_id, "completed", f"clone {funnel_id} is completed without errors: nothing to retry")
    if store.funnels.find_one({"_id": funnel["original_funnel_id"]}, {"_id": 1}, session=session) is None:
        reason = f"clone {funnel_id}: its original {funnel['original_funnel_id']} is gone, nothing of it can be retried"
        return WrongState(funnel_id, "completed", reason)
    edited = [] if force else list(_edited(store, failed, session))
    if edited:
        return Edited(funnel_id, edited)
    claim = _ask_again(store, funnel, session)
    _open(store, claim, failed, session, guarded=not force)
    return Revived(funnel_id, "completed", failed, images, gone)


def _failed_steps(store: Store, funnel: Document, session: ClientSession) -> tuple[list[DocId], list[DocId]]:
    """Pages of which a part failed, as they or their components say; then those of them whose original is gone."""
    funnel_id = funnel["_id"]
    with_errors = {"funnel_id": funnel_id, "errors.0": {"$exists": True}}
    told = {repr(found["step_id"]) for found in store.components.find(with_errors, {"step_id": 1}, session=session)}
    done = {"funnel_id": funnel_id, "original_step_id": {"$exists": True, "$ne": None}}
    fields = {"original_step_id": 1, "processed": 1}
    steps = [
        step
        for step in store.steps.find(done, fields, session=session).sort("_id", 1)
        if repr(step["_id"]) in told or a_part_is_not_done(step)
    ]
    sources = {"_id": {"$in": [step["original_step_id"] for step in steps]}, "funnel_id": funnel["original_funnel_id"]}
    there = {repr(found["_id"]) for found in store.steps.find(sources, {"_id": 1}, session=session)}
    gone = [step["_id"] for step in steps if repr(step["original_step_id"]) not in there]
    return [step["_id"] for step in steps if repr(step["original_step_id"]) in there], gone


def _edited(store: Store, step_ids: Sequence[DocId], session: ClientSession) -> Iterable[EditedPage]:
    """One page at a time: a funnel's texts together may be more than memory holds."""
    for step_id in step_ids:
        step = store.steps.find_one({"_id": step_id}, _TEXTS, session=session) or {}
        components = store.components.find_one(
            {"step_id": step_id}, {"components": 1}, sort=[("_id", 1)], session=session
        )
        proof = (step.get("clone") or {}).get("proof")
        texts = edited_texts(proof, step.get("raw_html"), (components or {}).get("components"))
        if texts:
            yield EditedPage(step_id, str(step.get("name", "")), texts, proved=isinstance(proof, dict))


def _ask_again(store: Store, funnel: Document, session: ClientSession) -> Claim:
    """The funnel's own write, and the mark that the steps then get; its epoch is nobody's to work under."""
    mark = funnel.get("clone")
    reasons = [] if not isinstance(mark, dict) else _sentences(mark.get("errors"))
    if funnel.get("original_funnel_deleted") is True:
        reasons.append(pipelines.source_gone_sentence(funnel["original_funnel_id"]))
    after = store.funnels.find_one_and_update(
        {"_id": funnel["_id"]},
        pipelines.asked_again(reasons),
        projection={"clone.epoch": 1},
        return_document=ReturnDocument.AFTER,
        session=session,
    )
    if after is None:  # not in a snapshot that has just read it
        raise ClaimLost(f"funnel {funnel['_id']} is gone")
    return Claim(
        funnel_id=funnel["_id"],
        original_id=funnel["original_funnel_id"],
        account_id=funnel.get("account_id"),
        epoch=after["clone"]["epoch"],
        run=0,
        attempt=0,
        pass_id="",
    )


def _sentences(errors: object) -> list[str]:
    return [error for error in errors if isinstance(error, str)] if isinstance(errors, list) else []


def _open(store: Store, claim: Claim, steps: Sequence[DocId], session: ClientSession, *, guarded: bool) -> None:
    """Done pages are to be cloned again; their texts stand until then. ``guarded``: unless edited meanwhile."""
    mark: dict[str, Any] = {"attempts": 0, "guarded": guarded}
    # A new version, so that a clone of this clone that was laid out before is planned anew.
    down = {"pending": True, "in_progress": False, "updatedAt": "$$NOW", "version": {"$toLong": "$$NOW"}}
    store.steps.update_many(
        {"_id": {"$in": list(steps)}}, [{"$set": {**down, **pipelines.taken_over(claim, mark)}}], session=session
    )
    # Their components were compared: an edit of them at the same moment must be a conflict.
    store.components.update_many(
        {"step_id": {"$in": list(steps)}}, [{"$set": pipelines.taken_over(claim, {})}], session=session
    )


def _begin_left_anew(store: Store, claim: Claim, session: ClientSession, *, force: bool) -> list[DocId]:
    """Attempts of the pages that are left begin anew; done ones stay done."""
    left = {"funnel_id": claim.funnel_id, "original_step_id": {"$exists": True}, "pending": True}
    found = [step["_id"] for step in store.steps.find(left, {"_id": 1}, session=session).sort("_id", 1)]
    unguarded = [{"$unset": ["clone.guarded"]}] if force else []
    store.steps.update_many(
        {**left, "clone.funnel_id": claim.funnel_id},
        [{"$set": {"clone.attempts": 0, "clone.epoch": claim.epoch, "updatedAt": "$$NOW"}}, *unguarded],
        session=session,
    )
    return found
