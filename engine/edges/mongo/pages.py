"""What a step reads and writes: at most eight commands, the writes in one transaction (ADR 7)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from pymongo import ReturnDocument, UpdateMany
from pymongo.client_session import ClientSession
from pymongo.errors import BulkWriteError, DuplicateKeyError

from engine import crash_points
from engine.core.errors import ClaimLost, OriginalStepMissing
from engine.core.model import Claim, DocId, StepWork
from engine.core.proof import edited_texts
from engine.edges.mongo.client import Document, Store, translated


@dataclass(frozen=True, slots=True)
class Original:
    """A page as it is read, once: its text and the components document."""

    raw_html: Any
    version: Any
    components: Document | None
    """None where the page has no components document."""


@dataclass(frozen=True, slots=True)
class PageCommit:
    """All that a finished step writes."""

    raw_html: str | None
    components: Document
    """The whole document, as it shall stand."""
    processed: Mapping[str, bool]
    proof: Mapping[str, str]
    new_forms: Sequence[Document]
    standing: Mapping[str, Any] | None = None
    """The proof of the page that stands, where it must not be overwritten if it was edited; None: it may be."""


@dataclass(frozen=True, slots=True)
class Begun:
    """A step in work."""

    attempt: int
    standing: Mapping[str, Any] | None
    """As in PageCommit: of a page that was done, and is done again because a part of it had failed."""


def start(store: Store, claim: Claim, work: StepWork) -> Begun | None:
    """Mark the step as in work and count the attempt; None where the step is done already.

    The count is raised before any work: what kills its worker counts, too.

    Raises:
        ClaimLost: Somebody else holds the step.
    """
    with translated(f"step {work.step_id}"):
        step = store.steps.find_one_and_update(
            {"_id": work.step_id, "clone.epoch": claim.epoch, "pending": True},
            [
                {
                    "$set": {
                        "in_progress": True,
                        "updatedAt": "$$NOW",
                        "clone.attempts": {"$add": [{"$ifNull": ["$clone.attempts", 0]}, 1]},
                        "clone.started_at": "$$NOW",
                    }
                }
            ],
            projection={"clone.attempts": 1, "clone.guarded": 1, "clone.proof": 1},
            return_document=ReturnDocument.AFTER,
        )
        if step is not None:
            crash_points.reached("step.started", work.original_id)
            mark = step["clone"]
            standing = mark.get("proof") or {}
            return Begun(int(mark["attempts"]), standing if mark.get("guarded") is True else None)
        # Done may be a late writer's doing, under an older epoch: its page is as good as ours.
        done = store.steps.find_one({"_id": work.step_id, "pending": False, "in_progress": False}, {"_id": 1})
    if done is None:
        raise ClaimLost(f"step {work.step_id}, epoch {claim.epoch}")
    return None


def load(store: Store, work: StepWork) -> Original:
    """Read the original's page and components in one command, as two documents: a join would be one of both (D16).

    Raises:
        OriginalStepMissing: The page is gone.
    """
    fields = {"raw_html": 1, "version": 1, "kind": {"$literal": "step"}}
    with_components = {
        "coll": store.components.name,
        "pipeline": [{"$match": {"step_id": work.original_id}}, {"$sort": {"_id": 1}}, {"$limit": 1}],
    }
    with translated(f"step {work.original_id}"):
        found = list(
            store.steps.aggregate(
                [{"$match": {"_id": work.original_id}}, {"$project": fields}, {"$unionWith": with_components}]
            )
        )
    # The step comes first or not at all: components alone mean that the page is gone.
    if not found or found[0].get("kind") != "step" or found[0]["_id"] != work.original_id:
        raise OriginalStepMissing(f"step {work.original_id}: the original's page is gone")
    return Original(found[0].get("raw_html"), found[0].get("version"), found[1] if len(found) > 1 else None)


def find_forms(store: Store, secret_ids: Sequence[str], copy_ids: Sequence[DocId]) -> tuple[list[Document], set[Any]]:
    """The originals among ``secret_ids``, oldest first, and which of the copies exist, in one command."""
    with translated(f"forms {', '.join(secret_ids)}"):
        found = list(
            store.forms.find(
                {"$or": [{"form_secret_id": {"$in": list(secret_ids)}}, {"_id": {"$in": list(copy_ids)}}]}
            ).sort("_id", 1)
        )
    copies = set(copy_ids)
    return [form for form in found if form["_id"] not in copies], {f["_id"] for f in found if f["_id"] in copies}


def mark_images(store: Store, claim: Claim, uploaded: Sequence[DocId], failed: Mapping[DocId, str]) -> None:
    """Tell of images whose object stands, and of those that cannot be copied, in one command. Safe to repeat."""
    writes: list[UpdateMany] = []
    if uploaded:
        writes.append(
            UpdateMany(
                {"_id": {"$in": list(uploaded)}, "uploaded": {"$ne": True}, "clone.epoch": claim.epoch},
                {"$set": {"uploaded": True}, "$unset": {"clone.error": ""}},
            )
        )
    reasons = sorted(set(failed.values()))
    writes += [
        UpdateMany(
            {"_id": {"$in": [i for i, why in failed.items() if why == reason]}, "clone.epoch": claim.epoch},
            {"$set": {"clone.error": reason}},
        )
        for reason in reasons
    ]
    if writes:
        with translated(f"image records of funnel {claim.funnel_id}"):
            store.images.bulk_write(writes, ordered=False)
        crash_points.reached("images.recorded", next(iter(uploaded), None))


def commit(store: Store, claim: Claim, work: StepWork, page: PageCommit) -> int | None:
    """Write the page in one transaction: forms, components, the step's own document last. Safe to repeat.

    The step's write is fenced and flips the flags: where it finds nothing, nothing of the rest is written either.
    A form that a sibling step has made meanwhile is taken as it is. Returns how many forms were made; None where the
    page was edited since it was asked for again: it stays as it is, its errors too, and only its flags go down.

    Raises:
        ClaimLost: Somebody else holds the step.
        DocumentTooLarge: The rewritten page does not fit in a document.
    """
    forms = list(page.new_forms)
    with translated(f"step {work.step_id} (clone of {work.original_id})"):
        while True:
            try:
                written = store.transaction(partial(_write, store, claim, work, page, forms))
            except (DuplicateKeyError, BulkWriteError):
                missing = _still_missing(store, forms)
                if len(missing) == len(forms):
                    raise  # no sibling's form is in the way, but something that will not go away
                forms = missing
            else:
                crash_points.reached("step.committed", work.original_id)
                return len(forms) if written else None


def _write(
    store: Store, claim: Claim, work: StepWork, page: PageCommit, forms: list[Document], session: ClientSession
) -> bool:
    fence = {"clone.epoch": claim.epoch}
    if page.standing is not None and _edited(store, work, page.standing, session):
        kept = store.steps.update_one({"_id": work.step_id, **fence, "in_progress": True}, _kept(), session=session)
        if kept.matched_count != 1:
            raise ClaimLost(f"step {work.step_id}, epoch {claim.epoch}")
        return False
    if forms:
        store.forms.insert_many(forms, session=session)
    components = store.components.replace_one({"_id": work.components_id, **fence}, page.components, session=session)
    step = store.steps.update_one({"_id": work.step_id, **fence, "in_progress": True}, _done(page), session=session)
    if components.matched_count != 1 or step.matched_count != 1:
        raise ClaimLost(f"step {work.step_id}, epoch {claim.epoch}")
    crash_points.reached("step.writing", work.original_id)
    return True


def _edited(store: Store, work: StepWork, standing: Mapping[str, Any], session: ClientSession) -> bool:
    """An edit after this read is a write conflict with what is written then, and the transaction begins anew."""
    step = store.steps.find_one({"_id": work.step_id}, {"raw_html": 1}, session=session) or {}
    components = store.components.find_one({"_id": work.components_id}, {"components": 1}, session=session) or {}
    return bool(edited_texts(standing, step.get("raw_html"), components.get("components")))


def _still_missing(store: Store, forms: list[Document]) -> list[Document]:
    made = {form["_id"] for form in store.forms.find({"_id": {"$in": [form["_id"] for form in forms]}}, {"_id": 1})}
    return [form for form in forms if form["_id"] not in made]


def _done(page: PageCommit) -> dict[str, Any]:
    return {
        "$set": {
            "raw_html": page.raw_html,
            "processed": dict(page.processed),
            "pending": False,
            "in_progress": False,
            "clone.proof": dict(page.proof),
        },
        "$unset": {"clone.guarded": ""},
        "$currentDate": {"updatedAt": True, "clone.finished_at": True},
    }


def _kept() -> dict[str, Any]:
    return {
        "$set": {"pending": False, "in_progress": False},
        "$unset": {"clone.guarded": ""},
        "$currentDate": {"updatedAt": True, "clone.finished_at": True},
    }
