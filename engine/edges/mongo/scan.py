"""Scan and claim: which funnel is next, taken by one atomic update whose filter is the condition itself.

There is no read before the write (D1), no join and no page is looked at (D16): each claim is one indexed
``findAndModify`` that looks at a handful of index entries, whatever the backlog (``init`` makes the indexes).
"""

from dataclasses import dataclass
from typing import Any, NamedTuple

from pymongo import ReturnDocument

from engine import crash_points
from engine.core.model import Claim, DocId
from engine.edges import pipelines
from engine.edges.mongo.client import ASCENDING, Document, Store, translated

_BY_ACCOUNT = [("account_id", ASCENDING), ("_id", ASCENDING)]
_BY_DUE_TIME = [("clone.next_try_at", ASCENDING), ("account_id", ASCENDING), ("_id", ASCENDING)]
_BY_HOLDER = [("clone.pass", ASCENDING), ("updatedAt", ASCENDING), ("_id", ASCENDING)]

# What a claim needs of the document, and no more: `steps` of a large funnel stays where it is.
_FIELDS = {"original_funnel_id": 1, "account_id": 1, "clone.epoch": 1, "clone.run": 1, "clone.attempts": 1}


@dataclass(frozen=True, slots=True)
class Turn:
    """The account that was served last; the next in BSON order has its turn."""

    account_id: DocId


class Taken(NamedTuple):
    """A funnel that was claimed."""

    claim: Claim
    turn: Turn | None
    """Whose turn it was last, now."""
    rescued: bool
    """It was in the hands of a pass that died, or of the old system for too long."""


def claim_next(
    store: Store, pass_id: str, stale_minutes: float, turn: Turn | None, *, deaths_below: int | None = None
) -> Taken | None:
    """Take the funnel whose turn it is; None where nothing is to be done now.

    Never tried before tried (B3): first what is asked for, account after account, oldest first within one; then
    what is due again; then what a dead pass, or the old system, left in hand.

    Args:
        store: The database.
        pass_id: Ours; it holds the lease.
        stale_minutes: From when on a claim of the old system is nobody's.
        turn: The account served last.
        deaths_below: Of what dead passes left only that which has fewer attempts behind it; None: all.

    Raises:
        StoreUnavailable: Trying again may help; a claim whose answer was lost is found again as a dead pass's.
    """
    with translated("scan of funnels"):
        taken = _claim_asked(store, pass_id, turn)
        if taken is not None:
            return Taken(_claim_of(taken, pass_id), Turn(taken.get("account_id")), rescued=False)
        taken = _claim(store, pass_id, pipelines.due(), _BY_DUE_TIME)
        if taken is not None:
            return Taken(_claim_of(taken, pass_id), turn, rescued=False)
        # Another pass's claim is dead only while the lease is ours: a pass that was paused may have lost it unawares.
        if store.leases.find_one(pipelines.lease_of(pass_id), {"_id": 1}) is None:
            return None
        dead = pipelines.claimed_by_dead_pass(pass_id, deaths_below)
        for stale in (*dead, pipelines.claimed_without_pass(stale_minutes)):
            taken = _claim(store, pass_id, stale, _BY_HOLDER)
            if taken is not None:
                return Taken(_claim_of(taken, pass_id), turn, rescued=True)
    return None


def _claim_asked(store: Store, pass_id: str, turn: Turn | None) -> Document | None:
    asked = pipelines.asked_for()
    if turn is not None:
        taken = _claim(store, pass_id, {**asked, **pipelines.account_after(turn.account_id)}, _BY_ACCOUNT)
        if taken is not None:
            return taken
    return _claim(store, pass_id, asked, _BY_ACCOUNT)


def _claim(store: Store, pass_id: str, filter_: dict[str, Any], order: list[tuple[str, int]]) -> Document | None:
    funnel = store.funnels.find_one_and_update(
        filter_, pipelines.claim(pass_id), projection=_FIELDS, sort=order, return_document=ReturnDocument.AFTER
    )
    if funnel is not None:
        crash_points.reached("funnel.claimed", funnel["_id"])
    return funnel


def _claim_of(funnel: Document, pass_id: str) -> Claim:
    clone = funnel["clone"]
    return Claim(
        funnel_id=funnel["_id"],
        original_id=funnel.get("original_funnel_id"),
        account_id=funnel.get("account_id"),
        epoch=clone["epoch"],
        run=clone["run"],
        attempt=clone["attempts"],
        pass_id=pass_id,
    )


def pending_left(store: Store) -> float | None:
    """Seconds until the next waiting funnel is due (0 where one is due or asked for); None where none waits."""
    with translated("scan of funnels"):
        waiting = store.funnels.aggregate(
            [
                {"$match": pipelines.waiting()},
                {"$sort": {"clone.next_try_at": 1}},
                {"$limit": 1},
                {"$project": {"wait": {"$subtract": [{"$ifNull": ["$clone.next_try_at", "$$NOW"]}, "$$NOW"]}}},
            ]
        )
        first = next(iter(waiting), None)
    return None if first is None else max(0.0, first["wait"] / 1000)
