"""Complete: how a funnel ends. Each end is one transaction of flags and event: users hear exactly once (B20)."""

from collections.abc import Sequence
from hashlib import sha256

from engine import crash_points
from engine.core.model import Claim, DocId, Failure, FinishResult, FunnelPlan
from engine.core.state import WrongState
from engine.edges.mongo import cancels, ends
from engine.edges.mongo.client import Store
from engine.edges.pipelines import source_gone_sentence
from engine.flow.context import FunnelContext
from engine.flow.images import CopiedImages, copy_images

COMPLETED = "funnel_cloning_completed"
FAILED = "funnel_cloning_failed"
SOURCE_DELETED = "original_funnel_deleted"
CANCELLED = "cancelled"


def finish_funnel(context: FunnelContext) -> FinishResult:
    """Copy the images that no page shows, then complete. Safe to repeat; tells where steps are left, and then waits.

    Raises:
        ClaimLost: Somebody else holds the funnel; nobody is told.
        TransientError: Trying again may help.
    """
    claim = context.plan.claim
    steps = ends.read_steps_left(context.store, claim, context.plan.step_ids)
    if steps.unfinished:
        return FinishResult("unfinished")
    copied = _copy_the_rest(context)
    crash_points.reached("rest.copied", claim.funnel_id)
    errors = _errors(context)
    payload: dict[str, object] = {"funnel_id": str(claim.funnel_id), "status": "completed"}
    if errors:
        payload["errors"] = len(errors)
    ends.end(
        context.store,
        claim,
        "completed",
        ends.Event(COMPLETED, payload),
        {
            "clone.errors": list(errors),
            "clone.proof": _digest(steps),
            "clone.progress": _progress(context.plan, errors),
        },
    )
    return FinishResult(
        "completed",
        errors=errors,
        images_done=copied.done_ids,
        copied=copied.copied,
    )


def end_source_gone(store: Store, claim: Claim) -> None:
    """The original does not exist (B7). Safe to repeat.

    Raises:
        ClaimLost: Somebody else holds the funnel.
    """
    ends.end(
        store,
        claim,
        "source_deleted",
        ends.Event(FAILED, {"funnel_id": str(claim.funnel_id), "status": "failed", "reason": SOURCE_DELETED}),
        {"original_funnel_deleted": True},
        error=source_gone_sentence(claim.original_id),
    )


def park(store: Store, claim: Claim, reason: str) -> None:
    """The funnel cannot be cloned: parked with its reason, users told. Asking again begins a new run. Safe to repeat.

    Raises:
        ClaimLost: Somebody else holds the funnel.
    """
    ends.end(
        store,
        claim,
        "failed",
        ends.Event(FAILED, {"funnel_id": str(claim.funnel_id), "status": "failed", "reason": reason}),
        {"clone.errors": [reason]},
        error=reason,
    )


def cancel(store: Store, funnel_id: DocId, thresholds: cancels.Thresholds) -> cancels.Cancelled | WrongState | None:
    """Somebody ends the clone: users told, what was made stays. None where there is no such clone. Safe to repeat."""
    payload = {"funnel_id": str(funnel_id), "status": "failed", "reason": CANCELLED}
    return cancels.cancel(store, funnel_id, CANCELLED, ends.Event(FAILED, payload), thresholds)


def _copy_the_rest(context: FunnelContext) -> CopiedImages:
    left = {repr(record["_id"]) for record in ends.read_images_left(context.store, context.plan.claim)}
    return copy_images(context, [image for image in context.plan.images if repr(image.record_id) in left])


def _errors(context: FunnelContext) -> tuple[str, ...]:
    """Everything that could not be cloned: of pages, of images that no page shows, of records without a key."""
    plan: FunnelPlan = context.plan
    of_images = [
        Failure("image", record["source_key"], record["clone"]["error"])
        for record in ends.read_failed_images(context.store, plan.claim)
    ]
    sentences = {*ends.read_errors(context.store, plan.claim), *map(str, of_images), *map(str, plan.failures)}
    return tuple(sorted(sentences))


def _progress(plan: FunnelPlan, errors: Sequence[str]) -> dict[str, int]:
    images_failed = sum(error.startswith("image ") for error in errors)
    return {
        "steps_done": plan.steps_total,
        "steps_total": plan.steps_total,
        "images_done": max(0, len(plan.images) - images_failed),
        "images_total": len(plan.images),
    }


def _digest(steps: ends.StepsLeft) -> str:
    """One hash over the proofs of all pages: equal digests, equal clones."""
    whole = sha256()
    for step_id, proof in steps.proofs:
        for name in sorted(proof):
            whole.update(f"{step_id}\0{name}\0{proof[name]}\0".encode())
    return whole.hexdigest()
