"""Update pipelines and filters: pure values, so that each can be read and explained alone.

Times are the server's (``$$NOW``), never a client's: clocks of workers may differ by more than a threshold.
Values that come from documents stand under ``$literal``: a name such as ``$5 off`` is text, no field path.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from engine.core.model import Claim, DocId

Stage = dict[str, Any]

# `in_progress` false, null or missing, as an index can look it up; `$ne: true` would read the whole range.
NOT_IN_PROGRESS: Stage = {"$in": [False, None]}

# Whoever undoes a clone is alone with it.
NOT_UNDOING: Stage = {"$ne": "undoing"}

# What names no original is no clone, whatever its flags say: it is never touched.
A_CLONE: Stage = {"original_funnel_id": {"$exists": True, "$ne": None}}

PASS_LEASE = "pass"  # noqa: S105 - the name of a lease

# A request may hold anything under `clone`: fields can only be set in a document.
CLONE_IS_A_DOCUMENT: Stage = {"$set": {"clone": {"$cond": [{"$eq": [{"$type": "$clone"}, "object"]}, "$clone", {}]}}}

_RUN_GOES_ON: Stage = {"$in": ["$clone.state", ["waiting", "cloning"]]}
_RUN_BEFORE: Stage = {"$ifNull": ["$clone.run", 0]}
_RUN: Stage = {"$cond": [_RUN_GOES_ON, {"$max": [_RUN_BEFORE, 1]}, {"$add": [_RUN_BEFORE, 1]}]}
_EPOCH_RAISED: Stage = {"$add": [{"$ifNull": ["$clone.epoch", 0]}, 1]}


def age_at_least(field: str, minutes: float) -> Stage:
    """An expression: ``field`` is older than ``minutes`` by the server's clock. A missing date is old."""
    limit = {"$dateSubtract": {"startDate": "$$NOW", "unit": "millisecond", "amount": round(minutes * 60_000)}}
    return {"$lte": [field, limit]}


def asked_for() -> Stage:
    """Filter: asked for and not tried in this run yet. Uses the index ``clone_asked``."""
    return {**waiting(), "clone.next_try_at": None}


def waiting() -> Stage:
    """Filter: asked for, and in nobody's hands; a flag that somebody sets on what is being undone asks for nothing."""
    return {"pending": True, "in_progress": NOT_IN_PROGRESS, "clone.state": NOT_UNDOING, **A_CLONE}


def account_after(account_id: DocId) -> Stage:
    """Filter: accounts behind ``account_id`` in BSON order, over all types: ``$gt`` alone stays within one type."""
    return {"$expr": {"$gt": ["$account_id", {"$literal": account_id}]}}


def due() -> Stage:
    """Filter: tried before, and its next try has come. Uses the index ``clone_asked``."""
    return {
        **waiting(),
        "$expr": {"$and": [{"$gt": ["$clone.next_try_at", None]}, {"$lte": ["$clone.next_try_at", "$$NOW"]}]},
    }


def claimed_by_dead_pass(pass_id: str, attempts_below: int | None = None) -> tuple[Stage, Stage]:
    """Filters: claims of another pass than ``pass_id``, which holds the lease. Two ranges of index ``clone_held``.

    ``attempts_below``: only those that count fewer attempts.
    """
    few = {} if attempts_below is None else {"clone.attempts": {"$lt": attempts_below}}
    ours = {"in_progress": True, "clone.state": "cloning", **few, **A_CLONE}
    return ({**ours, "clone.pass": {"$lt": pass_id}}, {**ours, "clone.pass": {"$gt": pass_id}})


def claimed_without_pass(stale_minutes: float) -> Stage:
    """Filter: claims of the old system (flags only) that nobody has touched for ``stale_minutes``.

    An ended clone that the old system took up again still has its ``clone``: any state but ``cloning`` counts.
    """
    not_ours = {"$in": [None, "waiting", "completed", "failed", "cancelled", "source_deleted"]}
    age = age_at_least("$updatedAt", stale_minutes)
    return {"in_progress": True, "clone.state": not_ours, "$expr": age, **A_CLONE}


def lease_of(pass_id: str) -> Stage:
    """Filter: the lease, while ``pass_id`` holds it."""
    return {"_id": PASS_LEASE, "pass": pass_id, "$expr": {"$gt": ["$expires_at", "$$NOW"]}}


def claim(pass_id: str) -> list[Stage]:
    """Take a funnel: raise the epoch, count the attempt, say who holds it.

    A run goes on where the state was ``waiting`` or ``cloning``; any other state means that somebody asked anew.
    ``pending`` stays true until the end, so that a claim that dies leaves a funnel that is still asked for.
    """
    attempts = {"$ifNull": ["$clone.attempts", 0]}
    return [
        CLONE_IS_A_DOCUMENT,
        {
            "$set": {
                "pending": True,
                "in_progress": True,
                "updatedAt": "$$NOW",
                "clone.epoch": _EPOCH_RAISED,
                "clone.run": _RUN,
                "clone.attempts": {"$cond": [_RUN_GOES_ON, {"$add": [attempts, 1]}, 1]},
                "clone.started_at": {"$cond": [_RUN_GOES_ON, {"$ifNull": ["$clone.started_at", "$$NOW"]}, "$$NOW"]},
                "clone.state": "cloning",
                "clone.pass": pass_id,
            }
        },
        {"$unset": ["clone.next_try_at", "clone.finished_at", "clone.reason"]},
    ]


