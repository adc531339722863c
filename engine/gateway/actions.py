"""A clone is cancelled or retried, as the commands do it."""

from fastapi import APIRouter

from engine.core.state import WrongState
from engine.edges.mongo.client import Store
from engine.gateway.clone_documents import Done, Force
from engine.gateway.clones import FunnelId
from engine.gateway.problems import Problem, documented
from engine.settings import ScanSettings, StepSettings
from engine.upkeep import cancel, retry

_PROBLEMS = documented(401, 404, 409, 413, 422, 503)


def action_routes(store: Store, scan: ScanSettings, steps: StepSettings) -> APIRouter:
    """``POST /api/clones/{id}/cancel`` and ``/retry``."""
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

    return routes


def _refused(outcome: WrongState | cancel.Unknown) -> Problem:
    return Problem(409 if isinstance(outcome, WrongState) else 404, outcome.reason)
