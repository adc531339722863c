"""One pass per database (the lease), and the heartbeat: one bulk write that keeps all of a pass alive."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from pymongo import ReturnDocument, UpdateMany, UpdateOne
from pymongo.errors import DuplicateKeyError

from engine import crash_points
from engine.core.model import Claim, DocId
from engine.edges.mongo.client import Store, translated
from engine.edges.mongo.scan import Turn
from engine.edges.pipelines import PASS_LEASE

_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Lease:
    """Held by this pass until it is not renewed."""

    pass_id: str
    turn: Turn | None
    taken_from: str | None = field(default=None, compare=False)
    """Who held it and let it run out: a pass that died, or that hung for longer than it lasts."""


@dataclass(frozen=True, slots=True)
class Holder:
    """Who holds the lease now."""

    pass_id: str
    owner: str


def _expiry(ttl_s: float) -> dict[str, Any]:
    return {"$dateAdd": {"startDate": "$$NOW", "unit": "millisecond", "amount": round(ttl_s * 1000)}}


def acquire(store: Store, pass_id: str, owner: str, ttl_s: float) -> Lease | Holder:
    """Take the lease if it is free or ran out by the server's clock; else say who holds it. Safe to repeat.

    The document is made first, already run out, so that taking it is one update whose filter is the condition
    itself: an upsert could not compare with the server's clock.
    """
    free = {"_id": PASS_LEASE, "$or": [{"pass": pass_id}, {"$expr": {"$lte": ["$expires_at", "$$NOW"]}}]}
    mine = {"pass": pass_id, "owner": {"$literal": owner}, "renewed_at": "$$NOW", "expires_at": _expiry(ttl_s)}
    # Only its holder says that it was given back; one of an older version, which never said so, counts as given back.
    ran_out: dict[str, Any] = {"$and": [{"$eq": ["$given_back", False]}, {"$ne": ["$pass", pass_id]}]}
    told = {"given_back": False, "taken_from": {"$cond": [ran_out, "$owner", None]}}
    with translated("lease of the pass"):
        with suppress(DuplicateKeyError):  # two first passes at once: the other has made it
            store.leases.update_one({"_id": PASS_LEASE}, {"$setOnInsert": {"expires_at": _LONG_AGO}}, upsert=True)
            crash_points.reached("lease.made")
        lease = store.leases.find_one_and_update(free, [{"$set": mine | told}], return_document=ReturnDocument.AFTER)
        if lease is None:
            holder = store.leases.find_one({"_id": PASS_LEASE}) or {}
            return Holder(str(holder.get("pass", "")), str(holder.get("owner", "unknown")))
    crash_points.reached("lease.acquired")
    turn = Turn(lease["last_account"]) if "last_account" in lease else None
    return Lease(pass_id, turn, lease["taken_from"])


def renew(store: Store, pass_id: str, ttl_s: float) -> bool:
    """Push the lease's end out; False when another pass holds it by now."""
    with translated("lease of the pass"):
        result = store.leases.update_one(
            {"_id": PASS_LEASE, "pass": pass_id}, [{"$set": {"renewed_at": "$$NOW", "expires_at": _expiry(ttl_s)}}]
        )
    crash_points.reached("lease.renewed")
    return result.matched_count == 1


def remember_turn(store: Store, pass_id: str, turn: Turn) -> None:
    """Keep the account served last for the next pass: fairness outlives a pass of three funnels."""
    with translated("lease of the pass"):
        store.leases.update_one({"_id": PASS_LEASE, "pass": pass_id}, {"$set": {"last_account": turn.account_id}})
    crash_points.reached("lease.turn_kept")


def release(store: Store, pass_id: str) -> None:
    """Let the next pass begin at once. Safe to repeat; a lease that another holds stays."""
    with translated("lease of the pass"):
        given_back = {"expires_at": "$$NOW", "given_back": True}
        store.leases.update_one({"_id": PASS_LEASE, "pass": pass_id}, [{"$set": given_back}])
    crash_points.reached("lease.released")


def beat(store: Store, claims: Sequence[Claim], steps: Sequence[DocId]) -> None:
    """Renew ``updatedAt`` of the funnels and steps in work, so that long is never taken for stale (D2)."""
    with translated("heartbeat"):
        if claims:
            store.funnels.bulk_write(
                [
                    UpdateOne({"_id": c.funnel_id, "clone.epoch": c.epoch}, [{"$set": {"updatedAt": "$$NOW"}}])
                    for c in claims
                ],
                ordered=False,
            )
            crash_points.reached("funnels.beaten")
        if steps:
            store.steps.bulk_write(
                [UpdateMany({"_id": {"$in": list(steps)}, "in_progress": True}, [{"$set": {"updatedAt": "$$NOW"}}])]
            )
            crash_points.reached("steps.beaten")


def write_progress(store: Store, progress: Sequence[tuple[Claim, Mapping[str, int]]]) -> None:
    """Write the progress of several funnels in one command; a funnel that is not ours any more is passed by."""
    if not progress:
        return
    with translated("progress"):
        store.funnels.bulk_write(
            [
                UpdateOne(
                    {"_id": claim.funnel_id, "clone.epoch": claim.epoch, "in_progress": True},
                    [{"$set": {"clone.progress": {"$literal": dict(figures)}, "updatedAt": "$$NOW"}}],
                )
                for claim, figures in progress
            ],
            ordered=False,
        )
    crash_points.reached("progress.written")


def lost_claims(store: Store, claims: Sequence[Claim]) -> list[Claim]:
    """Those of ``claims`` whose epoch was raised by somebody else (a cancel, an undo, another pass).

    A completion raises it, too, and is the claim's own doing: nobody else completes what is in our hands.
    """
    if not claims:
        return []
    with translated("claims"):
        wanted = {"_id": {"$in": [c.funnel_id for c in claims]}}
        found = store.funnels.find(wanted, {"clone.epoch": 1, "clone.state": 1})
        marks = {_key(funnel["_id"]): funnel.get("clone") or {} for funnel in found}
    return [c for c in claims if not _is_ours(marks.get(_key(c.funnel_id), {}), c)]


def _is_ours(mark: Mapping[str, Any], claim: Claim) -> bool:
    epoch = mark.get("epoch")
    return epoch == claim.epoch or (epoch is not None and epoch > claim.epoch and mark.get("state") == "completed")


def _key(doc_id: DocId) -> str:
    return repr(doc_id)
