"""How a funnel ends, or waits: flags by compare and set, and the event beside them in one transaction (D15).

Whatever crashes, an end is written whole or not at all; the event's ``_id`` is made of the funnel, its run and the
outcome, so that a repeat cannot tell users twice.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pymongo import ReturnDocument
from pymongo.client_session import ClientSession

from engine import crash_points
from engine.core.errors import ClaimLost
from engine.core.model import Claim, DocId
from engine.edges import pipelines
from engine.edges.mongo.client import Document, Store, translated


@dataclass(frozen=True, slots=True)
class Event:
    """A notification: its name and payload are the contract's (section 3)."""

    name: str
    payload: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class StepsLeft:
    """What a clone's steps say at its end."""

    unfinished: list[DocId]
    proofs: list[tuple[str, Mapping[str, str]]]
    """(text of the step's id, its proof), in the order of ids."""


def read_steps_left(store: Store, claim: Claim, step_ids: Sequence[DocId]) -> StepsLeft:
    """Which of a plan's steps are not done, and the proofs of those that are; a user's own pages are not judged."""
    fields = {"pending": 1, "in_progress": 1, "clone.proof": 1}
    planned = {repr(step_id) for step_id in step_ids}
    with translated(f"steps of funnel {claim.funnel_id}"):
        found = store.steps.find({"funnel_id": claim.funnel_id}, fields).sort("_id", 1)
        steps = [step for step in found if repr(step["_id"]) in planned]
    unfinished = [s["_id"] for s in steps if s.get("pending") is True or s.get("in_progress") is True]
    proofs = [(str(step["_id"]), (step.get("clone") or {}).get("proof") or {}) for step in steps]
    return StepsLeft(unfinished, proofs)


def read_images_left(store: Store, claim: Claim) -> list[Document]:
    """Image records without an object yet, and without a failure that says why."""
    left = {"ref_id": claim.funnel_id, "uploaded": {"$ne": True}, "clone.error": None}
    with translated(f"images of funnel {claim.funnel_id}"):
        return list(store.images.find(left, {"_id": 1}))


def read_errors(store: Store, claim: Claim) -> list[str]:
    """What could not be cloned: each sentence once, sorted."""
    with translated(f"components of funnel {claim.funnel_id}"):
        found = store.components.find({"funnel_id": claim.funnel_id, "errors.0": {"$exists": True}}, {"errors": 1})
        errors = {str(error) for components in found for error in components["errors"]}
    return sorted(errors)


def read_failed_images(store: Store, claim: Claim) -> list[Document]:
    """Image records whose copy failed, with ``source_key`` and ``clone.error``."""
    failed = {"ref_id": claim.funnel_id, "clone.error": {"$exists": True}}
    with translated(f"images of funnel {claim.funnel_id}"):
        return list(store.images.find(failed, {"source_key": 1, "clone.error": 1}))


def active_users(store: Store, account_id: DocId) -> list[str]:
    """Ids of the account's active users, as text (B4, B20)."""
    with translated(f"users of account {account_id}"):
        users = store.db["users"].find({"account": account_id, "active": True}, {"_id": 1}).sort("_id", 1)
        return [str(user["_id"]) for user in users]


def end(
    store: Store, claim: Claim, state: str, event: Event, fields: Mapping[str, Any], error: str | None = None
) -> None:
    """Clear the flags, write the outcome, put the event into the outbox: one transaction.

    Safe to repeat: an end that was written, and whose answer was lost with its worker, is taken for the end it is.

    Args:
        store: The database.
        claim: Ours; the epoch is compared and raised.
        state: ``completed``, ``failed``, ``cancelled`` or ``source_deleted``.
        event: What users hear.
        fields: More fields of the funnel, dotted names -> values.
        error: A sentence that the funnel's ``error`` gains.

    Raises:
        ClaimLost: Somebody else holds the funnel: nothing is written and nobody is told.
    """
    users = active_users(store, claim.account_id)
    update = pipelines.ended(state, fields)
    if error is not None:
        update.append(pipelines.gains_error(error))

    def body(session: ClientSession) -> None:
        funnel = _fenced(store, claim, update, session)
        if state != "completed":
            _lay_down_steps(store, claim, session)
        tell(store, claim, state, event, users, funnel["updatedAt"], session)
        crash_points.reached("end.writing", claim.funnel_id)

    with translated(f"end of funnel {claim.funnel_id}"):
        try:
            store.transaction(body)
        except ClaimLost:
            if not _ended_by_us(store, claim, state):
                raise
    crash_points.reached("end.written", claim.funnel_id)


def _ended_by_us(store: Store, claim: Claim, state: str) -> bool:
    """Whether this very claim was ended so: a successor's end would be two epochs on, its claim and its end."""
    ended = {"_id": claim.funnel_id, "clone.epoch": claim.epoch + 1, "clone.run": claim.run, "clone.state": state}
    return store.funnels.count_documents(ended) == 1


def tell(
    store: Store, claim: Claim, state: str, event: Event, users: list[str], now: datetime, session: ClientSession
) -> None:
    """Put the event into the outbox, in the transaction that clears the flags: nobody was told of this run yet.

    Args:
        store: The database.
        claim: Whose funnel, account and run it is about.
        state: How the run ended; part of the event's ``_id``.
        event: What users hear.
        users: Who hears it.
        now: The server's time.
        session: The transaction's.
    """
    notification = {
        "event": event.name,
        "user_ids": users,
        "account_id": claim.account_id,
        "payload": dict(event.payload),
        "created_at": now,
        "delivered_at": None,
    }
    told = {"_id": f"{claim.funnel_id}:{claim.run}:{state}"}
    store.outbox.update_one(told, {"$setOnInsert": notification}, upsert=True, session=session)


def wait(store: Store, claim: Claim, delay_s: float, reason: str, *, counts: bool) -> None:
    """Give the funnel back until ``delay_s`` from now; unfinished steps are pending again. Safe to repeat.

    Raises:
        ClaimLost: Somebody else holds the funnel.
    """

    def body(session: ClientSession) -> None:
        _fenced(store, claim, pipelines.waits(delay_s, reason, counts=counts), session)
        _lay_down_steps(store, claim, session)
        crash_points.reached("wait.writing", claim.funnel_id)

    with translated(f"funnel {claim.funnel_id}"):
        store.transaction(body)
    crash_points.reached("wait.written", claim.funnel_id)


def _fenced(store: Store, claim: Claim, update: Sequence[dict[str, Any]], session: ClientSession) -> Document:
    funnel = store.funnels.find_one_and_update(
        pipelines.held(claim),
        list(update),
        projection={"updatedAt": 1},
        return_document=ReturnDocument.AFTER,
        session=session,
    )
    if funnel is None:
        raise ClaimLost(f"funnel {claim.funnel_id}, epoch {claim.epoch}")
    return funnel


def _lay_down_steps(store: Store, claim: Claim, session: ClientSession) -> None:
    """Unfinished steps are pending and in nobody's hands; their epoch is raised, so that late commits find nothing."""
    store.steps.update_many(
        {"funnel_id": claim.funnel_id, "clone.epoch": claim.epoch, "pending": True},
        {"$set": {"in_progress": False, "clone.epoch": claim.epoch + 1}, "$currentDate": {"updatedAt": True}},
        session=session,
    )
