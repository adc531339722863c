"""What the layout reads of an original and its half-made clone, and the one transaction that makes what is missing."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pymongo import ReturnDocument, UpdateMany
from pymongo.client_session import ClientSession

from engine import crash_points
from engine.core.errors import ClaimLost
from engine.core.model import Claim, DocId
from engine.edges import pipelines
from engine.edges.mongo.client import Document, Store, translated

# The page's own text is the steps' business; of 500 pages none crosses the wire for a layout (D16).
_WITHOUT_TEXT = {"raw_html": 0, "header_tracking_code": 0, "footer_tracking_code": 0, "clone": 0}

# One transaction's inserts: far below the 16 MB of an oplog entry, and short enough to hold no lock for long.
BATCH_DOCUMENTS = 500


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


@dataclass(frozen=True, slots=True)
class Batch:
    """Documents that one transaction inserts; a step and its components are never in two (D7)."""

    steps: Sequence[Document]
    components: Sequence[Document]
    images: Sequence[Document]


def read_funnel(store: Store, funnel_id: DocId) -> Document | None:
    """A funnel's document; None where it does not exist."""
    with translated(f"funnel {funnel_id}"):
        return store.funnels.find_one({"_id": funnel_id})


def read_original_steps(store: Store, funnel_id: DocId) -> list[Document]:
    """All fields but the page's text, oldest first; the cursor reads in batches by size."""
    with translated(f"steps of funnel {funnel_id}"):
        return list(store.steps.find({"funnel_id": funnel_id}, _WITHOUT_TEXT).sort("_id", 1))


def read_images(store: Store, funnel_id: DocId) -> list[Document]:
    """Image records of a funnel, oldest first."""
    with translated(f"images of funnel {funnel_id}"):
        return list(store.images.find({"ref_id": funnel_id}, {"clone": 0}).sort("_id", 1))


def read_made(store: Store, funnel_id: DocId, stale_minutes: float) -> Made:
    """What a clone has already: its own earlier attempts' work, or the old system's."""
    in_hand = {
        "$and": [
            {"$eq": ["$in_progress", True]},
            {"$ne": ["$clone.funnel_id", "$funnel_id"]},
            {"$not": [pipelines.age_at_least("$updatedAt", stale_minutes)]},
        ]
    }
    ours = {"$eq": ["$clone.funnel_id", "$funnel_id"]}
    done_at = {"$cond": [{"$and": [ours, "$clone.proof"]}, "$clone.finished_at", None]}
    flags = {"original_step_id": 1, "pending": 1, "in_progress": 1, "processed": 1}
    fields = {**flags, "in_hand": in_hand, "done_at": done_at}
    with translated(f"clone {funnel_id}"):
        steps = list(
            store.steps.aggregate([{"$match": {"funnel_id": funnel_id}}, {"$sort": {"_id": 1}}, {"$project": fields}])
        )
        parts = [
            found
            for found in store.components.find({"funnel_id": funnel_id}, {"step_id": 1, "errors": {"$slice": 1}}).sort(
                "_id", -1
            )
            if "step_id" in found
        ]
        failed = _failed_before(store, funnel_id, steps, {repr(p["step_id"]) for p in parts if p.get("errors")})
        states = [
            StepState(
                step_id=step["_id"],
                original_step_id=step.get("original_step_id"),
                done=step.get("pending") is not True and step.get("in_progress") is not True,
                in_other_hands=step["in_hand"],
                failed_before=repr(step["_id"]) in failed,
            )
            for step in steps
        ]
        components = {repr(found["step_id"]): found["_id"] for found in parts}
        images = list(store.images.find({"ref_id": funnel_id}).sort("_id", 1))
    return Made(states, components, images)


def _failed_before(store: Store, funnel_id: DocId, steps: Sequence[Document], told: set[str]) -> set[str]:
    """Of pages that are done: those that hold errors from before this run began. ``told``: their components say so.

    Whoever asks for an ended clone again asks for what failed, too (B18); within a run what failed is told, and stays.
    """
    done = [s for s in steps if s.get("pending") is not True and s.get("in_progress") is not True and s.get("done_at")]
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


def read_parent_account(store: Store, account_id: DocId) -> DocId:
    """The account's parent (B4); None for a top account, and for one without a document."""
    with translated(f"account {account_id}"):
        account = store.db["_accounts"].find_one({"_id": account_id}, {"parent_account": 1})
    return None if account is None else account.get("parent_account")


def read_chat_token(store: Store, domain: str) -> str | None:
    """The chat token of ``domain``; None where there is none, or an empty one."""
    with translated(f"support_tokens of domain {domain!r}"):
        found = store.db["support_tokens"].find_one({"domain": domain}, {"token": 1})
    token = None if found is None else found.get("token")
    return token if isinstance(token, str) and token else None


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
            writes = [UpdateMany(unfinished, [{"$set": {**down, **step_mark}}])]
            if again:
                # A new version, so that a clone of this clone that was laid out before is planned anew.
                opened = {**down, "version": {"$toLong": "$$NOW"}}
                opened |= pipelines.taken_over(claim, {"attempts": 0, "guarded": True})
                before = {"_id": {"$in": list(again)}, "clone.epoch": {"$lt": claim.epoch}}
                writes.append(UpdateMany(before, [{"$set": opened}]))
            store.steps.bulk_write(writes)
            crash_points.reached("steps.taken_over", claim.funnel_id)
            store.components.update_many({"step_id": {"$in": list(steps)}, **not_newer}, [{"$set": mark}])
            crash_points.reached("components.taken_over", claim.funnel_id)
        if images:
            store.images.update_many(
                {"_id": {"$in": list(images)}, "uploaded": {"$ne": True}, **not_newer},
                [{"$set": mark}, {"$unset": ["clone.error"]}],
            )
            crash_points.reached("images.taken_over", claim.funnel_id)


def write_funnel_and_batch(
    store: Store, claim: Claim, funnel_update: list[dict[str, Any]], build: Callable[[datetime], Batch]
) -> None:
    """One fenced transaction: the funnel first, under the epoch, then the inserts. Safe to repeat as a whole.

    The funnel's write comes first, so that the epoch is checked, and the funnel held, before anything is made:
    a late writer makes nothing. ``build`` gets the server's time for the new documents.

    Raises:
        ClaimLost: Somebody else holds the funnel.
    """

    def body(session: ClientSession) -> None:
        funnel = store.funnels.find_one_and_update(
            pipelines.held(claim),
            funnel_update,
            projection={"updatedAt": 1},
            return_document=ReturnDocument.AFTER,
            session=session,
        )
        if funnel is None:
            raise ClaimLost(f"funnel {claim.funnel_id}, epoch {claim.epoch}")
        batch = build(funnel["updatedAt"])
        for collection, documents in (
            (store.images, batch.images),
            (store.components, batch.components),
            (store.steps, batch.steps),
        ):
            if documents:
                collection.insert_many(documents, ordered=True, session=session)
        crash_points.reached("layout.writing", claim.funnel_id)

    with translated(f"layout of funnel {claim.funnel_id}"):
        store.transaction(body)
    crash_points.reached("layout.written", claim.funnel_id)
