"""What stands of a clone: read, and taken over from whoever began it (B8)."""

from collections.abc import Sequence
from dataclasses import dataclass

from pymongo import UpdateMany

from engine import crash_points
from engine.core.model import Claim, DocId
from engine.edges import pipelines
from engine.edges.mongo.client import Document, Store, translated


@dataclass(frozen=True, slots=True)
class StepState:
    """A step that the clone has already."""

    step_id: DocId
    original_step_id: DocId
    done: bool
    in_other_hands: bool
    """Somebody without a claim of ours (the old system) touched it within the threshold."""
    failed_before: bool = False
    """Done by a run of ours before the present one, and a part of it failed."""


@dataclass(frozen=True, slots=True)
class Made:
    """What exists of the clone."""

    steps: list[StepState]
    components: dict[str, DocId]
    """``repr`` of a step's id (it may be a document) -> components id."""
    images: list[Document]


def read_made(store: Store, funnel_id: DocId, stale_minutes: float) -> Made:
    """What a clone has already: its own earlier attempts' work, or the old system's."""
    of_clone = {"funnel_id": funnel_id}
    with translated(f"clone {funnel_id}"):
        stages = [{"$match": of_clone}, {"$sort": {"_id": 1}}, {"$project": _step_fields(stale_minutes)}]
        steps = list(store.steps.aggregate(stages))
        of_steps = store.components.find(of_clone, {"step_id": 1, "errors": {"$slice": 1}}).sort("_id", -1)
        parts = [found for found in of_steps if "step_id" in found]
        failed = _failed_before(store, funnel_id, steps, {repr(p["step_id"]) for p in parts if p.get("errors")})
        images = list(store.images.find({"ref_id": funnel_id}).sort("_id", 1))
    states = [
        StepState(
            step_id=step["_id"],
            original_step_id=step.get("original_step_id"),
            done=_is_done(step),
            in_other_hands=step["in_hand"],
            failed_before=repr(step["_id"]) in failed,
        )
        for step in steps
    ]
    return Made(states, {repr(found["step_id"]): found["_id"] for found in parts}, images)


def _step_fields(stale_minutes: float) -> Document:
    in_hand = {
        "$and": [
            {"$eq": ["$in_progress", True]},
            {"$ne": ["$clone.funnel_id", "$funnel_id"]},
            {"$not": [pipelines.age_at_least("$updatedAt", stale_minutes)]},
        ]
    }
    # Only of a page that a claim of this clone wrote: of any other nobody could tell whether it was edited.
    is_ours = {"$and": [{"$eq": ["$clone.funnel_id", "$funnel_id"]}, "$clone.proof"]}
    done_at = {"$cond": [is_ours, "$clone.finished_at", None]}
    flags = {"original_step_id": 1, "pending": 1, "in_progress": 1, "processed": 1}
    return {**flags, "in_hand": in_hand, "done_at": done_at}


def _is_done(step: Document) -> bool:
    return step.get("pending") is not True and step.get("in_progress") is not True


def _failed_before(store: Store, funnel_id: DocId, steps: Sequence[Document], told: set[str]) -> set[str]:
    """Of pages that are done: those that hold errors from before this run began. ``told``: their components say so.

    Whoever asks for an ended clone again asks for what failed, too (B18); within a run what failed is told, and stays.
    """
    done = [step for step in steps if _is_done(step) and step.get("done_at")]
    failed = [step for step in done if repr(step["_id"]) in told or a_part_is_not_done(step)]
    if not failed:
        return set()
    funnel = store.funnels.find_one({"_id": funnel_id}, {"clone.started_at": 1}) or {}
    began = (funnel.get("clone") or {}).get("started_at")
    return {repr(step["_id"]) for step in failed if began is not None and step["done_at"] < began}


def a_part_is_not_done(step: Document) -> bool:
    """Whether a page says so itself (B17)."""
    processed = step.get("processed")
    return isinstance(processed, dict) and any(done is False for done in processed.values())


def raise_epochs(
    store: Store, claim: Claim, steps: Sequence[DocId], images: Sequence[DocId], again: Sequence[DocId] = ()
) -> None:
    """Take over what an earlier attempt left unfinished: from here on its late writers find nothing to write to.

    Comes before anything is made or planned, so that no late commit can slip in between plan and work. An epoch is
    only ever raised: a layout whose claim was lost meanwhile lowers nobody's. What a late writer ended stays ended.

    Args:
        store: The database.
        claim: Ours.
        steps: Steps that are not done, and whose components documents are taken over as well.
        images: Records without an object yet.
        again: Those of ``steps`` that were done before, and are opened: their texts stand until they are written anew,
            and for good where they were edited meanwhile.
    """
    not_newer = {"$nor": [pipelines.newer(claim)]}
    mark = pipelines.taken_over(claim, {})
    with translated(f"clone {claim.funnel_id}"):
        if steps:
            down = {"pending": True, "in_progress": False, "updatedAt": "$$NOW"}
            # A step of the old system has no mark yet: from here on it is ours, and says what it was made of.
            step_mark = pipelines.taken_over(claim, {"attempts": 0, "source_id": "$original_step_id"})
            unfinished = {"_id": {"$in": list(steps)}, "$or": [{"pending": True}, {"in_progress": True}], **not_newer}
            taken = UpdateMany(unfinished, [{"$set": {**down, **step_mark}}])
            store.steps.bulk_write([taken, *_opened(claim, again, down)])
            crash_points.reached("steps.taken_over", claim.funnel_id)
            store.components.update_many({"step_id": {"$in": list(steps)}, **not_newer}, [{"$set": mark}])
            crash_points.reached("components.taken_over", claim.funnel_id)
        if images:
            store.images.update_many(
                {"_id": {"$in": list(images)}, "uploaded": {"$ne": True}, **not_newer},
                [{"$set": mark}, {"$unset": ["clone.error"]}],
            )
            crash_points.reached("images.taken_over", claim.funnel_id)


def _opened(claim: Claim, again: Sequence[DocId], down: Document) -> list[UpdateMany]:
    if not again:
        return []
    # A new version, so that a clone of this clone that was laid out before is planned anew.
    opened = {**down, "version": {"$toLong": "$$NOW"}, **pipelines.taken_over(claim, {"attempts": 0, "guarded": True})}
    # Once under each claim: what it has done by then stays done, however late its layout is.
    before = {"_id": {"$in": list(again)}, "clone.epoch": {"$lt": claim.epoch}}
    return [UpdateMany(before, [{"$set": opened}])]
