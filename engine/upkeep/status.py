"""The state of clones as documents for people, scripts and notebooks. Reads only."""

from collections import Counter
from collections.abc import Sequence
from typing import Any, get_args

from engine.core.model import Failure, FailureKind
from engine.core.state import state_of
from engine.edges.mongo import reads
from engine.edges.mongo.client import Document, Store

KINDS: tuple[FailureKind, ...] = get_args(FailureKind)


def overview(store: Store, limit: int) -> dict[str, Any]:
    """Counts by state, who holds the lease, the last passes, and up to ``limit`` clones of each kind."""
    lease = reads.lease(store)
    return {
        "counts": reads.count_by_state(store),
        "pass": lease["owner"] if lease is not None and lease["live"] else None,
        "passes": reads.last_passes(store, 5),
        "clones": [line_of(funnel) for funnel in reads.list_clones(store, limit)],
    }


def one(store: Store, text: str) -> dict[str, Any] | None:
    """All that is known of one clone; None where no clone's id reads ``text``."""
    funnel = reads.find_clone(store, text)
    return None if funnel is None else in_full(store, funnel)


def in_full(store: Store, funnel: Document) -> dict[str, Any]:
    """All that is known of a clone that was found."""
    line = line_of(funnel)
    steps = [step for step in reads.steps_of(store, funnel["_id"]) if step.get("original_step_id") is not None]
    on_pages = reads.page_errors(store, funnel["_id"])
    images_done, images_total = reads.image_counts(store, funnel["_id"])
    clone = _mapping(funnel.get("clone"))
    if line["state"] == "completed" and "errors" not in clone:  # of the old system: its pages alone tell
        line["errors"] = sorted({error for errors in on_pages.values() for error in errors})
    return {
        **line,
        "with_errors": told_state(line) != line["state"],
        "errors_by_kind": _by_kind(line["errors"]),
        "failures": [_failure(error) for error in line["errors"]],
        "steps_done": sum(_step_state(step) == "done" for step in steps),
        "steps_total": max(len(steps), line["steps_total"]),
        "images_done": images_done,
        "images_total": max(images_total, line["images_total"]),
        "epoch": clone.get("epoch", 0),
        "pass": clone.get("pass"),
        "proof": clone.get("proof"),
        "asked_at": funnel.get("createdAt"),
        "steps": [_step(step, on_pages.get(repr(step["_id"]), [])) for step in steps],
    }


def told_state(line: dict[str, Any]) -> str:
    """The state for people: a clone of which a part could not be cloned is not simply completed (D14)."""
    state = str(line["state"])
    return "completed with errors" if state == "completed" and line["errors"] else state


def _step(step: Document, errors: Sequence[str]) -> dict[str, Any]:
    return {
        "step_id": str(step["_id"]),
        "original_step_id": str(step["original_step_id"]),
        "name": str(step.get("name", "")),
        "state": _step_state(step),
        "attempts": _mapping(step.get("clone")).get("attempts", 0),
        "version": step.get("version"),
        "processed": _mapping(step.get("processed")),
        "errors": list(errors),
    }


def _by_kind(errors: Sequence[str]) -> dict[str, int]:
    """Every kind with its count, 0 too; why a whole clone failed is of no kind."""
    counts = Counter(failure.kind for failure in map(Failure.read, errors) if failure is not None)
    return {kind: counts[kind] for kind in KINDS}


def _failure(error: str) -> dict[str, Any]:
    found = Failure.read(error)
    if found is None:
        return {"kind": None, "source": None, "reason": error}
    return {"kind": found.kind, "source": found.source or None, "reason": found.reason}


def line_of(funnel: Document) -> dict[str, Any]:
    """A clone in short: what its own document tells."""
    clone = _mapping(funnel.get("clone"))
    progress = _mapping(clone.get("progress"))
    errors = clone.get("errors") or (funnel.get("error") if state_of(funnel) != "completed" else None)
    return {
        "funnel_id": str(funnel["_id"]),
        "name": str(funnel.get("name", "")),
        "account_id": str(funnel.get("account_id")),
        "original_funnel_id": str(funnel.get("original_funnel_id")),
        "state": state_of(funnel),
        "run": clone.get("run", 0),
        "attempts": clone.get("attempts", 0),
        "next_try_at": clone.get("next_try_at"),
        "started_at": clone.get("started_at"),
        "finished_at": clone.get("finished_at"),
        "reason": clone.get("reason"),
        "errors": [str(error) for error in errors] if isinstance(errors, list) else [],
        **{key: progress.get(key, 0) for key in ("steps_done", "steps_total", "images_done", "images_total")},
        "updated_at": funnel.get("updatedAt"),
    }


def _step_state(step: Document) -> str:
    if step.get("in_progress") is True:
        return "cloning"
    return "pending" if step.get("pending") is True else "done"


def _mapping(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
