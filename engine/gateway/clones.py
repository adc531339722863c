"""Clones listed, and one looked at."""

from typing import Annotated, Literal

from fastapi import APIRouter, Path, Query

from engine.edges.mongo import listing, reads
from engine.edges.mongo.client import Store
from engine.edges.mongo.listing import Wanted
from engine.edges.mongo.reads import ListedState
from engine.gateway.clone_documents import MOST_LISTED, CloneInFull, Clones, clone_in_full, clone_of
from engine.gateway.counts import Counts
from engine.gateway.problems import Problem, documented
from engine.upkeep import status

StateAsked = Literal["", ListedState]
FunnelId = Annotated[str, Path(min_length=1, max_length=200)]


def clone_routes(store: Store, counts: Counts) -> APIRouter:
    """``GET /api/clones`` and ``GET /api/clones/{id}``."""
    routes = APIRouter(prefix="/api/clones", tags=["clones"])

    @routes.get("", responses=documented(401, 404, 422, 503))
    def list_clones(
        state: StateAsked = "",
        account: Annotated[str, Query(max_length=200)] = "",
        q: Annotated[str, Query(max_length=200, description="A part of the name, or an id.")] = "",
        limit: Annotated[int, Query(ge=1, le=200)] = 50,
        cursor: Annotated[str, Query(max_length=1_000, description="`next_cursor` of the page before.")] = "",
    ) -> Clones:
        """Clones, newest first."""
        page = listing.list_page(store, Wanted(state or None, account or None, q or None), limit, cursor or None)
        if page is None:
            raise Problem(404, "no page begins at this cursor")
        clones = [clone_of(status.line_of(funnel)) for funnel in page.clones]
        return Clones(clones=clones, next_cursor=page.next_cursor, counts=dict(counts.by_state()))

    @routes.get("/{clone_id}", responses=documented(401, 404, 422, 503))
    def one_clone(clone_id: FunnelId) -> CloneInFull:
        """All that is known of one clone."""
        funnel = reads.find_clone(store, clone_id)
        if funnel is None:
            raise Problem(404, f"no clone has the id {clone_id}")
        images = reads.images_of(store, funnel["_id"], MOST_LISTED + 1)
        forms = reads.forms_of(store, funnel["_id"], MOST_LISTED + 1)
        return clone_in_full(status.in_full(store, funnel), images, forms)

    return routes