def held(claim_: Claim) -> Stage:
    """Filter: the funnel is still ours. Every write to a funnel uses it; no match is ClaimLost."""
    return {"_id": claim_.funnel_id, "clone.epoch": claim_.epoch, "in_progress": True}


def taken_over(claim_: Claim, more: Mapping[str, Any]) -> Stage:
    """The mark of this claim on a document that exists; what another clone's mark left in it is dropped."""
    mark = {"funnel_id": {"$literal": claim_.funnel_id}, "epoch": claim_.epoch, **more}
    before = {"$cond": [{"$eq": ["$clone.funnel_id", {"$literal": claim_.funnel_id}]}, "$clone", {}]}
    return {"clone": {"$mergeObjects": [before, mark]}}


def newer(claim_: Claim) -> Stage:
    """Filter: marked by a later claim of the same funnel. An epoch of another funnel says nothing."""
    return {"clone.funnel_id": claim_.funnel_id, "clone.epoch": {"$gt": claim_.epoch}}


def laid_out(
    ordered_steps: Sequence[DocId], *, live_chat_widget: bool | None, progress: Mapping[str, int]
) -> list[Stage]:
    """The funnel's own part of the layout: steps in the original's order, then whatever else stood there (B11)."""
    mine = {"$literal": list(ordered_steps)}
    others = {
        "$filter": {
            "input": {"$cond": [{"$isArray": "$steps"}, "$steps", []]},
            "cond": {"$not": [{"$in": ["$$this", mine]}]},
        }
    }
    widget = "$$REMOVE" if live_chat_widget is None else live_chat_widget
    return [
        {
            "$set": {
                "updatedAt": "$$NOW",
                "steps": {"$concatArrays": [mine, others]},
                "live_chat_widget": {"$ifNull": ["$live_chat_widget", widget]},
                "clone.progress": {"$literal": dict(progress)},
            }
        }
    ]


def ended(state: str, fields: Mapping[str, Any]) -> list[Stage]:
    """Both flags down and the end written; the epoch is raised, so that late writers find nothing to write to."""
    literal = {name: {"$literal": value} for name, value in fields.items()}
    return [
        {
            "$set": {
                "pending": False,
                "in_progress": False,
                "updatedAt": "$$NOW",
                "clone.state": state,
                "clone.finished_at": "$$NOW",
                "clone.epoch": _EPOCH_RAISED,
                **literal,
            }
        },
        {"$unset": ["clone.next_try_at"]},
    ]


def gains_error(reason: str) -> Stage:
    """``error`` gains ``reason`` once, whatever stood there before (B7)."""
    before = {"$cond": [{"$isArray": "$error"}, "$error", []]}
    text = {"$literal": reason}
    return {"$set": {"error": {"$cond": [{"$in": [text, before]}, before, {"$concatArrays": [before, [text]]}]}}}


def source_gone_sentence(original_id: DocId) -> str:
    """What ``error`` gains where the original does not exist (B7)."""
    return f"Original Funnel not found, id:{original_id}"


def loses_error(reasons: Sequence[str]) -> Stage:
    """``error`` loses ``reasons``; what others wrote there stays."""
    kept = {"$filter": {"input": "$error", "cond": {"$not": [{"$in": ["$$this", {"$literal": list(reasons)}]}]}}}
    return {"$set": {"error": {"$cond": [{"$isArray": "$error"}, kept, "$error"]}}}


def cancelled(reason: str) -> list[Stage]:
    """The end of a clone by its users, in whatever state it is: the run that it is in, or that was asked for, ends."""
    return [
        CLONE_IS_A_DOCUMENT,
        {"$set": {"clone.run": _RUN}},
        *ended("cancelled", {"clone.errors": [reason]}),
        {"$unset": ["clone.reason"]},
        gains_error(reason),
    ]


def asked_again(reasons: Sequence[str]) -> list[Stage]:
    """An ended clone is asked for: its state stays, so that the next claim begins a new run with attempts of its own.

    ``reasons``: why it ended before; its ``error`` loses them.
    """
    return [
        CLONE_IS_A_DOCUMENT,
        {"$set": {"pending": True, "in_progress": False, "updatedAt": "$$NOW", "clone.epoch": _EPOCH_RAISED}},
        {"$unset": ["clone.next_try_at", "clone.reason", "original_funnel_deleted"]},
        loses_error(reasons),
    ]


def waits(delay_s: float, reason: str, *, counts: bool) -> list[Stage]:
    """Back to asked for, due in ``delay_s``. Where the try does not count as an attempt, it is given back."""
    when = {"$dateAdd": {"startDate": "$$NOW", "unit": "millisecond", "amount": round(delay_s * 1000)}}
    attempts: Any = "$clone.attempts" if counts else {"$max": [0, {"$subtract": ["$clone.attempts", 1]}]}
    return [
        {
            "$set": {
                "pending": True,
                "in_progress": False,
                "updatedAt": "$$NOW",
                "clone.state": "waiting",
                "clone.reason": {"$literal": reason},
                "clone.next_try_at": when,
                "clone.attempts": attempts,
                "clone.epoch": {"$add": ["$clone.epoch", 1]},
            }
        }
    ]
