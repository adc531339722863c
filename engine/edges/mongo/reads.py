"""What people look at: the state of clones, the lease, the last passes. Never used for a decision of the engine."""

from typing import Any, Literal, get_args

from engine.core.state import ENDED, Ended
from engine.edges import pipelines
from engine.edges.mongo.client import Document, Store, find_by_text, translated

LISTED = {
    "name": 1,
    "account_id": 1,
    "original_funnel_id": 1,
    "pending": 1,
    "in_progress": 1,
    "original_funnel_deleted": 1,
    "error": 1,
    "clone": 1,
    "createdAt": 1,
    "updatedAt": 1,
}
"""What is shown of a clone."""


_STEP_FIELDS = ("name", "pending", "in_progress", "original_step_id", "processed", "version", "clone", "updatedAt")

ListedState = Literal["waiting", "cloning", Ended, "undoing"]
STATES: tuple[ListedState, ...] = get_args(ListedState)

_NOT_ASKED_AGAIN = {"pending": {"$ne": True}, "in_progress": {"$ne": True}}


def in_state(*states: ListedState) -> Document:
    """Filter: clones in one of ``states``, of the ended ones only those that this engine ended; each by its index.

    ``waiting``, which holds what is asked for and not begun, ``cloning`` and ``undoing`` are asked alone.
    """
    if states == ("waiting",):
        return pipelines.waiting()
    if states == ("cloning",):
        # Every state by name, so that the index `clone_held`, which begins with it, can be used.
        others = [None, *(state for state in STATES if state != "undoing")]
        return {"in_progress": True, "clone.state": {"$in": others}, **pipelines.A_CLONE}
    # Fields of the index `clone_ended` and no others: what is counted is not read.
    if states == ("undoing",):
        return {"clone.state": {"$in": ["undoing"]}, "clone.run": {"$gt": 0}}
    return {"clone.state": {"$in": list(states)}, "clone.run": {"$gt": 0}, **_NOT_ASKED_AGAIN}


def find_clone(store: Store, text: str) -> Document | None:
    """A clone, or a request for one, whose id reads ``text``; None where there is none."""
    funnel = find_by_text(store.funnels, text, LISTED)
    is_clone = funnel is not None and ("original_funnel_id" in funnel or "clone" in funnel)
    return funnel if is_clone else None


def steps_of(store: Store, funnel_id: Any) -> list[Document]:
    """The steps of a clone, without their text, oldest first."""
    fields = dict.fromkeys(_STEP_FIELDS, 1)
    with translated(f"steps of funnel {funnel_id}"):
        return list(store.steps.find({"funnel_id": funnel_id}, fields).sort("_id", 1))


def page_errors(store: Store, funnel_id: Any) -> dict[str, list[str]]:
    """``repr`` of a step's id -> what of its page could not be cloned; pages without errors are left out."""
    with_errors = {"funnel_id": funnel_id, "errors.0": {"$exists": True}}
    found: dict[str, list[str]] = {}
    with translated(f"components of funnel {funnel_id}"):
        for components in store.components.find(with_errors, {"step_id": 1, "errors": 1}).sort("_id", 1):
            errors = found.setdefault(repr(components.get("step_id")), [])
            errors += [str(error) for error in components["errors"] if str(error) not in errors]
    return found


def image_counts(store: Store, funnel_id: Any) -> tuple[int, int]:
    """(images that stand, images in all) of a clone."""
    with translated(f"images of funnel {funnel_id}"):
        total = store.images.count_documents({"ref_id": funnel_id})
        done = store.images.count_documents({"ref_id": funnel_id, "uploaded": True})
    return done, total


def images_of(store: Store, funnel_id: Any, limit: int) -> list[Document]:
    """Image records of a clone, in the order of their ids; ``limit`` at most."""
    fields = dict.fromkeys(("fileName", "fileSize", "uploaded", "key", "additionalInfo.Location"), 1)
    with translated(f"images of funnel {funnel_id}"):
        return list(store.images.find({"ref_id": funnel_id}, fields).sort("_id", 1).limit(limit))


def forms_of(store: Store, funnel_id: Any, limit: int) -> list[Document]:
    """The forms that were made for a clone, in the order of their ids; ``limit`` at most."""
    with translated(f"forms of funnel {funnel_id}"):
        made = store.forms.find({"clone.funnel_id": funnel_id}, {"form_secret_id": 1, "form_name": 1})
        return list(made.sort("_id", 1).limit(limit))


def list_clones(store: Store, limit: int) -> list[Document]:
    """Clones in work or being undone first, then what waits, then those ended last; ``limit`` of each kind at most."""
    by_turn = [("clone.next_try_at", 1), ("_id", 1)]
    with translated("funnels"):
        in_work = list(store.funnels.find(in_state("cloning"), LISTED).sort("_id", 1).limit(limit))
        undone = list(store.funnels.find(in_state("undoing"), LISTED).sort("_id", 1).limit(limit))
        asked = list(store.funnels.find(in_state("waiting"), LISTED).sort(by_turn).limit(limit))
        done = list(store.funnels.find(in_state(*ENDED), LISTED).sort("_id", -1).limit(limit))
    return in_work + undone + asked + done


def count_by_state(store: Store) -> dict[str, int]:
    """How many clones are in which state; counted on the scan's indexes, and of ended ones from keys alone."""
    waiting = in_state("waiting")
    with translated("funnels"):
        asked = store.funnels.count_documents({**waiting, "clone.next_try_at": None})
        tried = store.funnels.count_documents({**waiting, "clone.next_try_at": {"$ne": None}})
        others = [state for state in STATES if state != "waiting"]
        rest = [store.funnels.count_documents(in_state(state)) for state in others]
    return {"asked": asked, "waiting": tried, **dict(zip(others, rest, strict=True))}


def lease(store: Store) -> Document | None:
    """Who holds the pass's lease; ``live`` tells whether it runs still. None where no pass ever ran."""
    stages: list[Document] = [
        {"$match": {"_id": pipelines.PASS_LEASE}},
        {"$project": {"pass": 1, "owner": 1, "expires_at": 1, "live": {"$gt": ["$expires_at", "$$NOW"]}}},
    ]
    with translated("lease of the pass"):
        return next(iter(store.leases.aggregate(stages)), None)


def last_passes(store: Store, limit: int) -> list[Document]:
    """The records of the latest passes, newest first."""
    with translated("passes"):
        return list(store.passes.find({}).sort("started_at", -1).limit(limit))
