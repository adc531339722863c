"""A clone is asked for."""

from typing import Annotated

from fastapi import APIRouter, Header

from engine.edges.mongo.client import Store
from engine.gateway.clone_documents import CloneRequest, Requested
from engine.gateway.clones import FunnelId
from engine.gateway.problems import Problem, documented
from engine.settings import CrossAccount
from engine.upkeep import request as asking

_STATUS = {"funnel": 404, "account": 404, "cross_account": 403, "key": 409}


def asking_routes(store: Store, rule: CrossAccount) -> APIRouter:
    """``POST /api/funnels/{id}/clone``."""
    routes = APIRouter(prefix="/api/funnels", tags=["clones"])

    @routes.post("/{funnel_id}/clone", status_code=201, responses=documented(401, 403, 404, 409, 413, 422, 503))
    def ask(
        funnel_id: FunnelId,
        body: CloneRequest | None = None,
        idempotency_key: Annotated[
            str | None,
            Header(min_length=1, max_length=255, description="The same key within a day: the same clone."),
        ] = None,
    ) -> Requested:
        """Flag a clone of a funnel; the next pass makes it."""
        given = body or CloneRequest(name=None, account_id=None)
        wanted = asking.Request(funnel_id, given.name, given.account_id)
        if idempotency_key is None:
            outcome = asking.request(store, wanted, rule=rule)
        else:
            outcome = asking.request_once(store, wanted, idempotency_key, rule)
        if isinstance(outcome, asking.Refused):
            raise Problem(_STATUS[outcome.what], outcome.reason)
        return Requested(funnel_id=str(outcome.funnel_ids[0]))

    return routes
