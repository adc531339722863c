"""What an undo writes to a funnel and to its tombstone: pure values, times are the server's."""

from collections.abc import Sequence
from typing import Any

from engine.core.model import DocId
from engine.edges import pipelines
from engine.edges.pipelines import Stage

UNDONE = "undone"
"""Why a funnel that was kept is cancelled."""

# The engine's last word on a clone of its own; of the old system's nothing else is known than the last change.
_LAST_SIGN: Stage = {
    "$cond": [
        {"$eq": [{"$type": "$clone.finished_at"}, "date"]},
        "$clone.finished_at",
        {"$cond": [{"$eq": [{"$type": "$updatedAt"}, "date"]}, "$updatedAt", None]},
    ]
}
_RAISED: Stage = {"$add": [{"$ifNull": ["$clone.epoch", 0]}, 1]}


def age_ms() -> Stage:
    """An expression: for how long the clone has ended; null where nothing tells."""
    return {"$subtract": ["$$NOW", _LAST_SIGN]}


def begun(was: str, *, keep_funnel: bool, copies_s: float | None, deletes_s: float) -> list[Stage]:
    """The funnel is being undone; a repeat takes over, and keeps what the first one was told.

    Args:
        was: Its state before.
        keep_funnel: Where one of several undos was asked to keep it, it is kept.
        copies_s: For how long behind the last sign of life copies may arrive; None: none are on their way.
        deletes_s: For how long behind its own last sign of life the undo that is overtaken may still delete.
    """
    until = None if copies_s is None else _later({"$ifNull": [_LAST_SIGN, "$$NOW"]}, copies_s)
    undo = {
        "was": {"$ifNull": ["$clone.undo.was", {"$literal": was}]},
        "began_at": {"$ifNull": ["$clone.undo.began_at", "$$NOW"]},
        "renewed_at": "$$NOW",
        "keep_funnel": {"$or": [{"$eq": ["$clone.undo.keep_funnel", True]}, {"$literal": keep_funnel}]},
        "copies_until": {"$cond": [{"$eq": ["$clone.state", "undoing"]}, "$clone.undo.copies_until", until]},
        "deletes_until": {
            "$cond": [{"$eq": ["$clone.state", "undoing"]}, _later("$clone.undo.renewed_at", deletes_s), None]
        },
    }
    return [
        pipelines.CLONE_IS_A_DOCUMENT,
        {
            "$set": {
                "pending": False,
                "in_progress": False,
                "updatedAt": "$$NOW",
                "clone.epoch": _RAISED,
                "clone.run": {"$max": [{"$ifNull": ["$clone.run", 0]}, 1]},
                "clone.undo": undo,
            }
        },
        # Behind the stage that asks for the state before.
        {"$set": {"clone.state": "undoing"}},
        {"$unset": ["clone.next_try_at", "clone.reason"]},
    ]


def renewed() -> list[Stage]:
    """The undo lives."""
    return [{"$set": {"clone.undo.renewed_at": "$$NOW"}}]


def waits() -> Stage:
    """A projection: seconds that are left of both waits, 0 where there is none."""

    def left(until: str) -> Stage:
        left_ms = {"$max": [0, {"$subtract": [until, "$$NOW"]}]}
        return {"$divide": [{"$ifNull": [left_ms, 0]}, 1000]}

    return {"copies_s": left("$clone.undo.copies_until"), "deletes_s": left("$clone.undo.deletes_until")}


def emptied(strange_steps: Sequence[DocId]) -> list[Stage]:
    """The funnel stays, as a clone that was cancelled before anything was made; pages of its users stay listed."""
    listed = {
        "$filter": {
            "input": {"$cond": [{"$isArray": "$steps"}, "$steps", []]},
            "cond": {"$in": ["$$this", {"$literal": list(strange_steps)}]},
        }
    }
    # Merged, since `$set` of a document would leave what else stands in it.
    mark: dict[str, Any] = {
        "run": "$clone.run",
        "epoch": _RAISED,
        "state": "cancelled",
        "finished_at": "$$NOW",
        "errors": [UNDONE],
    }
    return [
        {"$set": {"steps": listed, "updatedAt": "$$NOW", "clone": {"$mergeObjects": [mark]}}},
        pipelines.gains_error(UNDONE),
    ]


def tombstone(account_id: DocId, original_id: DocId, *, funnel_kept: bool) -> list[Stage]:
    """What stands for a clone that is undone; its objects are in tombstones of their own (``undo_removal``)."""
    fields = {"account_id": account_id, "original_funnel_id": original_id, "funnel_kept": funnel_kept}
    literal = {name: {"$literal": value} for name, value in fields.items()}
    return [{"$set": {"funnel_id": "$_id.funnel", **literal, "undone_at": "$$NOW"}}]


def _later(date: Any, seconds: float) -> Stage:
    return {"$dateAdd": {"startDate": date, "unit": "millisecond", "amount": round(seconds * 1000)}}
