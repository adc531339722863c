"""A clone is cancelled, retried or undone, as the commands do it."""

from fastapi import APIRouter

from engine.core.state import WrongState
from engine.edges.mongo.client import Store
from engine.gateway.clone_documents import Done, Force, HowToUndo
from engine.gateway.clones import FunnelId
from engine.gateway.problems import Problem, documented
from engine.gateway.undoing import Undoing
from engine.settings import ScanSettings, StepSettings
from engine.upkeep import cancel, retry
from engine.upkeep.undo import Edited
from engine.upkeep.undo_told import refusal, told_edited

_PROBLEMS = documented(400, 401, 404, 409, 413, 422, 503)


def action_routes(store: Store, scan: ScanSettings, steps: StepSettings, undoing: Undoing) -> APIRouter:
    """``POST /api/clones/{id}/cancel``, ``/retry`` and ``/undo``."""
    routes = APIRouter(prefix="/api/clones", tags=["clones"])

    @routes.post("/{clone_id}/cancel", responses=_PROBLEMS)
    def cancel_clone(clone_id: FunnelId) -> Done:
        """Stop a clone, whoever works on it; what was made stays."""
        outcome = cancel.cancel(store, clone_id, scan, steps)
        if isinstance(outcome, cancel.Cancelled):
            return Done(**cancel.told(outcome))
        raise _refused(outcome)

    @routes.post("/{clone_id}/retry", responses=_PROBLEMS)
    def retry_clone(clone_id: FunnelId, body: Force | None = None) -> Done:
        """Ask for an ended clone again, from where it stands."""
        outcome = retry.retry(store, clone_id, force=body is not None and body.force)
        if isinstance(outcome, retry.Revived):
            told = retry.told(outcome)
            return Done(**{**told, "state": "waiting"})
        if isinstance(outcome, retry.Edited):
            detail = f"clone {outcome.funnel_id}: {len(outcome.pages)} pages would be overwritten; nothing was written"
            raise Problem(409, detail, force_helps=True, edited=retry.told_edited(outcome))
        raise _refused(outcome)

    @routes.post("/{clone_id}/undo", responses=_PROBLEMS)
    def undo_clone(clone_id: FunnelId, body: HowToUndo | None = None) -> Done:
        """Remove all that an ended clone made: ``undone``, or ``undoing`` where that takes longer than a call."""
        if not undoing.offered:
            raise Problem(409, "this gateway knows no object store (s3.bucket): only the command can undo")
        how = body or HowToUndo()
        outcome = undoing.undo(clone_id, force=how.force, keep_funnel=how.keep_funnel)
        if isinstance(outcome, dict):
            return Done(**outcome)
        if isinstance(outcome, Edited):
            raise Problem(409, refusal(outcome), force_helps=True, edited=told_edited(outcome))
        raise _refused(outcome)

    return routes


def _refused(outcome: WrongState | cancel.Unknown) -> Problem:
    return Problem(409 if isinstance(outcome, WrongState) else 404, outcome.reason)
